"""Stage 5, what changed since last time: episodes open, change, clear, are waived."""

from __future__ import annotations
