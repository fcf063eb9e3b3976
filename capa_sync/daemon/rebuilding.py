"""`rebuild`: makes the derived tables again from the primary tables, without a tracker."""

from __future__ import annotations

from datetime import datetime

from capa_sync.daemon.judging import judge_due_tickets, pass_to_primaries
from capa_sync.daemon.reading import note_persons
from capa_sync.daemon.roles import settle_all_roles
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.writing import note_plan_times


def rebuild_derived(runtime: Runtime) -> dict[str, int]:
    """Empty every derived table, parse all stored versions again, and judge every record; return counts.

    Verdicts are those of now; episodes are primary, and change only where a verdict differs from them.
    """
    register, now = runtime.register, runtime.clock.now()
    with register.transaction():
        register.drop_derived()
        for name, setup in runtime.setups.items():
            note_persons(runtime, setup)
            register.tickets.rebuild(name, setup.source.parser())
            settle_all_roles(runtime, setup, now)
            register.queue.want_judging(name, register.tickets.record_ids(name), now)
    judge_mirror(runtime, now)
    counts = [register.tickets.counts(name) for name in runtime.setups]
    return {
        "tickets": sum(source["records"] + source["actions"] + source["vanished"] for source in counts),
        "changes": sum(source["changes"] for source in counts),
        "records": sum(register.reports.count_records().values()),
    }


def judge_mirror(runtime: Runtime, now: datetime) -> None:
    """Judge every due ticket of every source from the mirror, and store when to plan it; no tracker is asked."""
    bound = [setup for setup in runtime.setups.values() if setup.bound is not None]
    for setup in bound:
        pass_to_primaries(runtime, setup, now)
    for setup in [*bound, *bound]:  # twice: a ticket found to be joined makes its duplicate due again
        judge_due_tickets(runtime, setup, now)
    for setup in bound:
        note_plan_times(runtime, setup, now)
