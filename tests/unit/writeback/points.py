"""Findings with full texts, as they are rendered on tickets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from capa_sync.model.finding import FindingState, Severity
from tests.unit.writeback.harness import finding

CAUSE = finding(
    title="The root cause is written down before the corrective action starts",
    clause="ISO 27001 10.2 b",
    message="Corrective action was entered 5 days before the root cause",
    fix='Fill "Root cause", e.g. what in the process let it happen',
    number=10,
)
EXTENT = finding(
    "extent-assessed",
    severity=Severity.MEDIUM,
    title="Somebody looked for similar nonconformities",
    clause="ISO 27001 10.2 b",
    message="Nobody wrote where else this could happen.",
    fix='Fill "Similar cases" with where you looked and what you found.',
    number=16,
)
WAIVED = replace(
    EXTENT,
    state=FindingState.WAIVED,
    waived_until=datetime(2026, 3, 31, 12, tzinfo=UTC),
    waived_by="M. Roy",
    waived_reason="only one such system exists",
)
