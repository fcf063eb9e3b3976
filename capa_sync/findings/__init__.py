"""Stage 5, what changed since the last evaluation: episodes open, change, clear, are waived."""

from __future__ import annotations

from capa_sync.findings.diff import RULE_GONE, DiffResult, Event, What, diff_findings
from capa_sync.findings.waivers import WaiverCase, WaiverStanding, newest_first, standing_of

__all__ = [
    "RULE_GONE",
    "DiffResult",
    "Event",
    "WaiverCase",
    "WaiverStanding",
    "What",
    "diff_findings",
    "newest_first",
    "standing_of",
]
