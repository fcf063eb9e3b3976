"""Reads tickets by id: those that a census found and that the mirror does not hold in their present version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.reading import Abandoned, read_into_mirror
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.taking import commit_page
from capa_sync.errors import Skippable
from capa_sync.model.ticket import Page, Reading, Skip

AT_ONCE = 100
"""Tickets read and committed together."""
MANY = 2000
"""From this number of tickets on, a full read is cheaper than reading by id, and continues after a kill."""


@dataclass(slots=True)
class Gathered:
    """The result of reading by id: whole tickets, and those that could not be parsed."""

    readings: list[Reading] = field(default_factory=list)
    unreadable: list[Skip] = field(default_factory=list)

    @property
    def there(self) -> frozenset[str]:
        """Ids of all tickets that the tracker answered for."""
        return frozenset([reading.ticket.id for reading in self.readings] + [skip.id for skip in self.unreadable])


def gather(context: SourceContext, ids: Sequence[str]) -> Gathered:
    """Read tickets by id; gone or hidden tickets are left out. Raises SourceError."""
    found = Gathered()
    try:
        found.readings += context.source.read_tickets(ids)
    except Skippable as error:
        left = [id_ for id_ in ids if id_ not in found.there]
        if len(left) == len(ids) == 1:
            reason = error.message.removeprefix(f"{error.ticket_key}: ")
            found.unreadable.append(Skip(left[0], error.ticket_key, reason, error.version))
            return found
        for id_ in left:
            alone = gather(context, [id_])
            found.readings += alone.readings
            found.unreadable += alone.unreadable
    return found


def read_again(runtime: Runtime, context: SourceContext, run: int, ids: Iterable[str], *, named: Set[str]) -> None:
    """Read these tickets into the mirror again, and make them due for judging. Raises SourceError.

    `named` are those that the census contained. One of them that is not returned is no ticket that is gone, so its
    quarantine stays until a census lacks it.
    """
    wanted = sorted(ids)
    if len(wanted) >= MANY:
        read_into_mirror(runtime, context, run, full=True)
        return
    for start in range(0, len(wanted), AT_ONCE):
        if runtime.stop.is_set():
            raise Abandoned(context.name, "stopped while reading; the next census goes on")
        batch = wanted[start : start + AT_ONCE]
        found = gather(context, batch)
        _commit(runtime, context, run, found)
        _forget_gone(runtime, context, [id_ for id_ in batch if id_ not in found.there and id_ not in named])


def _commit(runtime: Runtime, context: SourceContext, run: int, found: Gathered) -> None:
    cursor = runtime.register.tickets.cursor(context.name)
    take_in(
        runtime, context, run, Page(tuple(found.readings), cursor, complete=True, skipped=tuple(found.unreadable))
    )


def take_in(runtime: Runtime, context: SourceContext, run: int, page: Page) -> list[str]:
    """Commit a page that was read by id, and make its tickets due; return ids of those that changed."""
    changed = commit_page(runtime, context, run, page)
    if changed:
        log(LogAction.PAGE_COMMITTED, source=context.name, run=run, read=len(page.readings), changed=len(changed))
    return changed


def _forget_gone(runtime: Runtime, context: SourceContext, gone: Sequence[str]) -> None:
    """Delete the parse errors of tickets that the tracker no longer returns; the census sets their presence."""
    register = runtime.register
    with register.transaction():
        lifted = register.tickets.lift_unread(context.name, gone)
        mirrored = [
            ticket_id for ticket_id in lifted if register.tickets.known_digest(context.name, ticket_id) is not None
        ]
        register.queue.want_judging(context.name, mirrored, runtime.clock.now())
