"""Stage 1, where tickets live: reads trackers and writes on them, each vendor behind one door."""

from __future__ import annotations
