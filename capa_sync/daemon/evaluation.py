"""Evaluates a batch of due tickets: map, evaluate the rules, compare with the findings, plan. It only reads.

Another process with the same rules and mapping can therefore evaluate a batch (`workers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.mapped import map_mirrored, may_be_joined, primary
from capa_sync.daemon.outcome import Evaluated, LeftToPrimary, NotMirrored, Outcome, Quarantined
from capa_sync.daemon.plan_cache import PickledPlan
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.targets import target_of
from capa_sync.errors import CapaSyncError, own_error
from capa_sync.findings import RULE_GONE, DiffResult, What, diff_findings
from capa_sync.model.finding import Finding, Mode, Verdict
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import Presence
from capa_sync.ports import Mirror
from capa_sync.register import action_rows, birth_rows, register_row
from capa_sync.store import judged_rows
from capa_sync.writeback import plan_ticket

UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})
"""The present content of these tickets is unknown: no finding opens and none clears."""


class EvaluationBatch:
    """A batch of due tickets of one source, read together; valid until the mirror changes."""

    def __init__(self, runtime: Runtime, setup: SourceContext, ids: Sequence[str], now: datetime) -> None:
        register = runtime.register
        self._runtime, self._setup, self._now = runtime, setup, now
        self._mirror: Mirror = register.batch(setup.name, ids, setup.source.parser())
        self._as_of = register.runs.as_of(setup.name)
        self._previous = register.findings.latest_of(setup.name, ids)
        self._writes = register.outbox.writes_of(setup.name, ids) if setup.write.mode != "off" else {}

    def evaluate(self, ids: Iterable[str]) -> list[Outcome]:
        """Judge some tickets of the batch, in order. A ticket that names a duplicate has that stored first.

        Each step runs for all tickets before the next step, so that its code stays in the processor cache: ticket by
        ticket, the same work took a fifth longer (measured). Where tickets may be joined they are judged one by one,
        because a ticket can change the verdict of the next.
        """
        if may_be_joined(self._runtime, self._setup):
            return [outcome for ticket_id in ids for outcome in self._fenced([ticket_id])]
        return self._fenced(list(ids))

    def _fenced(self, ids: Sequence[str]) -> list[Outcome]:
        """Judge tickets; a ticket whose content raises an error is quarantined with it, the others are judged."""
        try:
            return self._evaluate(ids)
        except CapaSyncError:
            raise
        except Exception as error:  # noqa: BLE001 - becomes the ticket's reason; it waits until it changes
            if len(ids) == 1:
                return [Quarantined(ids[0], (own_error(error),))]
        return [outcome for ticket_id in ids for outcome in self._fenced([ticket_id])]

    def _evaluate(self, ids: Iterable[str]) -> list[Outcome]:
        results = [self._take(ticket_id) for ticket_id in ids]
        judged = iter(self._judge([result for result in results if isinstance(result, CapaRecord)]))
        return [next(judged) if isinstance(result, CapaRecord) else result for result in results]

    def _take(self, ticket_id: str) -> CapaRecord | Outcome:
        """Map a ticket; return its record, or the outcome when it is not to be judged."""
        runtime, setup = self._runtime, self._setup
        record = map_mirrored(
            runtime, setup, ticket_id, self._now, learn=True, mirror=self._mirror, as_of=self._as_of
        )
        if not isinstance(record, CapaRecord):
            return Quarantined(ticket_id, _reasons(record))
        if primary(runtime, setup, ticket_id) != (setup.name, ticket_id):
            return LeftToPrimary(ticket_id)
        return NotMirrored(ticket_id) if record.presence in UNSEEN else record

    def _judge(self, records: Sequence[CapaRecord]) -> Iterator[Evaluated]:
        runtime, setup, now = self._runtime, self._setup, self._now
        previous = [self._previous.get(record.ticket_id, []) for record in records]
        moments = [judged_at(runtime, record, now) for record in records]
        verdicts = [
            runtime.rules.evaluate(record, runtime.options, at) for record, at in zip(records, moments, strict=True)
        ]
        compared = zip(records, previous, verdicts, strict=True)
        diffs = [diff_of(runtime, setup, record.ticket_id, before, after, now) for record, before, after in compared]
        findings = [_latest(before, diff) for before, diff in zip(previous, diffs, strict=True)]
        found = list(zip(records, findings, verdicts, strict=True))
        columns = [register_row(record, latest, judged, runtime.options) for record, latest, judged in found]
        plans = [self._plan(record, latest, judged) for record, latest, judged in found]
        for record, judged, diff, row, plan in zip(records, verdicts, diffs, columns, plans, strict=True):
            rows = judged_rows(
                setup.name,
                record.ticket_id,
                record.created_at.year,
                _next_due_at(record, judged),
                findings=diff.save,
                verdicts=judged,
                columns=row,
                actions=action_rows(record),
                timeline=birth_rows(record),
            )
            yield Evaluated(record.ticket_id, rows, events_of(diff), plan)

    def _plan(
        self, record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict]
    ) -> PickledPlan | None:
        runtime, setup, writes = self._runtime, self._setup, self._writes.get(record.ticket_id, [])
        if setup.write.mode == "off" or not (findings or writes):
            return None
        target = target_of(runtime, setup, record, self._mirror, self._now, was_meant=bool(writes))
        outcomes = {verdict.rule: verdict.outcome for verdict in verdicts if verdict.mode is Mode.WARN}
        plan = plan_ticket(target, findings, writes, now=self._now, options=setup.write, outcomes=outcomes)
        return PickledPlan.of(plan)


def judged_at(runtime: Runtime, record: CapaRecord, now: datetime) -> datetime:
    """Return the instant at which a record is judged: now, or the instant when its ticket was no longer there.

    Time alone therefore changes no verdict on a ticket that vanished.
    """
    if record.presence is Presence.PRESENT:
        return now
    since = runtime.register.tickets.presence_since(record.source, record.ticket_id)
    return min(since, now) if since is not None else now


def diff_of(
    runtime: Runtime,
    setup: SourceContext,
    ticket_id: str,
    previous: Sequence[Finding],
    verdicts: Sequence[Verdict],
    now: datetime,
    why_gone: str = RULE_GONE,
) -> DiffResult:
    """Compare a ticket's verdicts with its latest episodes."""
    return diff_findings(
        previous,
        verdicts,
        source=setup.name,
        ticket_id=ticket_id,
        now=now,
        rule_set=runtime.rules.hash,
        why_gone=why_gone,
    )


def events_of(diff: DiffResult) -> tuple[tuple[What, str], ...]:
    """Return what happened to the finding of each rule."""
    return tuple((event.what, event.finding.rule) for event in diff.events)


def _reasons(record: Unmapped | None) -> tuple[str, ...]:
    return (
        tuple(record.reasons) if record is not None else ("it is not mirrored, or its stored parts make no ticket",)
    )


def _latest(previous: Iterable[Finding], diff: DiffResult) -> list[Finding]:
    """Return the latest episode of each rule as it is after the diff is stored."""
    found = {finding.rule: finding for finding in previous}
    for finding in diff.save:
        if finding.rule not in found or finding.episode >= found[finding.rule].episode:
            found[finding.rule] = finding
    return sorted(found.values(), key=lambda finding: (finding.number, finding.rule))


def _next_due_at(record: CapaRecord, verdicts: list[Verdict]) -> datetime | None:
    """Return the earliest instant at which time alone may change a verdict; None for a ticket that vanished."""
    if record.presence is not Presence.PRESENT:
        return None
    return min((verdict.next_due for verdict in verdicts if verdict.next_due is not None), default=None)
