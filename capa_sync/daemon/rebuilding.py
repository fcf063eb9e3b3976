"""`rebuild`: makes the derived tables again from the primary tables, without a tracker."""

from __future__ import annotations

from datetime import datetime

from capa_sync.daemon.accounts import note_persons
from capa_sync.daemon.judging import judge_due_tickets, pass_to_primaries
from capa_sync.daemon.monthly import count_months
from capa_sync.daemon.roles import settle_all_roles
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.writing import note_plan_times
from capa_sync.model.chain import DerivedReport


def rebuild_derived(runtime: Runtime) -> dict[str, int]:
    """Empty every derived table, parse all stored versions again, and judge every record; return counts.

    Verdicts are those of now; episodes are primary, and change only where a verdict differs from them. The second
    judging is of those records alone that matched a ticket which is no record any more.
    """
    register, now = runtime.register, runtime.clock.now()
    with register.transaction():
        register.drop_derived()
        for name, context in runtime.contexts.items():
            note_persons(runtime.register, context)
            register.tickets.rebuild(name, context.source.parser())
            settle_all_roles(runtime, context, now)
            register.queue.want_judging(name, register.tickets.record_ids(name), now)
    judge_mirror(runtime, now)
    register.similar.drop_orphans()
    judge_mirror(runtime, now)
    count_months(runtime, now)
    counts = [register.tickets.counts(name) for name in runtime.contexts]
    return {
        "tickets": sum(source["records"] + source["actions"] + source["vanished"] for source in counts),
        "changes": sum(source["changes"] for source in counts),
        "records": sum(register.reports.count_records().values()),
    }


def compare_rebuilt(runtime: Runtime) -> DerivedReport:
    """Rebuild a private copy, and compare the derived tables with those that it had.

    Tickets that the next cycle would judge again are not compared: their time has come, or another set is live.
    """
    register, now = runtime.register, runtime.clock.now()
    for context in runtime.contexts.values():
        if context.bound is not None:
            pass_to_primaries(runtime, context, now)
    register.keep_derived(now)
    rebuild_derived(runtime)
    return register.compare_derived(list(runtime.contexts))


def judge_mirror(runtime: Runtime, now: datetime) -> None:
    """Judge every due ticket of every source from the mirror, and store when to plan it; no tracker is asked."""
    for context in judge_from_mirror(runtime, now):
        note_plan_times(runtime, context, now)


def judge_from_mirror(runtime: Runtime, now: datetime) -> list[SourceContext]:
    """Judge every due ticket of every source from the mirror; return the sources whose site facts are known."""
    bound = [context for context in runtime.contexts.values() if context.bound is not None]
    for context in bound:
        pass_to_primaries(runtime, context, now)
    for context in bound:
        judge_due_tickets(runtime, context, now)
    for context in bound:  # a ticket found to be joined made its duplicate due again
        if runtime.register.queue.has_due_judging(context.name, now):
            judge_due_tickets(runtime, context, now)
    return bound
