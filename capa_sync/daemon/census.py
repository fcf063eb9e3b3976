"""Second step: an id-only sweep now and then, which tells what vanished (facts/jira.md 4)."""

from __future__ import annotations

from datetime import datetime

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.presence import Judgement, judge_census
from capa_sync.errors import SourceError
from capa_sync.model.ticket import Census, Presence


def take_census_when_due(house: House, setup: SourceSetup, now: datetime, *, force: bool = False) -> int:
    """Compare the mirror with a complete sweep when `census_every` has passed; return how many presences changed.

    Raises SourceError; then nothing is believed.
    """
    runs = house.register.runs
    last = runs.last(setup.name, "census")
    if not force and last is not None and last.ok and now - last.started_at < setup.census_every:
        return 0
    run = runs.start(setup.name, "census", now)
    try:
        census = setup.source.take_census()
        judgement = _compare(house, setup, census)
    except SourceError as error:
        runs.finish(run, house.clock.now(), ok=False, problem=error.message)
        raise
    with house.register.transaction():
        for ticket, seen in judgement.sightings.items():
            house.register.tickets.set_presence(setup.name, ticket, seen.presence, seen.proof, now)
        house.register.agenda.want_judging(setup.name, judgement.sightings, now)
    counts = {"swept": len(census.ids), "told": census.count if census.count is not None else len(census.ids)}
    runs.finish(run, house.clock.now(), ok=not judgement.alarms, problem="; ".join(judgement.alarms), counts=counts)
    _report(setup.name, judgement)
    return sum(1 for seen in judgement.sightings.values() if seen.presence is not Presence.PRESENT)


def _compare(house: House, setup: SourceSetup, census: Census) -> Judgement:
    """Compare with the mirror, asking one by one for what left the sweep while its project is visible."""

    def still_readable(ids: list[str]) -> set[str]:
        return {reading.ticket.id for reading in setup.source.read_tickets(ids)}

    return judge_census(house.register.tickets.presences(setup.name), census, still_readable)


def _report(source: str, judgement: Judgement) -> None:
    for alarm in judgement.alarms:
        log(Action.PRESENCE_ALARM, level="warning", source=source, alarm=alarm)
    log(Action.CENSUS_TAKEN, source=source, changed=len(judgement.sightings))
