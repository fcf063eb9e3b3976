"""Third to fifth step: map, evaluate, and tell what changed since last time, for every ticket that is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.mapped import carrier, learn_twins, map_mirrored
from capa_sync.daemon.targets import target_of
from capa_sync.findings import RULE_GONE, DiffResult, What, diff_findings
from capa_sync.model.finding import Finding, Verdict
from capa_sync.model.record import Action as RecordAction
from capa_sync.model.record import CapaRecord, FieldChange, Unmapped
from capa_sync.model.ticket import Presence
from capa_sync.register import action_rows, birth_rows, register_row

BATCH = 200
"""Tickets judged in one transaction."""

KEPT = 10_000
"""Tickets of a cycle for which planning need not map again; they must fit into memory."""

UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})
"""We do not know what these tickets look like now: nothing opens and nothing clears."""


def pass_to_carriers(house: House, setup: SourceSetup, now: datetime) -> None:
    """Settle which tickets are due: all under new rules; records for their actions, joined ones for their twins.

    Comes before any source of a round is judged, so that one round is enough for a joined record.
    """
    _notice_new_rules(house, setup, now)
    due = house.register.agenda.due_judging(setup.name, now)
    if not due:
        return
    with house.register.transaction():
        learn_twins(house, setup, due, now)
    _send_to_carriers(house, setup, now)


def judge_due_tickets(house: House, setup: SourceSetup, now: datetime) -> dict[str, int]:
    """Judge every ticket of this source that changed or whose time has come; return counts by name.

    Runs only after the source was read to its end, so that no verdict rests on half a page set, and after
    `pass_to_carriers`.
    """
    due = house.register.agenda.due_judging(setup.name, now)
    setup.targets.clear()
    counts: Counter[str] = Counter(judged=0, opened=0, cleared=0, quarantined=0)
    for start in range(0, len(due), BATCH):
        house.checkpoint("before-judging-commit")
        with house.register.transaction():
            counts.update(_Desk(house, setup, due[start : start + BATCH], now).judge_all())
        house.checkpoint("after-judging-commit")
        house.progress(setup.name, "judging", min(start + BATCH, len(due)), len(due))
    return dict(counts)


def _notice_new_rules(house: House, setup: SourceSetup, now: datetime) -> None:
    """Make every ticket due when rules, mapping or the tracker's own field list differ from last time."""
    bound = setup.bound.hash if setup.bound is not None else ""
    fingerprint = f"{house.rules.hash}:{bound}"
    if house.register.agenda.judged_with(setup.name) == fingerprint:
        return
    log(Action.RULES_CHANGED, source=setup.name)
    with house.register.transaction():
        house.register.agenda.want_judging(setup.name, house.register.tickets.record_ids(setup.name), now)
        house.register.agenda.judge_with(setup.name, fingerprint)


def _send_to_carriers(house: House, setup: SourceSetup, now: datetime) -> None:
    """Pass the wish to be judged from action tickets to their records, then from joined twins to the carrier."""
    register = house.register
    with register.transaction():
        for ticket_id in register.agenda.due_actions(setup.name, now):
            parents = register.tickets.parents_of(setup.name, ticket_id)
            known = [each for each in parents if register.tickets.known_stamp(setup.name, each) is not None]
            register.agenda.want_judging(setup.name, known, now)  # a parent out of scope is not mirrored
            register.findings.next_due(setup.name, ticket_id, None)
        for ticket_id in register.agenda.due_judging(setup.name, now) if register.records.has_joins else ():
            source, carrying = carrier(house, setup, ticket_id)
            if (source, carrying) != (setup.name, ticket_id):
                register.agenda.want_judging(source, [carrying], now)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is to be stored of one judged record."""

    record_id: str
    year: int
    diff: DiffResult
    verdicts: list[Verdict]
    look_again: datetime | None
    row: Mapping[str, str | int | date | datetime | None]
    actions: list[RecordAction]
    births: list[FieldChange]


class _Desk:
    """A batch of due tickets on the desk: read at once, judged one by one, stored at once."""

    def __init__(self, house: House, setup: SourceSetup, ids: Sequence[str], now: datetime) -> None:
        register = house.register
        self.house, self.setup, self.ids, self.now = house, setup, ids, now
        self.mirror = register.batch(setup.name, ids, setup.source.parser())
        self.previous = register.findings.latest_of(setup.name, ids)
        self.touched = register.outbox.touched(setup.name, ids)
        self.aside = register.tickets.quarantined(setup.name)
        self.judged: list[_Judged] = []
        self.to_plan: list[str] = []
        named = setup.mapping.same_as  # a twin of the same source may be made due a moment after it was judged
        self.stores_each = named is not None and named.source == setup.name

    def judge_all(self) -> Counter[str]:
        """Judge every ticket and store verdicts, episodes, rows and the next instants to look again."""
        counts: Counter[str] = Counter()
        for ticket_id in self.ids:
            counts.update(self._judge(ticket_id))
            if self.stores_each:
                self._store()
        self._store()
        return counts

    def _judge(self, ticket_id: str) -> dict[str, int]:
        house, setup = self.house, self.setup
        register = house.register
        record = map_mirrored(house, setup, ticket_id, self.now, learn=True, mirror=self.mirror)
        if not isinstance(record, CapaRecord):
            _set_aside(house, setup, ticket_id, record)
            return {"quarantined": 1}
        if ticket_id in self.aside:
            register.tickets.quarantine(setup.name, ticket_id, None)
        if carrier(house, setup, ticket_id) != (setup.name, ticket_id):
            return _hand_over(house, setup, ticket_id, self.now)
        if record.presence in UNSEEN:
            register.findings.next_due(setup.name, ticket_id, None)
            _want_planning(house, setup, [ticket_id], self.now)  # what still waits to be written there is withdrawn
            return {}
        return self._tell(record)

    def _tell(self, record: CapaRecord) -> dict[str, int]:
        """Work out what is to be stored of a record; while it is at hand, also what planning needs to know."""
        house, setup, ticket_id = self.house, self.setup, record.ticket_id
        verdicts = house.rules.evaluate(record, house.options, self.now)
        previous = self.previous.get(ticket_id, [])
        diff = _diff(house, setup, ticket_id, previous, verdicts, self.now)
        findings = _latest(previous, diff)
        row = register_row(record, findings, verdicts, house.options)
        due, actions, births = _look_again(record, verdicts), action_rows(record), birth_rows(record)
        year = record.created_at.year
        self.judged.append(_Judged(ticket_id, year, diff, verdicts, due, row, actions, births))
        if setup.write.mode != "off" and (findings or ticket_id in self.touched):
            self.to_plan.append(ticket_id)
            if len(setup.targets) < KEPT:
                setup.targets[ticket_id] = target_of(house, setup, record, self.mirror, self.now)
        return {"judged": 1, "opened": _count(diff, What.OPENED), "cleared": _count(diff, What.CLEARED)}

    def _store(self) -> None:
        register, name, judged = self.house.register, self.setup.name, self.judged
        register.findings.save([finding for each in judged for finding in each.diff.save])
        register.findings.save_all_verdicts(name, {each.record_id: each.verdicts for each in judged}, self.now)
        register.findings.next_dues(name, {each.record_id: each.look_again for each in judged})
        register.records.give_numbers(name, {each.record_id: each.year for each in judged})
        register.records.save_rows(name, {each.record_id: each.row for each in judged})
        register.records.save_all_actions(name, {each.record_id: each.actions for each in judged})
        register.records.save_all_births(name, {each.record_id: each.births for each in judged})
        _want_planning(self.house, self.setup, self.to_plan, self.now)
        self.judged, self.to_plan = [], []


def _set_aside(house: House, setup: SourceSetup, ticket_id: str, record: Unmapped | None) -> None:
    """Set a ticket aside that cannot be judged, with the reasons."""
    reasons = record.reasons if record is not None else ("it is not mirrored",)
    house.register.tickets.quarantine(setup.name, ticket_id, reasons)
    house.register.findings.next_due(setup.name, ticket_id, None)
    log(Action.TICKET_QUARANTINED, level="warning", source=setup.name, ticket=ticket_id, reason=reasons[0])


def _want_planning(house: House, setup: SourceSetup, ticket_ids: Sequence[str], now: datetime) -> None:
    """Make tickets due for planning, whatever was planned for them before."""
    house.register.agenda.planned(setup.name, dict.fromkeys(ticket_ids, now))
    for ticket_id in ticket_ids:
        setup.held.pop(ticket_id, None)


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


def _diff(
    house: House,
    setup: SourceSetup,
    ticket_id: str,
    previous: Sequence[Finding],
    verdicts: list[Verdict],
    now: datetime,
    why_gone: str = RULE_GONE,
) -> DiffResult:
    diff = diff_findings(
        previous,
        verdicts,
        source=setup.name,
        ticket_id=ticket_id,
        now=now,
        rule_set=house.rules.hash,
        why_gone=why_gone,
    )
    for event in diff.events:
        action = _ACTIONS.get(event.what, Action.FINDING_CHANGED)
        log(action, source=setup.name, ticket=ticket_id, rule=event.finding.rule)
    return diff


_ACTIONS = {What.OPENED: Action.FINDING_OPENED, What.CLEARED: Action.FINDING_CLEARED}


def _count(diff: DiffResult, *kinds: What) -> int:
    return sum(1 for event in diff.events if event.what in kinds)


def _hand_over(house: House, setup: SourceSetup, ticket_id: str, now: datetime) -> dict[str, int]:
    """Leave finding, warning and register row to the joined twin that carries the record."""
    register = house.register
    previous = register.findings.latest(setup.name, ticket_id)
    diff = _diff(house, setup, ticket_id, previous, [], now, "cleared because the joined ticket speaks for this one")
    register.findings.save(diff.save)
    register.findings.save_verdicts(setup.name, ticket_id, [], now)
    register.findings.next_due(setup.name, ticket_id, None)
    register.records.remove_row(setup.name, ticket_id)
    if setup.write.mode != "off":
        _want_planning(house, setup, [ticket_id], now)
    return {"judged": 1, "cleared": _count(diff, What.CLEARED)}
