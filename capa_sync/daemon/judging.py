"""Third to fifth step: map, evaluate, and tell what changed since last time, for every ticket that is due."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.mapped import carrier, learn_twins, map_mirrored
from capa_sync.findings import RULE_GONE, DiffResult, What, diff_findings
from capa_sync.model.finding import Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import Presence
from capa_sync.register import action_rows, birth_rows, register_row

BATCH = 200
"""Tickets judged in one transaction."""

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
    counts: Counter[str] = Counter(judged=0, opened=0, cleared=0, quarantined=0)
    for start in range(0, len(due), BATCH):
        house.checkpoint("before-judging-commit")
        with house.register.transaction():
            for ticket_id in due[start : start + BATCH]:
                counts.update(_judge(house, setup, ticket_id, now))
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
        for ticket_id in register.agenda.due_judging(setup.name, now):
            if register.tickets.is_action(setup.name, ticket_id):
                parents = register.tickets.parents_of(setup.name, ticket_id)
                known = [each for each in parents if register.tickets.known_stamp(setup.name, each) is not None]
                register.agenda.want_judging(setup.name, known, now)  # a parent out of scope is not mirrored
                register.findings.next_due(setup.name, ticket_id, None)
        for ticket_id in register.agenda.due_judging(setup.name, now):
            source, carrying = carrier(house, setup, ticket_id)
            if (source, carrying) != (setup.name, ticket_id):
                register.agenda.want_judging(source, [carrying], now)


def _judge(house: House, setup: SourceSetup, ticket_id: str, now: datetime) -> dict[str, int]:
    """Judge one ticket and store verdicts, episodes, rows and the next instant to look again."""
    register = house.register
    record = map_mirrored(house, setup, ticket_id, now, learn=True)
    if not isinstance(record, CapaRecord):
        reasons = record.reasons if record is not None else ("it is not mirrored",)
        register.tickets.quarantine(setup.name, ticket_id, reasons)
        register.findings.next_due(setup.name, ticket_id, None)
        log(Action.TICKET_QUARANTINED, level="warning", source=setup.name, ticket=ticket_id, reason=reasons[0])
        return {"quarantined": 1}
    register.tickets.quarantine(setup.name, ticket_id, None)
    if carrier(house, setup, ticket_id) != (setup.name, ticket_id):
        return _hand_over(house, setup, ticket_id, now)
    if record.presence in UNSEEN:
        register.findings.next_due(setup.name, ticket_id, None)
        register.agenda.planned(setup.name, ticket_id, now)  # what still waits to be written there is withdrawn
        return {}
    verdicts = house.rules.evaluate(record, house.options, now)
    return _store(house, setup, record, verdicts, now)


def _store(
    house: House, setup: SourceSetup, record: CapaRecord, verdicts: list[Verdict], now: datetime
) -> dict[str, int]:
    register = house.register
    diff = _diff(house, setup, record.ticket_id, verdicts, now)
    register.findings.save(diff.save)
    register.findings.save_verdicts(setup.name, record.ticket_id, verdicts, now)
    register.findings.next_due(setup.name, record.ticket_id, _look_again(record, verdicts))
    findings = register.findings.latest(setup.name, record.ticket_id)
    register.records.register_no(setup.name, record.ticket_id, record.created_at.year)
    row = register_row(record, findings, verdicts, house.options)
    register.records.save_row(setup.name, record.ticket_id, row)
    register.records.save_actions(setup.name, record.ticket_id, action_rows(record))
    register.records.save_births(setup.name, record.ticket_id, birth_rows(record))
    if setup.write.mode != "off" and (findings or register.outbox.writes(setup.name, record.ticket_id)):
        register.agenda.planned(setup.name, record.ticket_id, now)
    return {"judged": 1, "opened": _count(diff, What.OPENED), "cleared": _count(diff, What.CLEARED)}


def _look_again(record: CapaRecord, verdicts: list[Verdict]) -> datetime | None:
    """Return the earliest instant at which time alone may change a verdict; never for a ticket that vanished."""
    if record.presence is not Presence.PRESENT:
        return None
    return min((each.next_due for each in verdicts if each.next_due is not None), default=None)


def _diff(
    house: House,
    setup: SourceSetup,
    ticket_id: str,
    verdicts: list[Verdict],
    now: datetime,
    why_gone: str = RULE_GONE,
) -> DiffResult:
    previous = house.register.findings.latest(setup.name, ticket_id)
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
    diff = _diff(house, setup, ticket_id, [], now, "cleared because the joined ticket speaks for this one")
    register.findings.save(diff.save)
    register.findings.save_verdicts(setup.name, ticket_id, [], now)
    register.findings.next_due(setup.name, ticket_id, None)
    register.records.remove_row(setup.name, ticket_id)
    if setup.write.mode != "off":
        register.agenda.planned(setup.name, ticket_id, now)
    return {"judged": 1, "cleared": _count(diff, What.CLEARED)}
