"""Stage 5, what changed since last time: episodes open, change, clear, are waived."""

from __future__ import annotations

from capa_sync.findings.diff import DiffResult, Event, What, diff_findings

__all__ = ["DiffResult", "Event", "What", "diff_findings"]
