"""First step of a hint: read what it names again, beside the polls, whose cursor stays where it is."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.daemon.again import take_in
from capa_sync.daemon.house import House, SourceSetup
from capa_sync.store import FULL, POLL

HINTED = "hint"
"""Kind of the run in the ledger; there is none for hints that brought nothing new."""


def may_follow_hints(house: House, setup: SourceSetup) -> bool:
    """Tell whether the last reading went to its end: a verdict between two polls must not rest on half of one."""
    runs = house.register.runs
    ended = [run for kind in (POLL, FULL) if (run := runs.last(setup.name, kind)) and run.finished_at is not None]
    newest = max(ended, key=lambda run: run.id, default=None)
    is_whole = newest is not None and newest.ok and runs.as_of(setup.name) is not None
    return setup.facts is not None and is_whole


def read_hinted(house: House, setup: SourceSetup, ids: Sequence[str]) -> int:
    """Read hinted tickets again and take them into the mirror; return how many changed. Raises SourceError."""
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
