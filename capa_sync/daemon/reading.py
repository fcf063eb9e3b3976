"""First step: sign in, read what changed, and put it into the mirror."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from capa_sync.daemon.accounts import note_persons, refresh_accounts, version_of_accounts
from capa_sync.daemon.clocks import note_server_time
from capa_sync.daemon.known_site import lacks_something, merged, never_emptied
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.taking import commit_page
from capa_sync.errors import Fatal, SourceError
from capa_sync.mapping import BoundMapping, bind
from capa_sync.model.light import light
from capa_sync.model.site import SiteFacts
from capa_sync.model.ticket import Page
from capa_sync.model.to_do import with_next_step
from capa_sync.store import FULL


class Abandoned(Fatal):
    """The daemon is stopping: the cycle ends here, and the next one continues from the stored cursor."""


SWEEP_AGAIN_AFTER = timedelta(hours=1)
"""A full read that failed continues after this time; polls go on meanwhile."""


def is_full_read_due(runtime: Runtime, context: SourceContext, now: datetime) -> bool:
    """Tell whether a full read is due: only a full read finds a change that does not move `updated`."""
    runs = runtime.register.runs
    if not runs.was_read(context.name):
        return False  # the backfill is not finished, and it is a full read
    last = runs.last(context.name, FULL)
    if last is None or last.finished_at is None:
        return True  # an unfinished one continues, also after a kill
    if last.started_at > now:
        return True  # our clock was ahead: a run in the future proves nothing
    return now - last.started_at >= (context.full_sweep_every if last.ok else SWEEP_AGAIN_AFTER)


def sign_in(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Read our account and the site facts, and bind the mapping to them: once per process and with each census.

    Raises SourceError.
    """
    if context.facts_at is not None and timedelta(0) <= now - context.facts_at < context.census_every:
        return
    stored = runtime.register.facts
    begun = runtime.clock.now()
    facts = _identified(context, stored.load(context.name))
    note_server_time(context, facts.server_time, begun, runtime.clock.now())
    runtime.register.accounts.show(context.name, facts.accounts, now)
    refresh_accounts(runtime, context, now)
    facts = replace(facts, accounts=(), accounts_apart=True)
    context.accounts_version = version_of_accounts(runtime.register, context.name, facts)
    rights = (*facts.missing_rights, *context.closed_rights)
    with runtime.register.transaction():
        stored.declare(context.name, context.kind.name, context.url)
        stored.save(context.name, replace(facts, missing_rights=rights), now)
        # every account ever seen counts: a new process must not conclude that accounts were removed
        bound = bind(context.mapping, stored.load(context.name) or facts, stored.pins(context.name))
        for field, tracker_field in bound.pins.items():
            stored.pin(context.name, field, tracker_field)
        note_persons(runtime.register, context)
    for right in (
        facts.missing_rights if context.facts is None or facts.missing_rights != context.facts.missing_rights else ()
    ):
        log(LogAction.RIGHT_MISSING, level="warning", source=context.name, problem=right)
    context.facts, context.bound, context.facts_at, context.accounts_mark = facts, bound, now, None
    _log_mapping(context, bound)


def _log_mapping(context: SourceContext, bound: BoundMapping) -> None:
    """Log what is wrong with the mapping on this site, each problem once in a process."""
    drifts = set(map(str, bound.drifts))
    for problem in dict.fromkeys(map(str, (*context.notes, *bound.problems, *bound.notes))):
        if problem in context.logged:
            continue
        context.logged.add(problem)
        log(LogAction.MAPPING_PROBLEM, level="warning", source=context.name, problem=problem)
        if problem in drifts:
            log(LogAction.FIELD_DRIFTED, level="warning", source=context.name, problem=problem)


def _identified(context: SourceContext, known: SiteFacts | None) -> SiteFacts:
    """Read the site facts; a second time when something known, or named by the mapping, is missing.

    Raises SourceError.
    """
    facts = context.source.identify()
    if known is None:
        bound = bind(context.mapping, facts, {})
        is_lacking = bool(bound.problems or bound.slips)
    else:
        is_lacking = lacks_something(facts, known)
    if not is_lacking:
        return facts
    facts = merged(facts, context.source.identify())
    return facts if known is None else never_emptied(facts, known)


def sweep_into_mirror(runtime: Runtime, context: SourceContext, now: datetime, *, at_once: bool) -> int:
    """Start or continue a full read; return the number of tickets read.

    One cycle reads for `poll_every` at most, unless `at_once`, so that polls go on in between. Raises SourceError.
    """
    runs = runtime.register.runs
    last = runs.last(context.name, FULL)
    run = last.id if last is not None and last.finished_at is None else runs.start(context.name, FULL, now)
    until = None if at_once else runtime.clock.now() + context.poll_every
    try:
        done = read_into_mirror(runtime, context, run, full=True, until=until)
    except Abandoned:
        raise
    except SourceError as error:
        runs.finish(run, runtime.clock.now(), ok=False, problem=with_next_step(error))
        raise
    if done.is_whole:
        runs.finish(run, runtime.clock.now(), ok=True, counts={"read": done.tickets})
    return done.tickets


Seen = Callable[[Page, Sequence[str]], None]
"""Called with each committed page and the ids of its new or changed tickets."""


def nobody(_page: Page, _changed: Sequence[str]) -> None:
    """Ignore the page."""


@light
class Done:
    """The result of reading: number of tickets read, and whether the source was read to its end.

    `stamped_ahead` is as in `Page`.
    """

    tickets: int
    is_whole: bool
    stamped_ahead: int = 0


def read_into_mirror(
    runtime: Runtime,
    context: SourceContext,
    run: int,
    *,
    full: bool,
    until: datetime | None = None,
    seen: Seen = nobody,
) -> Done:
    """Read page by page; commit each page with its cursor, and make its changed tickets due for judging.

    A page that is refused leaves the cursor where it was. `full` reads everything again, and continues an interrupted
    full read. Reading ends early after the first page past `until`. Raises SourceError.
    """
    register, begun = runtime.register, runtime.clock.now()
    done, is_whole, ahead = 0, False, 0
    for page in context.source.read_changes(register.tickets.cursor(context.name), full=full):
        now = runtime.clock.now()
        changed = commit_page(runtime, context, run, page)
        seen(page, changed)
        done += len(page.readings)
        if changed:
            log(LogAction.PAGE_COMMITTED, source=context.name, run=run, read=len(page.readings), changed=len(changed))
        total = (
            page.total if page.total is not None and page.total >= done else None
        )  # an estimate that counts records only
        runtime.progress(context.name, "reading", done, done if page.complete else total)
        if runtime.stop.is_set() and not page.complete:
            raise Abandoned(context.name, "stopped while reading; it goes on from here at the next start")
        is_whole, ahead = page.complete, max(ahead, page.stamped_ahead)
        del page  # it would stay in memory while the next page is made: an eighth of a backfill's memory
        if until is not None and not begun <= now < until:
            break  # also after the clock was set back
    return Done(done, is_whole, ahead)
