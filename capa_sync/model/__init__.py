"""The types that every stage shares: frozen values, standard library only, no input or output."""

from __future__ import annotations
