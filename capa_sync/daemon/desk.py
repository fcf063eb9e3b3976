"""Evaluates a batch of due tickets: map, evaluate the rules, compare with the findings, plan. It only reads.

Another process with the same rules and mapping can therefore evaluate a batch (`clerks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.kept import SealedPlan
from capa_sync.daemon.mapped import Mirror, carrier, map_mirrored, may_be_joined
from capa_sync.daemon.outcome import Aside, HandedOver, Outcome, Unseen, Weighed
from capa_sync.daemon.targets import target_of
from capa_sync.errors import CapaSyncError, own_error
from capa_sync.findings import RULE_GONE, DiffResult, What, diff_findings
from capa_sync.model.finding import Finding, Mode, Verdict
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import Presence
from capa_sync.register import action_rows, birth_rows, register_row
from capa_sync.store import judged_rows
from capa_sync.writeback import plan_ticket

UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})
"""The present content of these tickets is unknown: no finding opens and none clears."""


class Desk:
    """A batch of due tickets of one source, read together; valid until the mirror changes."""

    def __init__(self, house: House, setup: SourceSetup, ids: Sequence[str], now: datetime) -> None:
        register = house.register
        self._house, self._setup, self._now = house, setup, now
        self._mirror: Mirror = register.batch(setup.name, ids, setup.source.parser())
        self._as_of = register.runs.as_of(setup.name)
        self._previous = register.findings.latest_of(setup.name, ids)
        self._writes = register.outbox.writes_of(setup.name, ids) if setup.write.mode != "off" else {}

    def weigh(self, ids: Iterable[str]) -> list[Outcome]:
        """Judge some tickets of the batch, in order. A ticket that names a duplicate has that stored first.

        Each step runs for all tickets before the next step, so that its code stays in the processor cache: ticket by
        ticket, the same work took a fifth longer (measured). Where tickets may be joined they are judged one by one,
        because a ticket can change the verdict of the next.
        """
        if may_be_joined(self._house, self._setup):
            return [outcome for ticket_id in ids for outcome in self._fenced([ticket_id])]
        return self._fenced(list(ids))

    def _fenced(self, ids: Sequence[str]) -> list[Outcome]:
        """Judge tickets; a ticket whose content raises an error is quarantined with it, the others are judged."""
        try:
            return self._weigh(ids)
        except CapaSyncError:
            raise
        except Exception as error:  # noqa: BLE001 - becomes the ticket's reason; it waits until it changes
            if len(ids) == 1:
                return [Aside(ids[0], (own_error(error),))]
        return [outcome for ticket_id in ids for outcome in self._fenced([ticket_id])]

    def _weigh(self, ids: Iterable[str]) -> list[Outcome]:
        results = [self._take(ticket_id) for ticket_id in ids]
        judged = iter(self._judge([result for result in results if isinstance(result, CapaRecord)]))
        return [next(judged) if isinstance(result, CapaRecord) else result for result in results]

    def _take(self, ticket_id: str) -> CapaRecord | Outcome:
        """Map a ticket; return its record, or the outcome when it is not to be judged."""
        house, setup = self._house, self._setup
        record = map_mirrored(house, setup, ticket_id, self._now, learn=True, mirror=self._mirror, as_of=self._as_of)
        if not isinstance(record, CapaRecord):
            return Aside(ticket_id, _reasons(record))
        if carrier(house, setup, ticket_id) != (setup.name, ticket_id):
            return HandedOver(ticket_id)
        return Unseen(ticket_id) if record.presence in UNSEEN else record

    def _judge(self, records: Sequence[CapaRecord]) -> Iterator[Weighed]:
        house, setup, now = self._house, self._setup, self._now
        previous = [self._previous.get(record.ticket_id, []) for record in records]
        moments = [judged_at(house, record, now) for record in records]
        verdicts = [
            house.rules.evaluate(record, house.options, at) for record, at in zip(records, moments, strict=True)
        ]
        compared = zip(records, previous, verdicts, strict=True)
        diffs = [diff_of(house, setup, record.ticket_id, before, after, now) for record, before, after in compared]
        findings = [_latest(before, diff) for before, diff in zip(previous, diffs, strict=True)]
        found = list(zip(records, findings, verdicts, strict=True))
        columns = [register_row(record, latest, judged, house.options) for record, latest, judged in found]
        plans = [self._plan(record, latest, judged) for record, latest, judged in found]
        for record, judged, diff, row, plan in zip(records, verdicts, diffs, columns, plans, strict=True):
            rows = judged_rows(
                setup.name,
                record.ticket_id,
                record.created_at.year,
                _look_again(record, judged),
                findings=diff.save,
                verdicts=judged,
                columns=row,
                actions=action_rows(record),
                timeline=birth_rows(record),
            )
            yield Weighed(record.ticket_id, rows, events_of(diff), plan)

    def _plan(
        self, record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict]
    ) -> SealedPlan | None:
        house, setup, writes = self._house, self._setup, self._writes.get(record.ticket_id, [])
        if setup.write.mode == "off" or not (findings or writes):
            return None
        target = target_of(house, setup, record, self._mirror, self._now, was_meant=bool(writes))
        outcomes = {verdict.rule: verdict.outcome for verdict in verdicts if verdict.mode is Mode.WARN}
        plan = plan_ticket(target, findings, writes, now=self._now, options=setup.write, outcomes=outcomes)
        return SealedPlan.of(plan)


def judged_at(house: House, record: CapaRecord, now: datetime) -> datetime:
    """Return the instant at which a record is judged: now, or the instant when its ticket was no longer there.

    Time alone therefore changes no verdict on a ticket that vanished.
    """
    if record.presence is Presence.PRESENT:
        return now
    since = house.register.tickets.presence_since(record.source, record.ticket_id)
    return min(since, now) if since is not None else now


def diff_of(
    house: House,
    setup: SourceSetup,
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
        rule_set=house.rules.hash,
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


def _look_again(record: CapaRecord, verdicts: list[Verdict]) -> datetime | None:
    """Return the earliest instant at which time alone may change a verdict; None for a ticket that vanished."""
    if record.presence is not Presence.PRESENT:
        return None
    return min((verdict.next_due for verdict in verdicts if verdict.next_due is not None), default=None)
