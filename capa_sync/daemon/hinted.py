"""First step after hints: read the named tickets again, between the polls; the polls' cursor does not move."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.daemon.again import take_in
from capa_sync.daemon.house import House, SourceSetup
from capa_sync.store import FULL, POLL

HINTED = "hint"
"""Kind of the run in the ledger; hints that bring nothing new get no run."""


def may_follow_hints(house: House, setup: SourceSetup) -> bool:
    """Tell whether the last poll or full read was complete: no verdict may rest on a part of one."""
    runs = house.register.runs
    ended = [run for kind in (POLL, FULL) if (run := runs.last(setup.name, kind)) and run.finished_at is not None]
    newest = max(ended, key=lambda run: run.id, default=None)
    is_whole = newest is not None and newest.ok and runs.as_of(setup.name) is not None
    return setup.facts is not None and is_whole


def read_hinted(house: House, setup: SourceSetup, ids: Sequence[str]) -> int:
    """Read hinted tickets into the mirror again; return how many changed. Raises SourceError."""
    register = house.register
    page = setup.source.read_hinted(ids, register.tickets.cursor(setup.name))
    if not page.readings and not page.skipped:
        return 0
    run = register.runs.start(setup.name, HINTED, house.clock.now())
    changed = take_in(house, setup, run, page)
    register.runs.finish(
        run, house.clock.now(), ok=True, counts={"read": len(page.readings), "changed": len(changed)}
    )
    return len(changed)
