"""Sixth step: plan what each ticket should carry, hold it against the brakes, put it into the outbox, deliver it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.mapped import carrier, map_mirrored
from capa_sync.model.record import CapaRecord
from capa_sync.model.write import WriteState
from capa_sync.writeback import (
    REPLACED,
    ROLLING_DAY,
    Allowed,
    Brakes,
    Counts,
    Release,
    Stopped,
    Target,
    TicketPlan,
    choose,
    deliver_due,
    is_before_baseline,
    plan_ticket,
)


def plan_due_tickets(house: House, setup: SourceSetup, now: datetime) -> int:
    """Plan all tickets whose warning may have to change, and put what the brakes allow into the outbox.

    Returns the number of writes put there. Raises SafetyStop when a brake holds; then nothing is put and the same
    tickets are planned again in the next cycle.
    """
    if setup.write.mode == "off":
        return 0
    agenda = house.register.agenda
    if not setup.planned_all:
        agenda.want_planning_of_warned(setup.name, now)
        setup.planned_all = True
    unjudged = set(
        agenda.due_judging(setup.name, now)
    )  # found due while others were judged: not before the next cycle
    due = [each for each in agenda.due_planning(setup.name, now) if each not in unjudged]
    plans = {each: _plan(house, setup, each, now) for each in due}
    decision = _decide(house, setup, plans, now)
    if isinstance(decision, Stopped):
        return _not_put(house, setup, plans, decision, now)
    chosen = choose(plans, decision)
    writes = [write for ticket in chosen for write in plans[ticket].writes]
    house.checkpoint("before-outbox-commit")
    with house.register.transaction():
        _withdraw(house, plans.values(), now)
        house.register.outbox.put(writes)
        _use_release(house, setup, plans, chosen, decision, now)
        _plan_next(house, setup, plans, set(plans) - (_wanting(plans) - set(chosen)))
    house.checkpoint("after-outbox-commit")
    for write in writes:
        log(Action.WRITE_PLANNED, source=setup.name, ticket=write.ticket_key, kind=str(write.kind))
    return len(writes)


def note_plan_times(house: House, setup: SourceSetup, now: datetime) -> None:
    """Plan all due tickets without meaning it: those with nothing new to say are noted for their next instant."""
    for ticket_id in house.register.agenda.due_planning(setup.name, now):
        plan = _plan(house, setup, ticket_id, now)
        if not plan.writes:
            house.register.agenda.planned(setup.name, ticket_id, plan.look_again)


def deliver_writes(house: House, setup: SourceSetup) -> int:
    """Deliver what is due on this source; return how many writes arrived. Raises what keeps us from writing."""
    if setup.write.mode != "on":
        return 0
    report = deliver_due(
        setup.name,
        outbox=house.register.outbox,
        writer=setup.writer,
        clock=house.clock,
        stop=house.stop,
        checkpoint=house.checkpoint,
    )
    for action, ids in (
        (Action.WRITE_DELIVERED, report.delivered),
        (Action.WRITE_DEFERRED, report.waiting),
        (Action.WRITE_FAILED, report.failed),
    ):
        for write_id in ids:
            log(action, source=setup.name, write=write_id[:16])
    if report.not_before is not None:
        house.register.runs.set_not_before(setup.name, report.not_before)
    if report.fault is not None:
        raise report.fault
    return len(report.delivered)


def _plan(house: House, setup: SourceSetup, ticket_id: str, now: datetime) -> TicketPlan:
    """Plan one ticket from its findings, its record and all that was ever written on it."""
    record = map_mirrored(house, setup, ticket_id, now)
    if not isinstance(record, CapaRecord):
        return TicketPlan(withheld="the ticket cannot be mapped")
    outbox, findings = house.register.outbox, house.register.findings.latest(setup.name, ticket_id)
    target = _target(house, setup, record, ticket_id, now)
    unsure = house.register.findings.cannot_tell(setup.name, ticket_id)
    writes = outbox.writes(setup.name, ticket_id)
    return plan_ticket(target, findings, writes, now=now, options=setup.write, unsure=unsure)


def _target(house: House, setup: SourceSetup, record: CapaRecord, ticket_id: str, now: datetime) -> Target:
    """Say what the plan needs to know of the ticket."""
    tickets, outbox = house.register.tickets, house.register.outbox
    ticket = tickets.ticket(setup.name, ticket_id, setup.source.parser())
    comment = outbox.remote_comment(setup.name, ticket_id)
    standing = {each.id for each in ticket.comments} if ticket is not None else set()
    labels = ticket.values.get("labels") if ticket is not None and setup.kind == "jira" else None
    speaker = carrier(house, setup, ticket_id)
    return Target(
        register=house.register.id,
        source=setup.name,
        ticket_id=ticket_id,
        ticket_key=ticket.key if ticket is not None else record.ticket_key,
        read_at=tickets.read_at(setup.name, ticket_id) or now,
        presence=tickets.presence(setup.name, ticket_id),
        labels=frozenset(labels.ids) if labels is not None else frozenset(),
        is_before_baseline=is_before_baseline(record, house.options.baseline, house.options.timezone),
        last_human_at=record.last_human_at,
        tracker_now=now + setup.clock_skew,
        owner=record.fields["owner"].text,
        deletions=outbox.deletions(setup.name, ticket_id),
        is_comment_gone=bool(comment) and ticket is not None and comment not in standing and setup.kind == "jira",
        joined_to="" if speaker == (setup.name, ticket_id) else tickets.key(*speaker),
    )


def _wanting(plans: Mapping[str, TicketPlan]) -> set[str]:
    return {ticket for ticket, plan in plans.items() if plan.writes}


def _decide(house: House, setup: SourceSetup, plans: Mapping[str, TicketPlan], now: datetime) -> Allowed | Stopped:
    """Hold the planned writes of this source against the brakes."""
    register = house.register
    judged = register.findings.verdict_counts(setup.name)
    counts = Counts(
        planned=len(_wanting(plans)),
        new_comments=sum(1 for plan in plans.values() if plan.notifies),
        recent=sum(
            register.outbox.notifications_since(name, now - ROLLING_DAY) + _waiting(house, name, plans)
            for name, each in house.setups.items()
            if each.site == setup.site
        ),
        changed=register.findings.changed_since(setup.name, register.agenda.settled_at(setup.name)),
        tickets=judged["tickets"],
        is_activated=register.outbox.activated,
        is_held=setup.name in register.outbox.stops(),
    )
    released = register.outbox.released(setup.name)
    return Brakes(setup.name, setup.write).check(counts, Release(released.remaining) if released else None)


def _waiting(house: House, source: str, plans: Mapping[str, TicketPlan]) -> int:
    """Count notifications let through before that wait in the outbox, of tickets not planned anew."""
    return sum(
        write.notifies and write.state is WriteState.PENDING and write.ticket_id not in plans
        for write in house.register.outbox.open(source)
    )


def _not_put(
    house: House, setup: SourceSetup, plans: Mapping[str, TicketPlan], stopped: Stopped, now: datetime
) -> int:
    """Show what is planned without meaning it; a brake that held is remembered and told."""
    withheld = [
        replace(write, state=WriteState.WITHHELD, error=stopped.cause.value)
        for plan in plans.values()
        for write in plan.writes
    ]
    with house.register.transaction():
        _withdraw(house, plans.values(), now)
        house.register.outbox.put(withheld)
        if stopped.is_latched:
            house.register.outbox.safety_stop(setup.name, stopped.reason, now)
    stopped.raise_if_safety_stop()
    return 0


def _withdraw(house: House, plans: Iterable[TicketPlan], now: datetime) -> None:
    """Withhold waiting writes that nobody wants any more."""
    for plan in plans:
        for write_id in plan.withdraw:
            house.register.outbox.mark(write_id, WriteState.WITHHELD, at=now, error=REPLACED)


def _use_release(
    house: House,
    setup: SourceSetup,
    plans: Mapping[str, TicketPlan],
    chosen: Iterable[str],
    allowed: Allowed,
    now: datetime,
) -> None:
    """Spend the release where a brake needed it, and forget a stop that is over."""
    outbox, agenda = house.register.outbox, house.register.agenda
    if allowed.consumes:
        outbox.spend(setup.name, len(list(chosen)), now)
    outbox.close_release(setup.name, now)  # given once, for what was planned now, needed or not
    if allowed.lifts_hold:
        outbox.clear_stop(setup.name)
    if allowed.holds:
        outbox.safety_stop(setup.name, allowed.holds, now)
    if plans and house.register.findings.changed_since(setup.name, agenda.settled_at(setup.name)):
        agenda.settle(setup.name, now)


def _plan_next(house: House, setup: SourceSetup, plans: Mapping[str, TicketPlan], done: Iterable[str]) -> None:
    """Note for each planned ticket when to plan it again; those not let through stay due."""
    for ticket in done:
        house.register.agenda.planned(setup.name, ticket, plans[ticket].look_again)
