"""Takes the plans of due tickets to the outbox: checks the brakes, and puts the writes that they allow.

Plans come from the plan cache; those that are not there are made by `pipeline`, from what is stored of the ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from capa_sync.daemon.brakes import decide, wanting
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.pipeline import Pipeline, plan_removals
from capa_sync.daemon.plan_cache import CachedPlan
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.model.halt import HaltKind
from capa_sync.model.write import Write, WriteState
from capa_sync.writeback import REPLACED, Allowed, Stopped, TicketPlan, choose

_BATCH = 200
"""Tickets read together."""
AT_ONCE = 2_000
"""Tickets planned before the brakes are checked for the first time."""


def plan_due_tickets(runtime: Runtime, context: SourceContext, now: datetime) -> int:
    """Plan all tickets whose warning may have to change, and put the writes that the brakes allow into the outbox.

    Returns the number of these writes. Raises SafetyStop when a brake holds; then no write is put, and the same
    tickets are planned again in the next cycle.
    """
    if context.write.mode == "off":
        runtime.register.outbox.end_refresh(context.name)
        runtime.register.outbox.close_release(context.name, now)  # given before the mode was off
        return 0
    plans = _wanted_plans(runtime, context, now)
    decision = decide(runtime, context, plans, now)
    if context.withheld_plans and (
        isinstance(decision, Allowed) or decision.cause.value != context.withheld_plans.cause
    ):
        plans |= _plan_all(runtime, context, context.withheld_plans.take_all(), now)
        decision = decide(runtime, context, plans, now)
    if isinstance(decision, Stopped):
        return _not_put(runtime, context, plans, decision, now)
    writes: list[Write] = []
    runtime.checkpoint("before-outbox-commit")
    with runtime.register.transaction():
        # again, with the write lock held: another source of the same site may have put writes meanwhile
        decision = decide(runtime, context, plans, now)
        if isinstance(decision, Allowed):
            writes = _put(runtime, context, plans, decision, now)
    runtime.checkpoint("after-outbox-commit")
    if isinstance(decision, Stopped):
        return _not_put(runtime, context, plans, decision, now)
    for write in writes:
        log(LogAction.WRITE_PLANNED, source=context.name, ticket=write.ticket_key, kind=str(write.kind))
    return len(writes)


def _wanted_plans(runtime: Runtime, context: SourceContext, now: datetime) -> dict[str, CachedPlan]:
    """Plan due tickets; during a withdrawal plan only removals, and forget the withheld plans.

    Planning shows which texts have older wording; those that a person asked to refresh are planned once more.
    """
    if is_withdrawing(runtime, context):
        context.withheld_plans.take_all()
        runtime.register.outbox.end_refresh(context.name)
        return _plan_withdrawals(runtime, context, now)
    plans = _plan_in_portions(runtime, context, _due(runtime, context, now), now)
    return plans | _plan_all(runtime, context, runtime.register.outbox.take_refresh(context.name), now)


def is_withdrawing(runtime: Runtime, context: SourceContext) -> bool:
    """Tell whether our texts on a source are to be removed."""
    halt = runtime.register.halts.of(context.name)
    return halt is not None and halt.kind is HaltKind.WITHDRAWN


def _plan_withdrawals(runtime: Runtime, context: SourceContext, now: datetime) -> dict[str, CachedPlan]:
    """Plan the removal of all our texts on a source; tickets without any are left out.

    Tickets due for a warning stay due, so that `resume` finds them.
    """
    inputs, plans = runtime.inputs(context, now), dict[str, CachedPlan]()
    ids = runtime.register.outbox.written_tickets(context.name)
    for start in range(0, len(ids), _BATCH):
        plans |= _in_rows(plan_removals(inputs, ids[start : start + _BATCH]))
    return plans


def _put(
    runtime: Runtime, context: SourceContext, plans: Mapping[str, CachedPlan], allowed: Allowed, now: datetime
) -> list[Write]:
    """Put the allowed writes into the outbox, and return them."""
    chosen = choose(plans, allowed)
    writes = [write for ticket in chosen for write in plans[ticket].plan().writes]
    _withdraw(runtime, plans.values(), now)
    runtime.register.outbox.put(writes)
    _use_release(runtime, context, chosen, allowed, now)
    _plan_next(runtime, context, plans, set(plans) - (wanting(plans) - set(chosen)))
    return writes


def note_plan_times(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Plan all due tickets without writing; store the next due instant of those that need no write."""
    plans = _plan_all(runtime, context, runtime.register.queue.due_planning(context.name, now), now)
    _plan_next(runtime, context, plans, [ticket_id for ticket_id, plan in plans.items() if not plan.writes])


def _plan_in_portions(
    runtime: Runtime, context: SourceContext, due: Sequence[str], now: datetime
) -> dict[str, CachedPlan]:
    """Plan tickets, at most AT_ONCE plans in memory while a brake holds; return the plans that are not withheld.

    A brake that holds some plans also holds them together with more: these are withheld at once, and only counted.
    """
    plans: dict[str, CachedPlan] = {}
    for start in range(0, len(due), AT_ONCE):
        plans |= _plan_all(runtime, context, due[start : start + AT_ONCE], now)
        if start + AT_ONCE < len(due):
            decision = decide(runtime, context, plans, now)
            if isinstance(decision, Stopped) and (
                not context.withheld_plans or decision.cause.value == context.withheld_plans.cause
            ):
                _hold_back(runtime, context, plans, decision, now)
                plans = {}
    return plans


def _plan_all(runtime: Runtime, context: SourceContext, due: Sequence[str], now: datetime) -> dict[str, CachedPlan]:
    """Plan tickets from their findings, their records and every write ever planned for them."""
    plans: dict[str, CachedPlan] = {}
    for start in range(0, len(due), _BATCH):
        plans |= _plan_batch(runtime, context, due[start : start + _BATCH], now)
    learned = {write_id: fact for plan in plans.values() for write_id, fact in plan.learned.items()}
    runtime.register.outbox.learn({write_id: (fact.facts, fact.wording) for write_id, fact in learned.items()})
    return plans


def _plan_batch(runtime: Runtime, context: SourceContext, ids: Sequence[str], now: datetime) -> dict[str, CachedPlan]:
    """Return the plans cached when these tickets were judged in this cycle, and make the others."""
    cached = {ticket_id: context.plans.take(ticket_id) for ticket_id in ids}
    plans = {ticket_id: plan for ticket_id, plan in cached.items() if plan is not None}
    unplanned = [ticket_id for ticket_id in ids if ticket_id not in plans]
    return plans | _in_rows(plan_from_mirror(runtime, context, unplanned, now)) if unplanned else plans


def _in_rows(plans: Mapping[str, TicketPlan]) -> dict[str, CachedPlan]:
    return {ticket_id: CachedPlan.of(plan) for ticket_id, plan in plans.items()}


def plan_from_mirror(
    runtime: Runtime, context: SourceContext, ids: Sequence[str], now: datetime
) -> dict[str, TicketPlan]:
    """Plan tickets from their records, latest episodes and writes; an error quarantines its ticket."""
    plans, broken = Pipeline(runtime.inputs(context, now), ids).plan(ids)
    for ticket in broken:
        runtime.register.tickets.quarantine(context.name, ticket.ticket_id, ticket.reasons)
    return plans


def _due(runtime: Runtime, context: SourceContext, now: datetime) -> list[str]:
    """Return ids of the tickets to plan: due tickets, and withheld ones whose plan may be different now.

    A withheld ticket is not due again before time alone can change its plan; judging drops the plan when the ticket
    changed. A release makes all withheld tickets due; a write under way makes its own ticket due.
    """
    queue, withheld_plans = runtime.register.queue, context.withheld_plans
    unjudged = set(queue.due_judging(context.name, now))  # due since others were judged: in the next cycle
    late = [ticket_id for ticket_id in unjudged if ticket_id in withheld_plans]
    queue.planned(context.name, dict.fromkeys(late, now))
    due = dict.fromkeys(ticket_id for ticket_id in queue.due_planning(context.name, now) if ticket_id not in unjudged)
    if withheld_plans:
        under_way = (write.ticket_id for write in runtime.register.outbox.open(context.name))
        due |= dict.fromkeys(
            ticket_id for ticket_id in under_way if ticket_id in withheld_plans and ticket_id not in unjudged
        )
    for ticket_id in (*late, *due):
        withheld_plans.drop(ticket_id)
    if withheld_plans and runtime.register.outbox.released(context.name) is not None:
        due |= dict.fromkeys(withheld_plans.take_all())
    return list(due)


def _not_put(
    runtime: Runtime, context: SourceContext, plans: Mapping[str, CachedPlan], stopped: Stopped, now: datetime
) -> int:
    """Withhold the plans; record a brake that latches, and raise its SafetyStop."""
    if plans or stopped.is_latched:
        with runtime.register.transaction():
            _hold_back(runtime, context, plans, stopped, now)
            if stopped.is_latched:
                runtime.register.outbox.safety_stop(context.name, stopped.reason, now)
    stopped.raise_if_safety_stop()
    return 0


def _hold_back(
    runtime: Runtime, context: SourceContext, plans: Mapping[str, CachedPlan], stopped: Stopped, now: datetime
) -> None:
    """Put the writes into the outbox as withheld, and keep only the sums of the plans in memory."""
    rows = [row for plan in plans.values() for row in plan.writes]
    with runtime.register.transaction():
        _withdraw(runtime, plans.values(), now)
        runtime.register.outbox.put_rows(rows, withheld=stopped.cause.value)
        _plan_next(runtime, context, plans, plans)
    context.withheld_plans.keep(plans, stopped.cause.value)


def _withdraw(runtime: Runtime, plans: Iterable[CachedPlan], now: datetime) -> None:
    """Withhold waiting writes that their ticket's plan replaces."""
    for plan in plans:
        for write_id in plan.withdraw:
            runtime.register.outbox.mark(write_id, WriteState.WITHHELD, at=now, error=REPLACED)


def _use_release(
    runtime: Runtime,
    context: SourceContext,
    chosen: Iterable[str],
    allowed: Allowed,
    now: datetime,
) -> None:
    """Count the release down where a brake needed it, and clear a stop that has ended."""
    outbox, queue = runtime.register.outbox, runtime.register.queue
    if allowed.consumes:
        outbox.spend(context.name, len(list(chosen)), now)
    outbox.close_release(context.name, now)  # a release holds for the present plans only, needed or not
    if allowed.lifts_hold:
        outbox.clear_stop(context.name)
    if allowed.holds:
        outbox.safety_stop(context.name, allowed.holds, now)
    if runtime.register.findings.changed_since(context.name, queue.settled_at(context.name)):
        queue.settle(context.name, now)


def _plan_next(
    runtime: Runtime, context: SourceContext, plans: Mapping[str, CachedPlan], done: Iterable[str]
) -> None:
    """Store for each planned ticket when to plan it again; tickets whose writes were not allowed stay due."""
    runtime.register.queue.planned(context.name, {ticket_id: plans[ticket_id].next_due_at for ticket_id in done})
