"""One cycle over the sources: this file orders sources and steps; `pipeline` owns the steps of a ticket.

read -> mirror -> sweep, census when due -> evaluate due tickets -> look up lost answers
-> plans past the brakes -> outbox -> deliver -> after a census, the checks over the whole register and the figures
of the months -> what records showed at the end of the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from capa_sync.daemon.accounts import learn_unknown_accounts
from capa_sync.daemon.census import note_lost_access, take_census_when_due
from capa_sync.daemon.clocks import (
    by_the_tracker,
    check_clock,
    is_clock_right,
    new_cycle,
    take_back_future,
    were_clocks_set,
)
from capa_sync.daemon.delivery import deliver_writes, settle_unknown_writes
from capa_sync.daemon.hinted import may_follow_hints, read_hinted
from capa_sync.daemon.judging import judge_due_tickets, pass_to_primaries, speculate
from capa_sync.daemon.kept_reviews import keep_reviews
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.monthly import keep_monthly_figures
from capa_sync.daemon.reading import (
    Abandoned,
    is_full_read_due,
    nobody,
    read_into_mirror,
    sign_in,
    sweep_into_mirror,
)
from capa_sync.daemon.register_checks import check_register_after_census
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.stop_log import forget_stop, log_stop
from capa_sync.daemon.thread_pool import ThreadPool
from capa_sync.daemon.waiver_entries import take_waiver_file
from capa_sync.daemon.writing import plan_due_tickets
from capa_sync.errors import (
    ALL,
    Fatal,
    NotBefore,
    RegisterUnavailable,
    Retryable,
    SafetyStop,
    SourceError,
    own_error,
)
from capa_sync.model.days import utc_words
from capa_sync.model.to_do import with_next_step
from capa_sync.store import FULL, POLL, STAMPED_AHEAD


@dataclass(slots=True)
class CycleResult:
    """What one cycle over one source did.

    Attributes:
        source: the source's name.
        started_at: when the cycle started. run: its id in the run ledger, 0 when the tracker asked us to wait.
        is_backfill: the source is read for the first time.
        is_sweep: the cycle reads everything again, not only what changed.
        counts: numbers by name.
        problem: what ended the cycle early, "" when the source was read to its end.
        stopped: the brake that held the writes.
        is_own_error: a bug of capa-sync ended the cycle, not a fault of the source.
        is_abandoned: a stop request ended the cycle, not a fault.
    """

    source: str
    started_at: datetime
    run: int = 0
    is_backfill: bool = False
    is_sweep: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    stopped: str = ""
    is_own_error: bool = False
    is_abandoned: bool = False


def run_cycle(runtime: Runtime, context: SourceContext, *, full: bool = False, deliver: bool = True) -> CycleResult:
    """Run all steps for one source; its faults are recorded in the result. Raises RegisterUnavailable only."""
    return run_round(runtime, [context], full=full, deliver=deliver)[0]


def run_round(
    runtime: Runtime, contexts: Sequence[SourceContext], *, full: bool = False, deliver: bool = True
) -> list[CycleResult]:
    """Run all steps for several sources in parallel; results come in the order given.

    All sources of a join group are read before any of them is judged. A source does not wait for other join groups.
    All have the same start, up to which the register then shows each of them.
    """
    runtime.joins.note_links()
    now = runtime.clock.now()
    results = [_start(runtime, context, now, full=full) for context in contexts]
    runs = list(zip(contexts, results, strict=True))
    with ThreadPool(runtime.stop, len(runs)) as threads:
        reads = {
            context.name: threads.begin(
                partial(_run_step, runtime, context, result, partial(_read, runtime, context, result, full))
            )
            for context, result in runs
        }
        join_groups = [[run for run in runs if run[0].name in names] for names in runtime.joins.groups(reads)]
        for join_group in threads.as_ready(
            [(join_group, [reads[context.name] for context, _ in join_group]) for join_group in join_groups]
        ):
            for context, result in join_group:
                _run_step(runtime, context, result, partial(_pass_on, runtime, context))
            for context, result in join_group:
                _run_step(runtime, context, result, partial(_judge, runtime, context, result))
            for context, result in join_group:
                threads.begin(partial(_end, runtime, context, result, deliver=deliver))
    _judge_late(runtime, [run for run in runs if not run[1].stopped], deliver=deliver)
    return results


def _judge_late(runtime: Runtime, runs: Sequence[tuple[SourceContext, CycleResult]], *, deliver: bool) -> None:
    """Judge the records that match an earlier one of a source that was judged after theirs in this round."""
    now = runtime.clock.now()
    late = [run for run in runs if runtime.register.similar.is_stale(run[0].name)]
    for context, result in late:
        _run_step(runtime, context, result, partial(pass_to_primaries, runtime, context, now))
    for context, result in late:
        _run_step(runtime, context, result, partial(_judge_again, runtime, context, result, now))
        if deliver:
            _run_step(runtime, context, result, partial(_deliver, runtime, context, result))


def _judge_again(runtime: Runtime, context: SourceContext, result: CycleResult, now: datetime) -> None:
    _add(result, judge_due_tickets(runtime, context, now))
    _add(result, {"planned": plan_due_tickets(runtime, context, now)})


def run_hinted(runtime: Runtime, context: SourceContext, ids: Sequence[str]) -> CycleResult:
    """Run the same steps for the tickets that hints name, between two polls; cursor, census and `as_of` stay.

    Nothing is recorded when this ends early: the next poll reads the same change.
    """
    new_cycle(context)
    result = CycleResult(context.name, runtime.clock.now())
    if _must_wait(runtime, result) or not may_follow_hints(runtime, context):
        return result
    _run_step(runtime, context, result, partial(_read_hinted, runtime, context, result, ids))
    if result.counts.get("read"):
        _run_step(runtime, context, result, partial(_pass_on, runtime, context))
        _run_step(runtime, context, result, partial(_judge, runtime, context, result))
        _run_step(runtime, context, result, partial(_deliver, runtime, context, result))
        months = partial(_keep, keep_monthly_figures, runtime, context, result.started_at)
        _run_step(runtime, context, result, months)
    if result.is_abandoned:
        log(LogAction.CYCLE_ABANDONED, source=context.name, problem=result.problem)
    elif result.problem:
        level = "error" if result.is_own_error else "warning"
        log(LogAction.CYCLE_FAILED, level=level, source=context.name, problem=result.problem)
    elif result.counts.get("read"):
        log(LogAction.HINTS_FOLLOWED, source=context.name, hinted=len(ids), **dict[str, Any](result.counts))
    return result


def _read_hinted(runtime: Runtime, context: SourceContext, result: CycleResult, ids: Sequence[str]) -> None:
    """First step after hints: read the named tickets into the mirror."""
    result.counts["read"] = read_hinted(runtime, context, ids)
    _learn_accounts(runtime, context)


def _read(runtime: Runtime, context: SourceContext, result: CycleResult, is_forced: bool) -> None:
    """First step: read the tracker into the mirror."""
    try:
        sign_in(runtime, context, result.started_at)
        seen = partial(speculate, runtime, context) if result.is_backfill else nobody
        done = read_into_mirror(runtime, context, result.run, full=False, seen=seen)
        result.counts |= {"read": done.tickets} | ({STAMPED_AHEAD: done.stamped_ahead} if done.stamped_ahead else {})
        take_back_future(runtime, context, result.started_at, result.run)
        result.is_sweep |= were_clocks_set(runtime, context) and not result.is_backfill
        if result.is_sweep:
            result.counts["read"] += sweep_into_mirror(runtime, context, result.started_at, at_once=is_forced)
    except Fatal as fault:
        note_lost_access(runtime, context, result.started_at, fault)
        raise
    result.counts["vanished"] = take_census_when_due(runtime, context, result.started_at, force=is_forced)
    _learn_accounts(runtime, context)


def _learn_accounts(runtime: Runtime, context: SourceContext) -> None:
    """End of reading: learn who is active. Tickets are judged without it where the tracker does not answer."""
    fault = learn_unknown_accounts(runtime, context, runtime.clock.now())
    if isinstance(fault, NotBefore | Retryable):
        _stay_away(runtime, context, fault)


def _pass_on(runtime: Runtime, context: SourceContext) -> None:
    """Between reading and judging: settle which tickets are due, before any joined record is judged."""
    now = runtime.clock.now()
    if is_clock_right(context):  # the limits of an entry count from the day on which it is recorded
        take_waiver_file(runtime, context, now)
    pass_to_primaries(runtime, context, now)
    if runtime.joins.is_learnt_before_judging(context.name):
        runtime.joins.note_known(context.name, now)


def _judge(runtime: Runtime, context: SourceContext, result: CycleResult) -> None:
    """Second step: turn the mirror into verdicts, findings, register rows and planned warnings.

    Nothing is planned after a stop request, because some tickets are not judged then.
    """
    check_clock(runtime, context)
    now = runtime.clock.now()
    result.counts |= judge_due_tickets(runtime, context, now)
    if runtime.stop.is_set():
        return
    runtime.joins.note_known(context.name, now)
    result.counts["delivered"] = 0
    _add(result, settle_unknown_writes(runtime, context))
    result.counts["planned"] = plan_due_tickets(runtime, context, now)


def _deliver(runtime: Runtime, context: SourceContext, result: CycleResult) -> None:
    """Last step: send planned warnings; writes allowed before are sent while a brake holds others."""
    if not result.stopped:
        check_clock(runtime, context)
    if is_clock_right(context):
        _add(result, deliver_writes(runtime, context))


def _add(result: CycleResult, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        result.counts[name] = result.counts.get(name, 0) + number


def _end(runtime: Runtime, context: SourceContext, result: CycleResult, *, deliver: bool) -> None:
    """Deliver due writes, and close the run."""
    if deliver:
        _run_step(runtime, context, result, partial(_deliver, runtime, context, result))
    for keep in (check_register_after_census, keep_monthly_figures, keep_reviews):
        _run_step(runtime, context, result, partial(_keep, keep, runtime, context, result.started_at))
    _finish(runtime, result)


def _keep(
    keep: Callable[[Runtime, SourceContext, datetime], None],
    runtime: Runtime,
    context: SourceContext,
    since: datetime,
) -> None:
    """Store what is counted at an instant, unless our clock is known to be wrong: it may not know the month."""
    if is_clock_right(context):
        keep(runtime, context, since)


def _start(runtime: Runtime, context: SourceContext, now: datetime, *, full: bool) -> CycleResult:
    """Open a run in the ledger, unless the tracker asked us to wait."""
    result = CycleResult(context.name, now)
    runtime.register.drop_future_waits(context.name, result.started_at)
    new_cycle(context)
    if _must_wait(runtime, result):
        return result
    result.is_backfill = not runtime.register.runs.was_read(context.name)
    result.is_sweep = not result.is_backfill and (full or is_full_read_due(runtime, context, result.started_at))
    kind = FULL if result.is_backfill else POLL
    result.run = runtime.register.runs.start(context.name, kind, result.started_at)
    log(LogAction.CYCLE_STARTED, source=context.name, run=result.run)
    return result


def _must_wait(runtime: Runtime, result: CycleResult) -> bool:
    """Tell whether the tracker asked us to wait; if so, record that as the result's problem."""
    waiting = runtime.register.runs.not_before(result.source)
    if waiting is None or waiting <= result.started_at:
        return False
    result.problem = f"the tracker asked us to wait until {utc_words(waiting)}"
    log(LogAction.SOURCE_WAITING, source=result.source, until=waiting.isoformat())
    return True


def _run_step(runtime: Runtime, context: SourceContext, result: CycleResult, step: Callable[[], None]) -> None:
    """Run one step, unless the cycle has ended already; record in `result` what ends it."""
    if result.problem or result.is_abandoned:
        return
    if runtime.stop.is_set():
        result.is_abandoned = True
        return
    try:
        step()
    except SafetyStop as stop:
        result.stopped = str(stop)
        log_stop(context, stop, runtime.clock.now())
    except Abandoned as end:
        result.problem, result.is_abandoned = end.message, True
    except (NotBefore, Retryable) as wait:
        _stay_away(runtime, context, wait)
        result.problem, result.is_abandoned = wait.message, runtime.stop.is_set()
    except SourceError as error:
        result.problem = with_next_step(error)
    except RegisterUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - ends only this source's cycle, is reported, and is tried again
        result.problem, result.is_own_error = own_error(error), True


def _stay_away(runtime: Runtime, context: SourceContext, wait: NotBefore | Retryable) -> None:
    """Store how long the tracker asked us to wait, if it named a time and meant all of its endpoints."""
    asked = wait.retry_after if isinstance(wait, Retryable) else None
    now = runtime.clock.now()
    until = wait.until if isinstance(wait, NotBefore) else asked and now + asked
    if until and wait.scope == ALL:
        runtime.register.runs.set_not_before(context.name, until, wait.message, noted_at=now)


def _finish(runtime: Runtime, result: CycleResult) -> None:
    """Close the run; `as_of` moves only when the source was read to its end."""
    runtime.workers.dismiss(result.source)
    if not result.run:
        return
    was_read = "vanished" in result.counts
    runtime.register.runs.finish(
        result.run,
        runtime.clock.now(),
        ok=not result.problem and was_read,
        problem=result.problem,
        counts=result.counts,
        as_of=by_the_tracker(runtime.contexts[result.source], result.started_at) if was_read else None,
    )
    if result.is_abandoned:
        log(LogAction.CYCLE_ABANDONED, source=result.source, run=result.run, problem=result.problem)
    elif result.problem:
        level = "error" if result.is_own_error else "warning"
        log(LogAction.CYCLE_FAILED, level=level, source=result.source, run=result.run, problem=result.problem)
    else:
        if not result.stopped:
            forget_stop(runtime.contexts[result.source])
        log(LogAction.CYCLE_FINISHED, source=result.source, run=result.run, **dict[str, Any](result.counts))
