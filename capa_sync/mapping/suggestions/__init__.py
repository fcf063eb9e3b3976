"""Proposes a mapping from a source's own lists: which field, status and option means what, how sure, and why."""

from __future__ import annotations

from capa_sync.mapping.suggestions.file import mapping_text
from capa_sync.mapping.suggestions.propose import Suggestion, suggest

__all__ = ["Suggestion", "mapping_text", "suggest"]
