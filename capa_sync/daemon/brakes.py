"""Asks the brakes about the plans of one source: for the cycle that writes them, and for `plan`, which only shows."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from datetime import datetime

from capa_sync.daemon.plan_cache import CachedPlan
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.model.light import light
from capa_sync.model.settings import WriteOptions
from capa_sync.model.write import WriteState
from capa_sync.writeback import ROLLING_DAY, Allowed, BrakePolicy, Counts, ReleaseLimit, Stopped


@light
class BrakesAhead:
    """What the brakes would do with the withheld plans of this process.

    Attributes:
        decision: as the next `sync` decides, with a release that waits.
        holding: every brake that would hold them in mode `on`, after a pause, without a release.
    """

    decision: Allowed | Stopped
    holding: Sequence[Stopped]


def brakes_ahead(runtime: Runtime, context: SourceContext, options: WriteOptions, now: datetime) -> BrakesAhead:
    """Return what the brakes of these options would do with the withheld plans of this process."""
    brakes = BrakePolicy(context.name, options)
    counts = _counts(runtime, context, brakes, {}, now)
    return BrakesAhead(brakes.check(counts, _release(runtime, context)), brakes.holding(counts))


def decide(
    runtime: Runtime, context: SourceContext, plans: Mapping[str, CachedPlan], now: datetime
) -> Allowed | Stopped:
    """Check the planned writes of this source against the brakes."""
    brakes = BrakePolicy(context.name, context.write)
    return brakes.check(_counts(runtime, context, brakes, plans, now), _release(runtime, context))


def wanting(plans: Mapping[str, CachedPlan]) -> set[str]:
    """Return ids of the tickets whose plan writes."""
    return {ticket for ticket, plan in plans.items() if plan.writes}


def _release(runtime: Runtime, context: SourceContext) -> ReleaseLimit | None:
    released = runtime.register.outbox.released(context.name)
    return ReleaseLimit(released.remaining) if released else None


def _counts(
    runtime: Runtime, context: SourceContext, brakes: BrakePolicy, plans: Mapping[str, CachedPlan], now: datetime
) -> Counts:
    """Count what the brakes look at: these plans, and the withheld ones."""
    register, withheld_plans = runtime.register, context.withheld_plans
    changed = register.findings.changed_since(context.name, register.queue.settled_at(context.name))
    return Counts(
        planned=len(wanting(plans)) + withheld_plans.writing,
        new_comments=sum(plan.notifies for plan in plans.values()) + withheld_plans.notifying,
        recent=sum(
            register.outbox.notifications_since(name, now - ROLLING_DAY)
            + _waiting(runtime, name, (plans, withheld_plans) if name == context.name else ())
            for name, other in runtime.contexts.items()
            if other.site == context.site
        ),
        changed=changed,
        tickets=register.findings.judged_tickets(context.name, brakes.worth_counting(changed)),
        is_activated=register.outbox.activated,
        is_held=context.name in register.outbox.stops(),
        halt=register.halts.of(context.name),
    )


def _waiting(runtime: Runtime, source: str, planned: Sequence[Container[str]]) -> int:
    """Count allowed notifications that wait in the outbox, without those of tickets in `planned`."""
    return sum(
        write.notifies
        and write.state is WriteState.PENDING
        and not any(write.ticket_id in tickets for tickets in planned)
        for write in runtime.register.outbox.open(source)
    )
