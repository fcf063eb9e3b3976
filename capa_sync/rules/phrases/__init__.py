"""The vocabulary, one table of phrases by family; what can be said of a subject, and what it means."""

from __future__ import annotations
