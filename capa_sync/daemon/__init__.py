"""The journey: one file, cycle.py, knows the order of the stages."""

from __future__ import annotations
