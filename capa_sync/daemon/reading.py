"""First step of the journey: sign in, read what changed, put it into the mirror."""

from __future__ import annotations

from datetime import datetime, timedelta

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.errors import Fatal
from capa_sync.mapping import bind
from capa_sync.model.ticket import Cursor


class Abandoned(Fatal):
    """The daemon is stopping: the cycle ends here and goes on from the stored cursor next time."""


def sign_in(house: House, setup: SourceSetup, now: datetime) -> None:
    """Learn who we are and what the tracker has, once a process and again with each census; bind the mapping to it.

    Raises SourceError.
    """
    if setup.facts is not None and setup.bound is not None:
        return
    facts = setup.source.identify()
    house.register.facts.declare(setup.name, setup.kind, setup.url)
    house.register.facts.save(setup.name, facts, now)
    setup.facts = facts
    setup.clock_skew = facts.server_time - house.clock.now() if facts.server_time is not None else timedelta(0)
    pinned = house.register.facts.pins(setup.name)
    setup.bound = bind(setup.mapping, facts, pinned)
    for problem in (*setup.bound.problems, *setup.bound.notes):
        log(Action.MAPPING_PROBLEM, level="warning", source=setup.name, problem=str(problem))
    for field, tracker_field in setup.bound.pins.items():
        house.register.facts.pin(setup.name, field, tracker_field)


def read_into_mirror(house: House, setup: SourceSetup, run: int, *, full: bool) -> int:
    """Read page by page, committing each with its cursor and its tickets' wish to be judged; return tickets read.

    A page that is refused leaves the cursor where it was. Raises SourceError.
    """
    register, parser = house.register, setup.source.parser()
    cursor = Cursor() if full else register.tickets.cursor(setup.name)
    done = 0
    for page in setup.source.read_changes(cursor, full=full):
        now = house.clock.now()
        house.checkpoint("before-page-commit")
        with register.transaction():
            changed = register.tickets.commit_page(setup.name, page, now, run, parser)
            register.agenda.want_judging(setup.name, changed, now)
            for ticket_id, key, reason in page.skipped:
                register.tickets.quarantine(setup.name, ticket_id, [reason], key)
        house.checkpoint("after-page-commit")
        for _ticket_id, key, reason in page.skipped:
            log(Action.TICKET_QUARANTINED, level="warning", source=setup.name, ticket=key, reason=reason)
        done += len(page.readings)
        if changed:
            log(Action.PAGE_COMMITTED, source=setup.name, run=run, read=len(page.readings), changed=len(changed))
        house.progress(setup.name, "reading", done, page.total)
        if house.stop.is_set() and not page.complete:
            raise Abandoned(setup.name, "stopped while reading; it goes on from here at the next start")
    return done
