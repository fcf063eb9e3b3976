"""Stage 1, the sources: reads tickets from trackers and writes on them, one client module for each vendor."""

from __future__ import annotations
