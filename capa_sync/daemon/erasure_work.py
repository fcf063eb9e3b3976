"""Erases between the cycles: what `register erase` asked for, and what retention does not keep any longer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from itertools import islice

from capa_sync.daemon.clocks import has_confirmed
from capa_sync.daemon.erasing import ErasureScope, erase_scopes
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.retention import Outlived, outlived
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import RegisterUnavailable
from capa_sync.model.erasure import ErasedBy, Erasure
from capa_sync.store import ERASE

Turns = Callable[[Collection[str]], AbstractContextManager[bool]]
"""Takes the turns of sources without waiting; False where one of them has a cycle under way."""
RETENTION_EVERY = timedelta(days=1)
AT_ONCE = 20
"""Records that retention erases in one transaction, and in one tick."""
BUSY_AGAIN = timedelta(minutes=1)
"""After this time retention is tried again where a source was busy."""
UNCONFIRMED_AGAIN = timedelta(minutes=10)
"""After this time retention is tried again where nothing proved that our clock is right."""
CLEAN_AGAIN = timedelta(minutes=10)
"""After this time a clean-up that failed or was blocked is tried again."""


@contextmanager
def all_idle(_sources: Collection[str]) -> Iterator[bool]:
    """Take the turns where no cycle runs, as in `sync`."""
    yield True


class ErasureWork:
    """What is to be erased; no ticket is erased while a cycle of its source is under way."""

    def __init__(self, turns: Turns = all_idle) -> None:
        self._turns = turns
        self._next_retention: datetime | None = None
        self._next_clean: datetime | None = None

    def do(self, runtime: Runtime) -> None:
        """Erase what is due and whose sources are idle, then remove the traces. Raises RegisterUnavailable."""
        now = runtime.clock.now()
        self.carry_out(runtime)
        self._retain(runtime, now)
        if runtime.register.erasures.wants_clean_up and _is_due(self._next_clean, now):
            self._next_clean = None if clean_up(runtime) else now + CLEAN_AGAIN

    def carry_out(self, runtime: Runtime) -> None:
        """Erase what `register erase` asked for and whose sources are idle. Raises RegisterUnavailable."""
        now = runtime.clock.now()
        for request in runtime.register.requests.waiting():
            if request.verb != ERASE:
                continue
            tickets, left = (tuple((found[0], found[1]) for found in request.args[name]) for name in _TICKETS)
            with self._turns({source for source, _ in tickets}) as is_idle:
                if is_idle:
                    erasure = Erasure(request.args["reason"], request.args["asked_by"])
                    with runtime.register.transaction():
                        stones = erase_scopes(runtime, [ErasureScope(tickets, left)], erasure, now)
                        runtime.register.requests.done(request.id, now, "" if stones else "nothing was left to erase")
                    log(LogAction.REQUEST_TAKEN, verb=ERASE)

    def _retain(self, runtime: Runtime, now: datetime) -> None:
        """Once a day, erase records whose time is over, some at each tick; none by a clock that may be wrong."""
        if not runtime.retention.erases or not _is_due(self._next_retention, now):
            return
        ended = runtime.register.erasures.ended_before(now - runtime.retention.keep)
        sources = {source for source, _ in ended} | runtime.contexts.keys()
        proven = {source for source in sources if has_confirmed(runtime, source, now)}
        waiting = {source for source, _ in ended} - proven
        due = list(islice(_going(outlived(runtime, now, proven), proven), AT_ONCE))
        with self._turns({source for scope in due for source, _ in scope.tickets}) as is_idle:
            if is_idle:
                reason = f"it ended more than {runtime.retention.keep.days} days ago"
                erase_scopes(runtime, due, Erasure(reason, "", ErasedBy.RETENTION), now)
        runtime.register.erasures.note_unconfirmed(waiting)
        if not is_idle:
            self._next_retention = now + BUSY_AGAIN
        elif len(due) < AT_ONCE:
            self._next_retention = now + (UNCONFIRMED_AGAIN if waiting else RETENTION_EVERY)


def _going(records: Iterable[Outlived], proven: Collection[str]) -> Iterator[ErasureScope]:
    """Yield what may go: nothing keeps it, and our clock is proven to be right for each source of its tickets."""
    for record in records:
        if record.may_go and all(source in proven for source, _ in record.scope.tickets):
            yield record.scope


_TICKETS = ("tickets", "left")


def erasure_args(scope: ErasureScope, erasure: Erasure) -> dict[str, object]:
    """Return a person's wish as the arguments of a request."""
    tickets = {"tickets": scope.tickets, "left": (*scope.staying, *scope.naming)}
    return {**tickets, "reason": erasure.reason, "asked_by": erasure.asked_by}


def _is_due(at: datetime | None, now: datetime) -> bool:
    """Tell whether an instant is over; one further away than a day comes from a clock that was ahead."""
    return at is None or not now < at <= now + RETENTION_EVERY


def clean_up(runtime: Runtime) -> bool:
    """Write the register's file anew without what was erased; return whether that is done, and log if not."""
    runtime.progress("register", "writing its file anew", 0, 1)
    try:
        is_done, why = runtime.register.erasures.clean(), "another process reads an earlier state of the register"
    except RegisterUnavailable as error:
        is_done, why = False, str(error)
    runtime.progress("register", "writing its file anew", 1, 1)
    if not is_done:
        log(LogAction.CLEAN_UP_WAITS, level="warning", problem=why)
    return is_done
