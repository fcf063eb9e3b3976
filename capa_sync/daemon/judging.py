"""Judges due tickets: `pipeline` evaluates them here or in workers, batch by batch; `storing` stores the outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.accounts import version_of_accounts
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.mapped import learn_duplicates
from capa_sync.daemon.outcome import Outcome
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.daemon.roles import records_with, settle_all_roles
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.storing import ResultWriter, retract_actions
from capa_sync.model.settings import UNWAIVABLE
from capa_sync.model.ticket import Page, Role
from capa_sync.store import Register

BATCH = 200
"""Tickets stored in one transaction."""


def pass_to_primaries(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Settle which tickets are due: all after a rule change, records of due actions, primaries of due duplicates.

    Runs before any source of a round is judged, so that one round is enough for a joined record.
    """
    queue = runtime.register.queue
    if runtime.past is not None:
        queue.want_all_judged(context.name, now)
        return
    is_all_due = _notice_new_rules(runtime, context, now)
    if not queue.has_due_judging(context.name, now):
        return
    if runtime.joins.is_learnt_before_judging(context.name):
        with runtime.register.transaction():
            learn_duplicates(runtime.inputs(context, now), queue.due_judging(context.name, now))
    _send_to_primaries(runtime, context, now, is_all_due=is_all_due)


def speculate(runtime: Runtime, context: SourceContext, page: Page, changed: Sequence[str]) -> None:
    """Let the pool evaluate the records of a page speculatively, while the next pages are read.

    A result is used only when nothing that it rests on has changed by then.
    """
    if not runtime.joins.may_join(context.name):
        actions = {reading.ticket.id for reading in page.readings if reading.role is not Role.RECORD}
        records = [ticket_id for ticket_id in changed if ticket_id not in actions]
        runtime.workers.speculate(runtime.inputs(context, runtime.clock.now()), records, page.total)


def judge_due_tickets(runtime: Runtime, context: SourceContext, now: datetime) -> dict[str, int]:
    """Judge every ticket of this source that changed or whose due instant has come; return counts by name.

    Runs only after the source was read to its end, so that no verdict rests on a part of the pages, and after
    `pass_to_primaries`. Tickets not judged before a stop request stay due. What the new verdicts' records have in
    common with others is found out at the end, and the records whose matches changed are judged again.
    """
    actions = set(
        runtime.register.queue.due_actions(context.name, now)
    )  # they became actions since: in the next cycle
    settle_matches(runtime, context, now)
    due = [
        ticket_id for ticket_id in runtime.register.queue.due_judging(context.name, now) if ticket_id not in actions
    ]
    context.plans.clear()
    _want_all_planned(runtime, context, now)
    counts: Counter[str] = Counter(judged=0, opened=0, cleared=0, quarantined=0)
    _judge_batches(runtime, context, due, now, counts)
    if not runtime.stop.is_set():
        again = settle_matches(runtime, context, now)
        _judge_batches(runtime, context, [ticket_id for ticket_id in again if ticket_id not in actions], now, counts)
    late = runtime.register.waivers.recorded_after(context.name, now)  # a worker may not have read them
    runtime.register.queue.want_judging(context.name, late, now)
    return dict(counts)


def settle_matches(runtime: Runtime, context: SourceContext, now: datetime) -> list[str]:
    """Find the earlier records that records match; make those due whose matches changed, and return their ids.

    Never while a batch of the source is evaluated: workers read the stored matches.
    """
    similar, name = runtime.register.similar, context.name
    if not similar.is_stale(name):
        return []
    with runtime.register.transaction():
        changed = similar.settle(name, now, runtime.options.recurs_within)
        runtime.register.queue.want_judging(name, changed, now)
    return changed


def _judge_batches(
    runtime: Runtime, context: SourceContext, due: Sequence[str], now: datetime, counts: Counter[str]
) -> None:
    """Judge tickets batch by batch, and store each batch in one transaction; add to the counts."""
    done = 0
    for ids, outcomes in _evaluated(runtime, context, due, now):
        if runtime.past is not None:
            runtime.past.turn_to(context.name, ids)
        runtime.checkpoint("before-judging-commit")
        with runtime.register.transaction():
            evaluated = [outcomes] if outcomes is not None else _evaluate_here(runtime, context, ids, now)
            for batch in evaluated:
                counts.update(ResultWriter(runtime, context, batch, now).store())
        runtime.checkpoint("after-judging-commit")
        done += len(ids)
        runtime.progress(context.name, "judging", done, len(due))
        if runtime.stop.is_set():
            break


def _want_all_planned(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Once per process, make every ticket due that may need a write: the settings may have changed."""
    if context.write.mode == "off" or context.planned_all:
        return
    runtime.register.queue.want_planning_of_warned(context.name, now)
    context.planned_all = True


def _evaluated(
    runtime: Runtime, context: SourceContext, due: Sequence[str], now: datetime
) -> Iterator[tuple[Sequence[str], list[Outcome] | None]]:
    """Yield due tickets batch by batch, with the outcomes of the worker pool where that pays, else None."""
    batches = [due[start : start + BATCH] for start in range(0, len(due), BATCH)]
    if not runtime.joins.may_join(context.name) and runtime.workers.are_worth_it(len(due)):
        yield from zip(batches, runtime.workers.evaluate(runtime.inputs(context, now), batches), strict=True)
    else:
        yield from ((batch, None) for batch in batches)


def _evaluate_here(
    runtime: Runtime, context: SourceContext, ids: Sequence[str], now: datetime
) -> Iterator[list[Outcome]]:
    """Evaluate a batch in this process; the caller stores each list before it asks for the next.

    Where a ticket may have a duplicate in its own source, tickets are stored one by one: judging a ticket may make
    its duplicate due again.
    """
    pipeline = Pipeline(runtime.inputs(context, now), ids)
    if runtime.joins.named_by(context.name) == context.name:
        yield from (pipeline.evaluate([ticket_id]) for ticket_id in ids)
    else:
        yield pipeline.evaluate(ids)


def accounts_judged_with(register: Register, source: str) -> str:
    """Return the version of the accounts with which a source's tickets were last judged, "" for none."""
    return next(iter(register.queue.judged_with(source).split(":")[2:3]), "")


def _notice_new_rules(runtime: Runtime, context: SourceContext, now: datetime) -> bool:
    """Make every ticket due when rules, mapping, accounts, the tracker's fields or the joined source differ.

    Returns whether they did.
    """
    judged_with = runtime.register.queue.judged_with(context.name)
    if not judged_with:  # all is judged for the first time, with the accounts that reading has shown
        context.accounts_version = version_of_accounts(runtime.register, context.name, context.facts)
    bound = context.bound.hash if context.bound is not None else ""
    duplicates = runtime.joins.named_by(context.name)
    fingerprint = f"{runtime.rules.hash}:{bound}:{context.accounts_version}" + (
        f":{duplicates}" if duplicates else ""
    )
    if runtime.options.unwaivable != UNWAIVABLE:
        fingerprint += f":{','.join(sorted(runtime.options.unwaivable))}"
    if context.name in runtime.options.texts:
        fingerprint += f":{runtime.options.texts[context.name].version}"
    if judged_with == fingerprint:
        return False
    log(LogAction.RULES_CHANGED, source=context.name)
    with runtime.register.transaction():
        settle_all_roles(runtime, context, now)
        runtime.register.queue.want_all_judged(context.name, now)
        runtime.register.queue.judge_with(context.name, fingerprint)
    return True


def _send_to_primaries(runtime: Runtime, context: SourceContext, now: datetime, *, is_all_due: bool) -> None:
    """Make the records of due actions due (where not all are), then the primaries of due duplicates.

    A ticket may be a record and an action. A ticket that is only an action is never judged itself.
    """
    register, joins = runtime.register, runtime.joins
    with register.transaction():
        if not is_all_due:
            due = register.queue.due_judging(context.name, now)
            records = records_with(register, context.mapping, context.name, due)
            register.queue.want_judging(context.name, records - set(due), now)
        retract_actions(runtime, context, register.queue.due_actions(context.name, now), now)
        for ticket_id in register.queue.due_judging(context.name, now) if register.records.has_joins else ():
            for source, other in joins.judged_with(context.name, ticket_id):
                register.queue.want_judging(source, [other], now)
