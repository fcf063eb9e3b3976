"""The pipeline's step `diff`: a ticket's verdicts against its latest episodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.findings import RULE_GONE, DiffResult, What, diff_findings
from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.waiver import Granted


def diff_of(
    inputs: PipelineInputs,
    ticket_id: str,
    previous: Sequence[Finding],
    verdicts: Sequence[Verdict],
    why_gone: str = RULE_GONE,
    granted: Mapping[str, Granted] | None = None,
) -> DiffResult:
    """Compare a ticket's verdicts with its latest episodes; `granted`: rule -> the waiver that counts for it."""
    return diff_findings(
        previous,
        verdicts,
        source=inputs.source.name,
        ticket_id=ticket_id,
        now=inputs.now,
        rule_set=inputs.rules.hash,
        why_gone=why_gone,
        granted=granted or {},
    )


def events_of(diff: DiffResult) -> tuple[tuple[What, str], ...]:
    """Return what happened to the finding of each rule."""
    return tuple((event.what, event.finding.rule) for event in diff.events)


def latest_episodes(previous: Iterable[Finding], diff: DiffResult) -> list[Finding]:
    """Return the latest episode of each rule as it is after the diff is stored."""
    found = {finding.rule: finding for finding in previous}
    for finding in diff.save:
        if finding.rule not in found or finding.episode >= found[finding.rule].episode:
            found[finding.rule] = finding
    return sorted(found.values(), key=lambda finding: (finding.number, finding.rule))
