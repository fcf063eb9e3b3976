"""Weighs a batch of due tickets: map, evaluate, tell what changed, plan. It only reads.

So a batch may be weighed by another process, which knows what this one knows (`clerks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.mapped import Mirror, carrier, map_mirrored
from capa_sync.daemon.outcome import Aside, HandedOver, Outcome, Unseen, Weighed
from capa_sync.daemon.targets import target_of
from capa_sync.findings import RULE_GONE, DiffResult, What, diff_findings
from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.finding import Outcome as Says
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import Presence
from capa_sync.register import action_rows, birth_rows, register_row
from capa_sync.store import judged_rows
from capa_sync.writeback import TicketPlan, plan_ticket

UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})
"""We do not know what these tickets look like now: nothing opens and nothing clears."""


class Desk:
    """Due tickets of one source on the desk, read at once; good for as long as the mirror stays as it is."""

    def __init__(self, house: House, setup: SourceSetup, ids: Sequence[str], now: datetime) -> None:
        register = house.register
        self._house, self._setup, self._now = house, setup, now
        self._mirror: Mirror = register.batch(setup.name, ids, setup.source.parser())
        self._as_of = register.runs.as_of(setup.name)
        self._previous = register.findings.latest_of(setup.name, ids)
        self._writes = register.outbox.writes_of(setup.name, ids) if setup.write.mode != "off" else {}

    def weigh(self, ticket_id: str) -> Outcome:
        """Judge one of them. A ticket that names a twin makes that known to the register first (`map_mirrored`)."""
        house, setup = self._house, self._setup
        record = map_mirrored(house, setup, ticket_id, self._now, learn=True, mirror=self._mirror, as_of=self._as_of)
        if not isinstance(record, CapaRecord):
            return Aside(ticket_id, _reasons(record))
        if carrier(house, setup, ticket_id) != (setup.name, ticket_id):
            return HandedOver(ticket_id)
        if record.presence in UNSEEN:
            return Unseen(ticket_id)
        return self._weigh(record)

    def _weigh(self, record: CapaRecord) -> Weighed:
        house, setup, ticket_id = self._house, self._setup, record.ticket_id
        verdicts = house.rules.evaluate(record, house.options, self._now)
        previous = self._previous.get(ticket_id, [])
        diff = diff_of(house, setup, ticket_id, previous, verdicts, self._now)
        findings = _latest(previous, diff)
        rows = judged_rows(
            setup.name,
            ticket_id,
            record.created_at.year,
            _look_again(record, verdicts),
            findings=diff.save,
            verdicts=verdicts,
            columns=register_row(record, findings, verdicts, house.options),
            actions=action_rows(record),
            timeline=birth_rows(record),
        )
        return Weighed(ticket_id, rows, events_of(diff), self._plan(record, findings, verdicts))

    def _plan(
        self, record: CapaRecord, findings: Sequence[Finding], verdicts: Sequence[Verdict]
    ) -> TicketPlan | None:
        house, setup, writes = self._house, self._setup, self._writes.get(record.ticket_id, [])
        if setup.write.mode == "off" or not (findings or writes):
            return None
        target = target_of(house, setup, record, self._mirror, self._now)
        unsure = {each.rule for each in verdicts if each.outcome is Says.CANNOT_TELL}
        return plan_ticket(target, findings, writes, now=self._now, options=setup.write, unsure=unsure)


def diff_of(
    house: House,
    setup: SourceSetup,
    ticket_id: str,
    previous: Sequence[Finding],
    verdicts: Sequence[Verdict],
    now: datetime,
    why_gone: str = RULE_GONE,
) -> DiffResult:
    """Lay a ticket's verdicts over its latest episodes."""
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
    """Return what happened to which rule's finding."""
    return tuple((event.what, event.finding.rule) for event in diff.events)


def _reasons(record: Unmapped | None) -> tuple[str, ...]:
    return tuple(record.reasons) if record is not None else ("it is not mirrored",)


def _latest(previous: Iterable[Finding], diff: DiffResult) -> list[Finding]:
    """Return the latest episode of each rule once the diff is stored."""
    found = {each.rule: each for each in previous}
    for each in diff.save:
        if each.rule not in found or each.episode >= found[each.rule].episode:
            found[each.rule] = each
    return sorted(found.values(), key=lambda each: (each.number, each.rule))


def _look_again(record: CapaRecord, verdicts: list[Verdict]) -> datetime | None:
    """Return the earliest instant at which time alone may change a verdict; never for a ticket that vanished."""
    if record.presence is not Presence.PRESENT:
        return None
    return min((each.next_due for each in verdicts if each.next_due is not None), default=None)
