"""Second step: an id-only sweep now and then, which tells what vanished and what came back (facts/jira.md 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from functools import partial

from capa_sync.daemon.again import AT_ONCE, gather, read_again
from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.presence import Judgement, judge_census, judge_roster
from capa_sync.daemon.reading import Abandoned
from capa_sync.errors import Authentication, BadAnswer, Fatal, SourceError
from capa_sync.model.ticket import Census, Presence, Role
from capa_sync.store import CENSUS

ALARM_AGAIN = timedelta(minutes=10)
"""A census that raised an alarm is taken again after this time, or after `census_every` where that is shorter."""


def is_census_due(house: House, setup: SourceSetup, now: datetime) -> bool:
    """Tell whether a census is due: after `census_every`, sooner after an alarm, at once after one that failed."""
    last = house.register.runs.last(setup.name, CENSUS)
    if last is None or last.started_at > now:
        return True  # one of the future was never taken
    if last.ok:
        return now - last.started_at >= setup.census_every
    return "swept" not in last.counts or now - last.started_at >= min(setup.census_every, ALARM_AGAIN)


def take_census_when_due(house: House, setup: SourceSetup, now: datetime, *, force: bool = False) -> int:
    """Compare the mirror with a complete sweep when one is due; return how many tickets were found to be gone.

    What came back, or is there and was never mirrored (a right that was given), is read at once: its stamp may be
    older than all that polls look at. Raises SourceError; then nothing is believed.
    """
    if not force and not is_census_due(house, setup, now):
        return 0
    runs, tickets = house.register.runs, house.register.tickets
    run = runs.start(setup.name, CENSUS, now)
    try:
        mirrored = tickets.presences(setup.name)
        census = _with_kept_actions(house, setup, setup.source.take_census(), mirrored)
        scope, given_up = house.register.agenda.census_scope(setup.name)
        judgement = judge_census(
            mirrored,
            census,
            partial(_answering, setup),
            is_new_scope=scope not in ("", setup.scope),
            given_up=given_up,
        )
        gone = {each: seen for each, seen in judgement.sightings.items() if seen.presence is not Presence.PRESENT}
        back = [each for each in judgement.sightings if each not in gone]
        strangers = census.ids - mirrored.keys()
        unread = census.ids & tickets.unread(setup.name).keys()  # their answer may have been odd once
        read_again(house, setup, run, {*back, *strangers, *unread, *_bereaved(house, setup, gone)})
    except SourceError as error:
        runs.finish(run, house.clock.now(), ok=False, problem=error.message)
        raise
    with house.register.transaction():
        for ticket, seen in gone.items():
            tickets.set_presence(setup.name, ticket, seen.presence, seen.proof, now)
        house.register.agenda.want_judging(setup.name, gone, now)
        house.register.agenda.note_census_scope(setup.name, setup.scope, judgement.given_up)
    swept = len(census.ids) if census.in_query is None else census.in_query
    counts = {"swept": swept, "told": swept if census.count is None else census.count}
    counts |= {"gone": len(gone), "returned": len(back), "strangers": len(strangers)}
    runs.finish(run, house.clock.now(), ok=not judgement.alarms, problem="; ".join(judgement.alarms), counts=counts)
    _report(setup.name, judgement)
    return len(gone)


def _answering(setup: SourceSetup, ids: Sequence[str]) -> Set[str]:
    """Return those of many tickets that answer when asked by id."""
    parts = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    return {found for part in parts for found in gather(setup, part).there}


def note_lost_access(house: House, setup: SourceSetup, now: datetime, fault: Fatal) -> None:
    """After a refusal: ask which containers we still see, and note those that we do not (CONTRACT.md 5).

    A query that names a project which is hidden from us is refused whole, so that no census can be taken.
    """
    if isinstance(fault, Authentication | BadAnswer | Abandoned):
        return  # who is not believed tells nothing
    register = house.register
    try:
        containers = setup.source.read_roster()
    except SourceError as error:
        log(Action.PRESENCE_ALARM, level="warning", source=setup.name, alarm=f"no roster: {error.message}")
        return
    _scope, given_up = register.agenda.census_scope(setup.name)
    judgement = judge_roster(register.tickets.presences(setup.name), containers, given_up)
    if not judgement.alarms and not judgement.sightings:
        return
    run = register.runs.start(setup.name, CENSUS, now)
    with register.transaction():
        for ticket, seen in judgement.sightings.items():
            register.tickets.set_presence(setup.name, ticket, seen.presence, seen.proof, now)
        register.agenda.want_judging(setup.name, judgement.sightings, now)
    words = "; ".join((*judgement.alarms, fault.message))
    register.runs.finish(run, house.clock.now(), ok=False, problem=words)
    _report(setup.name, judgement)


def _with_kept_actions(
    house: House, setup: SourceSetup, census: Census, mirrored: Mapping[str, tuple[Presence, str]]
) -> Census:
    """Add the actions that had vanished, are named by a present record, and answer again when asked one by one.

    A sweep finds actions outside the query only as long as they are present.
    """
    tickets = house.register.tickets
    roles = tickets.roles(setup.name)

    def is_named(ticket: str) -> bool:
        parents = tickets.parents_of(setup.name, ticket)
        return any(parent in mirrored and mirrored[parent][0] is Presence.PRESENT for parent in parents)

    lost = [
        ticket
        for ticket, (presence, _container) in mirrored.items()
        if presence is not Presence.PRESENT and ticket not in census.ids
        if roles[ticket] is Role.ACTION and is_named(ticket)
    ]
    found = gather(setup, lost).there
    return Census(census.ids | found, census.containers, census.deleted, count=census.count, in_query=census.in_query)


def _bereaved(house: House, setup: SourceSetup, gone: Iterable[str]) -> set[str]:
    """Return the present parents of actions that are gone: no stamp of theirs moves when one is deleted."""
    tickets = house.register.tickets
    actions = [each for each in gone if tickets.is_action(setup.name, each)]
    parents = {parent for action in actions for parent in tickets.parents_of(setup.name, action)}
    return {each for each in parents if tickets.presence(setup.name, each) is Presence.PRESENT} - set(gone)


def _report(source: str, judgement: Judgement) -> None:
    for alarm in judgement.alarms:
        log(Action.PRESENCE_ALARM, level="warning", source=source, alarm=alarm)
    log(Action.CENSUS_TAKEN, source=source, changed=len(judgement.sightings))
