"""Second step: the census, a periodic sweep of ids that finds vanished and returned tickets (docs/contract.md 5)."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import datetime, timedelta

from capa_sync.daemon.again import read_again
from capa_sync.daemon.clocks import is_clock_right
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.presence import (
    CensusEvidence,
    Judgement,
    Mirrored,
    judge_census,
    judge_roster,
    settled,
    suspicious_containers,
    unsettled,
)
from capa_sync.daemon.presence_log import log_presences
from capa_sync.daemon.reading import Abandoned
from capa_sync.daemon.roles import namings_of, records_among, records_with, settle_roles
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import Authentication, BadAnswer, Fatal, SourceError
from capa_sync.model.site import Census
from capa_sync.model.ticket import Presence, Role, Scope
from capa_sync.model.to_do import with_next_step
from capa_sync.store import CENSUS

RECHECK = "recheck"
"""Kind of the run that records when tickets known to be gone or out of scope were last asked for."""
RECHECK_EVERY = timedelta(days=1)
OWN_REQUESTS = 200
"""Largest number of tickets that one census asks for one by one, so that polls do not wait long for it."""
ALARM_AGAIN = timedelta(minutes=10)
"""A census that raised an alarm is taken again after this time, or after `census_every` where that is shorter."""


def is_census_due(runtime: Runtime, context: SourceContext, now: datetime) -> bool:
    """Tell whether a census is due.

    It is due after `census_every`, sooner after an alarm, and at once after a failed census or when a poll has read a
    ticket that a census had recorded as missing.
    """
    last = runtime.register.runs.last(context.name, CENSUS)
    if last is None or last.started_at > now:
        return True  # our clock was ahead: a census in the future proves nothing
    if last.ok:
        return now - last.started_at >= context.census_every
    if "swept" not in last.counts or now - last.started_at >= min(context.census_every, ALARM_AGAIN):
        return True
    return runtime.register.tickets.number(context.name, Presence.UNOBSERVED) < last.counts.get("unobserved", 0)


def take_census_when_due(runtime: Runtime, context: SourceContext, now: datetime, *, force: bool = False) -> int:
    """Compare the mirror with a complete census when one is due; return how many tickets are gone.

    Tickets that came back, that are there and were never mirrored (because a right was given), or that left the query
    and actions now, are read at once: their update time may be older than the times that polls look at. None is taken
    while our clock and the tracker's disagree: since when a ticket is gone decides until when it is kept, and nobody
    knows which of the two is right. Raises SourceError; then nothing is stored.
    """
    if not is_clock_right(context) or not (force or is_census_due(runtime, context, now)):
        return 0
    runs, tickets = runtime.register.runs, runtime.register.tickets
    run = runs.start(context.name, CENSUS, now)
    try:
        mirrored = tickets.presences(context.name)
        census = context.source.take_census()
        actions = _actions_among(runtime, context, mirrored, census)
        scope, given_up = runtime.register.queue.census_scope(context.name)
        is_new_scope = scope not in ("", context.scope)
        evidence, suspicious = _ask(runtime, context, mirrored, census, actions, now, is_new_scope=is_new_scope)
        left = _left(census, evidence.in_scope & actions)
        moved = _with_scope(runtime, context, left, Scope.IN)
        _note_scopes(runtime, context, census, left - moved, now)
        judgement = judge_census(mirrored, census, evidence, suspicious, is_new_scope=is_new_scope, given_up=given_up)
        gone = {ticket: seen for ticket, seen in judgement.sightings.items() if seen.presence is not Presence.PRESENT}
        back = [ticket for ticket in judgement.sightings if ticket not in gone]
        unknown = census.ids - mirrored.keys()
        unknown -= runtime.register.erasures.among(context.name, unknown)
        unread = tickets.unread(context.name).keys()  # their answer may have been wrong only once
        read_again(
            runtime,
            context,
            run,
            {*back, *unknown, *unread, *moved, *_parents_of(runtime, context, gone)},
            named=census.ids,
        )
        # only now: a census that ends before this finds them again
        _note_scopes(runtime, context, census, moved, now)
    except SourceError as error:
        runs.finish(run, runtime.clock.now(), ok=False, problem=with_next_step(error))
        raise
    with runtime.register.transaction():
        tickets.mend_presences(context.name)
        for ticket, seen in gone.items():
            tickets.set_presence(context.name, ticket, seen.presence, seen.proof, now)
        runtime.register.queue.want_judging(context.name, gone, now)
        outside = [ticket for ticket, seen in gone.items() if seen.presence is Presence.OUT_OF_SCOPE]
        runtime.register.roles.note_scope(context.name, left=outside)
        settle_roles(runtime, context, gone, now)
        runtime.register.queue.note_census_scope(context.name, context.scope, judgement.given_up)
    swept = len(census.ids) if census.in_query is None else census.in_query
    counts = {"swept": swept, "told": swept if census.count is None else census.count}
    counts |= {"gone": len(gone), "returned": len(back), "strangers": len(unknown)}
    if judgement.alarms:
        counts["unobserved"] = tickets.number(context.name, Presence.UNOBSERVED)
    runs.finish(run, runtime.clock.now(), ok=not judgement.alarms, problem="; ".join(judgement.alarms), counts=counts)
    log_presences(runtime, context, gone)
    _report(context.name, judgement)
    return len(gone)


def _ask(
    runtime: Runtime,
    context: SourceContext,
    mirrored: Mirrored,
    census: Census,
    actions: Set[str],
    now: datetime,
    *,
    is_new_scope: bool,
) -> tuple[CensusEvidence, frozenset[str]]:
    """Ask for the tickets that a census does not contain: many at once, then one by one those without an answer.

    Returns:
        The evidence, and the containers of which too many tickets are missing to believe it.
    """
    wanted = unsettled(mirrored, census)
    asked = {ticket: mirrored[ticket][1] for ticket in wanted}
    known = settled(mirrored, census)
    is_recheck = bool(known) and (is_new_scope or _is_recheck_due(runtime, context, now))
    asked |= {
        ticket: mirrored[ticket][1]
        for ticket in known
        if is_recheck or _is_named(runtime, context, mirrored, ticket, actions)
    }
    if not asked:
        return CensusEvidence(), frozenset()
    located = context.source.locate(asked, actions & asked.keys(), census)
    silent = [ticket for ticket in asked if ticket not in located.in_scope and ticket not in located.elsewhere]
    deleted = context.source.deletions(silent)
    missing = [ticket for ticket in wanted if ticket not in located.in_scope and ticket not in deleted]
    counted = [ticket for ticket in missing if ticket not in located.elsewhere] if is_new_scope else missing
    suspicious = suspicious_containers(mirrored, counted)
    doubted = {
        ticket for ticket in missing if mirrored[ticket][1] in suspicious and mirrored[ticket][0] is Presence.PRESENT
    }
    left = [
        ticket
        for ticket in silent
        if ticket not in deleted and ticket not in doubted and mirrored[ticket][0] is not Presence.DELETED_OR_HIDDEN
    ]
    prove, unasked = left[:OWN_REQUESTS], left[OWN_REQUESTS:]
    gone = context.source.prove_gone({ticket: asked[ticket] for ticket in prove})
    if is_recheck:
        runs = runtime.register.runs
        runs.finish(runs.start(context.name, RECHECK, now), runtime.clock.now(), ok=True)
    return CensusEvidence(located.in_scope, located.elsewhere, deleted, gone, frozenset(unasked)), suspicious


def _is_recheck_due(runtime: Runtime, context: SourceContext, now: datetime) -> bool:
    """Tell whether tickets known to be gone or out of scope are to be asked for again."""
    last = runtime.register.runs.last(context.name, RECHECK)
    if last is None or last.started_at > now or not last.ok:
        return True  # our clock was ahead: a run in the future, or one that was taken back, proves nothing
    return now - last.started_at >= RECHECK_EVERY


def _is_named(runtime: Runtime, context: SourceContext, mirrored: Mirrored, ticket: str, actions: Set[str]) -> bool:
    """Tell whether a ticket is an action that a present record names: a census asks only for such actions."""
    if ticket not in actions:
        return False
    owners = records_with(runtime.register, context.mapping, context.name, [ticket])
    return any(owner in mirrored and mirrored[owner][0] is Presence.PRESENT for owner in owners)


def _actions_among(runtime: Runtime, context: SourceContext, mirrored: Mirrored, census: Census) -> frozenset[str]:
    """Return ids of actions, and of records not in the census that are also the action of a record in it."""
    actions = {ticket for ticket, role in runtime.register.tickets.roles(context.name).items() if role is Role.ACTION}
    missing = [ticket for ticket in mirrored if ticket not in census.ids and ticket not in actions]
    namings = namings_of(runtime.register, context.mapping, context.name, missing) if missing else []
    owners = records_among(runtime.register, context.name, {naming.owner for naming in namings} & census.ids)
    return frozenset(actions.union(naming.part for naming in namings if naming.owner in owners))


def _left(census: Census, answering: Set[str]) -> frozenset[str]:
    """Return the present actions that the query does not name; none where the census does not tell."""
    return (census.ids | answering) - census.named if census.named is not None else frozenset()


def _with_scope(runtime: Runtime, context: SourceContext, ids: Set[str], scope: Scope) -> frozenset[str]:
    """Return those of these tickets that are mirrored with this scope."""
    places = runtime.register.roles.places(context.name, list(ids))
    return frozenset(ticket for ticket, place in places.items() if place.scope is scope)


def _note_scopes(runtime: Runtime, context: SourceContext, census: Census, left: Set[str], now: datetime) -> None:
    """Store which tickets the query names now, and that it no longer names those that `left`; settle their roles."""
    if census.named is None:
        return
    with runtime.register.transaction():
        news = runtime.register.roles.note_scope(context.name, inside=census.named, left=left)
        settle_roles(runtime, context, news, now)


def note_lost_access(runtime: Runtime, context: SourceContext, now: datetime, fault: Fatal) -> None:
    """After a refusal, read which containers are still visible, and store the loss of others (docs/contract.md 5).

    A query that names a project hidden from us is refused as a whole, so that no census can be taken.
    """
    if isinstance(fault, Authentication | BadAnswer | Abandoned) or not is_clock_right(context):
        return  # an answer that is not believed proves nothing; without a clock nobody knows since when
    register = runtime.register
    try:
        containers = context.source.read_roster()
    except SourceError as error:
        log(LogAction.PRESENCE_ALARM, level="warning", source=context.name, alarm=f"no roster: {error.message}")
        return
    _scope, given_up = register.queue.census_scope(context.name)
    judgement = judge_roster(register.tickets.presences(context.name), containers, given_up)
    if not judgement.alarms and not judgement.sightings:
        return
    run = register.runs.start(context.name, CENSUS, now)
    with register.transaction():
        for ticket, seen in judgement.sightings.items():
            register.tickets.set_presence(context.name, ticket, seen.presence, seen.proof, now)
        register.queue.want_judging(context.name, judgement.sightings, now)
        settle_roles(runtime, context, judgement.sightings, now)
    problem = "; ".join((*judgement.alarms, fault.message))
    register.runs.finish(run, runtime.clock.now(), ok=False, problem=problem)
    log_presences(runtime, context, judgement.sightings)
    _report(context.name, judgement)


def _parents_of(runtime: Runtime, context: SourceContext, gone: Iterable[str]) -> set[str]:
    """Return the present records of actions that are gone: their update time does not move with a deletion."""
    tickets = runtime.register.tickets
    parents = records_with(runtime.register, context.mapping, context.name, list(gone))
    return {parent for parent in parents if tickets.presence(context.name, parent) is Presence.PRESENT} - set(gone)


def _report(source: str, judgement: Judgement) -> None:
    for alarm in judgement.alarms:
        log(LogAction.PRESENCE_ALARM, level="warning", source=source, alarm=alarm)
    log(LogAction.CENSUS_TAKEN, source=source, changed=len(judgement.sightings))
