"""Runs the stages in order; `cycle.py` alone defines that order."""

from __future__ import annotations
