"""The waivers of a ticket at one evaluation: which count, which ended, and until when they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.findings import WaiverCase, WaiverStanding, newest_first, standing_of
from capa_sync.mapping import People
from capa_sync.model.finding import Finding, FindingState, Outcome, Severity, Verdict
from capa_sync.model.light import light
from capa_sync.model.record import CapaRecord
from capa_sync.model.waiver import Granted, Waiver, WaiverState, Way


@light
class TicketWaivers:
    """The waivers of one ticket that had not ended, each with what it does now.

    Attributes:
        decided: the newest first. granted: rule -> the waiver that counts for its finding.
        bound: id -> what the rule reads now, of those that are bound to it from now on.
    """

    decided: tuple[tuple[Waiver, WaiverStanding], ...]
    granted: Mapping[str, Granted]
    bound: Mapping[int, Mapping[str, str]]

    @property
    def next_end(self) -> datetime | None:
        """Return when the first of them ends or begins by time, None when none does."""
        instants = (at for _, standing in self.decided for at in (standing.until, standing.begins))
        return min((at for at in instants if at is not None), default=None)

    @property
    def states(self) -> list[tuple[Waiver, WaiverState, str]]:
        """Return each waiver with its state, and why it has no effect."""
        return [(waiver, standing.state, standing.why) for waiver, standing in self.decided]


_LIVE = frozenset({FindingState.OPEN, FindingState.WAIVED})
NO_WAIVERS = TicketWaivers((), {}, {})


def waivers_on(
    inputs: PipelineInputs,
    waivers: Sequence[Waiver],
    record: CapaRecord,
    previous: Sequence[Finding],
    verdicts: Sequence[Verdict],
    now: datetime,
) -> TicketWaivers:
    """Decide on the waivers of a record at an instant, by its verdicts and the latest episode of each rule."""
    if not waivers:
        return NO_WAIVERS
    judged = {verdict.rule: verdict for verdict in verdicts}
    known = {finding.rule: finding for finding in previous}
    decided, granted, bound = [], dict[str, Granted](), dict[int, Mapping[str, str]]()
    for waiver in newest_first(waivers):
        verdict, latest = judged.get(waiver.rule), known.get(waiver.rule)
        case = case_of(inputs, record, waiver.rule, severity_of(verdict, latest), now)
        standing = _without_effect(standing_of(waiver, case), waiver, verdict, latest)
        if _is_taken_back(waiver, record):
            standing = WaiverStanding(WaiverState.ENDED, "its comment was changed or deleted", None)
        if not waiver.is_bound and has_finding(verdict, latest):
            bound[waiver.id] = case.reads
        decided.append((waiver, standing))
        if standing.state is WaiverState.ACTIVE and standing.until is not None:
            granted.setdefault(waiver.rule, _granted(waiver, standing.until, inputs.source.mapping.people))
    return TicketWaivers(tuple(decided), granted, bound)


def _is_taken_back(waiver: Waiver, record: CapaRecord) -> bool:
    """Return whether a waiver was asked for in a comment that is there no more, or that says something else now."""
    if waiver.way is not Way.COMMENT or record.unread_join or "comments" in record.undelivered:
        return False
    return all(request.key != waiver.origin for comment in record.comments for request in comment.requests)


def has_finding(verdict: Verdict | None, latest: Finding | None) -> bool:
    """Return whether a rule has an open or waived finding, or opens one now."""
    is_breach = verdict is not None and verdict.outcome is Outcome.BREACH
    is_unsure = verdict is not None and verdict.outcome is Outcome.CANNOT_TELL
    return is_breach or (is_unsure and latest is not None and latest.state in _LIVE)


def _without_effect(
    standing: WaiverStanding, waiver: Waiver, verdict: Verdict | None, latest: Finding | None
) -> WaiverStanding:
    """Return the standing of a waiver whose rule is not active, or that was recorded where nothing was found."""
    if standing.state is WaiverState.ENDED:
        return standing
    if verdict is None:
        return replace(standing, state=WaiverState.INACTIVE, why=f"no active rule is named {waiver.rule}")
    if waiver.is_bound or has_finding(verdict, latest):
        return standing
    if verdict.outcome is Outcome.CANNOT_TELL:
        return replace(standing, state=WaiverState.INACTIVE, why=f"{waiver.rule} cannot tell yet")
    why = f"{waiver.rule} found nothing on the ticket, so there was nothing to waive"
    return WaiverStanding(WaiverState.ENDED, why, None)


def severity_of(verdict: Verdict | None, latest: Finding | None) -> Severity:
    """Return the severity of a finding now; while its rule cannot tell, that of the episode that stays open."""
    if verdict is None or (verdict.outcome is Outcome.CANNOT_TELL and latest is not None and latest.episode):
        return latest.severity if latest is not None else Severity.LOW
    return verdict.severity


def case_of(inputs: PipelineInputs, record: CapaRecord, rule: str, severity: Severity, now: datetime) -> WaiverCase:
    """Return what the decision on a waiver of a rule reads besides the waiver.

    While a joined ticket is unread, nobody knows what the rule would read.
    """
    owner = record.fields["owner"]
    reads = {} if record.unread_join else inputs.rules.read_digests(rule, record, inputs.options, now)
    return WaiverCase(
        severity=severity,
        owner=str(owner.data) if owner.is_filled else "",
        reads=reads,
        now=now,
        unwaivable=inputs.options.unwaivable,
        timezone=inputs.options.timezone,
    )


def _granted(waiver: Waiver, until: datetime, people: People) -> Granted:
    by = people.names.get(waiver.asked_by, waiver.asked_by)
    if waiver.approved_by:
        by += f", approved by {people.names.get(waiver.approved_by, waiver.approved_by)}"
    return Granted(until, by, waiver.reason)
