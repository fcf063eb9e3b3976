"""Reads tickets by id: those that a census found there and the mirror does not have as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.reading import Abandoned, read_into_mirror
from capa_sync.daemon.taking import commit_page
from capa_sync.errors import Skippable
from capa_sync.model.ticket import Page, Reading

AT_ONCE = 100
"""Tickets read and committed together."""
MANY = 2000
"""From so many on, a full read is cheaper than reading by id, and goes on after a kill where it was."""


@dataclass(slots=True)
class Gathered:
    """What asking by id brought: whole tickets, and (id, reason) of those that are there and make no ticket."""

    readings: list[Reading] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    @property
    def there(self) -> frozenset[str]:
        """Ids of all that answered."""
        return frozenset([one.ticket.id for one in self.readings] + [id_ for id_, _ in self.unreadable])


def gather(setup: SourceSetup, ids: Sequence[str]) -> Gathered:
    """Read tickets by id; those gone or hidden are left out. Raises SourceError."""
    found = Gathered()
    try:
        found.readings += setup.source.read_tickets(ids)
    except Skippable:
        told = found.there
        for id_ in [id_ for id_ in ids if id_ not in told]:
            try:
                found.readings += setup.source.read_tickets([id_])
            except Skippable as error:
                found.unreadable.append((id_, error.message))
    return found


def read_again(house: House, setup: SourceSetup, run: int, ids: Iterable[str]) -> None:
    """Take these tickets into the mirror as they are now, and have them judged. Raises SourceError."""
    wanted = sorted(ids)
    if len(wanted) >= MANY:
        read_into_mirror(house, setup, run, full=True)
        return
    for start in range(0, len(wanted), AT_ONCE):
        if house.stop.is_set():
            raise Abandoned(setup.name, "stopped while reading; the next census goes on")
        _commit(house, setup, run, gather(setup, wanted[start : start + AT_ONCE]))


def _commit(house: House, setup: SourceSetup, run: int, found: Gathered) -> None:
    cursor = house.register.tickets.cursor(setup.name)
    skipped = tuple((id_, "", reason) for id_, reason in found.unreadable)
    take_in(house, setup, run, Page(tuple(found.readings), cursor, complete=True, skipped=skipped))


def take_in(house: House, setup: SourceSetup, run: int, page: Page) -> list[str]:
    """Commit a page that was read by id and have its tickets judged; return ids of those that changed."""
    changed = commit_page(house, setup, run, page)
    if changed:
        log(Action.PAGE_COMMITTED, source=setup.name, run=run, read=len(page.readings), changed=len(changed))
    return changed
