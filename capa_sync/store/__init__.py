"""Stage 2, the mirror and register: the one SQLite file; the only package that speaks SQL."""

from __future__ import annotations
