"""The plan cache: plans made when tickets were evaluated, until all tickets are judged and the brakes are checked.

`pipeline` alone makes plans. A plan rests here, in a file of the cycle, and then in the outbox. Its writes are rows
of the outbox already: in a first cycle over a large source a brake withholds nearly all, and they are stored so.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

from capa_sync.store import WriteRow, write_from, write_notifies, write_row
from capa_sync.writeback import Learned, TicketPlan, restored_plan

MOST = 1024 * 1024 * 1024
"""Largest number of bytes of plans on disk; plans that do not fit are made again."""


class CachedPlan(NamedTuple):
    """A plan whose writes are rows of the outbox; the other attributes are those of `TicketPlan`."""

    writes: tuple[WriteRow, ...]
    withdraw: tuple[str, ...]
    next_due_at: datetime | None
    withheld: str
    learned: Mapping[str, Learned]
    state: str

    @classmethod
    def of(cls, plan: TicketPlan) -> CachedPlan:
        """Return a plan in this form."""
        rows = tuple([write_row(write) for write in plan.writes])
        return cls(rows, plan.withdraw, plan.next_due_at, plan.withheld, plan.learned, plan.state)

    @property
    def notifies(self) -> bool:
        """Return whether this plan has a write that notifies people."""
        return any(map(write_notifies, self.writes))

    def plan(self) -> TicketPlan:
        """Return the plan as it was made."""
        return restored_plan([write_from(row) for row in self.writes], *self[1:])


class PickledPlan(NamedTuple):
    """A pickled plan (a few kilobytes), with the two values that are read before it is unpickled.

    Attributes:
        next_due_at, is_quiet: as in `TicketPlan`. pickled: the attributes of a `CachedPlan`.
    """

    next_due_at: datetime | None
    is_quiet: bool
    pickled: bytes

    @classmethod
    def of(cls, plan: TicketPlan) -> PickledPlan:
        """Pickle a plan."""
        pickled = pickle.dumps(tuple(CachedPlan.of(plan)), protocol=pickle.HIGHEST_PROTOCOL)
        return cls(plan.next_due_at, plan.is_quiet, pickled)


def unpickled(pickled: bytes) -> CachedPlan:
    """Return the plan of a `PickledPlan`."""
    return CachedPlan(*pickle.loads(pickled))  # noqa: S301 - pickled by this program


class PlanCache:
    """Pickled plans of one source's tickets by ticket id, as many as fit into `most` bytes of a file.

    The file is private, has no name, and is gone with the process: in memory, the plans of a first cycle over 50,000
    tickets take more than everything else. Where it cannot be written, plans are made again.
    """

    def __init__(self, most: int = MOST, folder: Path | None = None) -> None:
        self._plans: dict[str, tuple[int, int]] = {}
        self._most, self._folder = most, folder
        self._file: IO[bytes] | None = None
        self._end = 0

    def keep(self, ticket_id: str, plan: PickledPlan) -> None:
        """Keep a plan, if there is room for it."""
        self._forget(ticket_id)
        size = len(plan.pickled)
        if self._end + size > self._most:
            return
        with suppress(OSError):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - `clear` closes it
            if os.pwrite(self._file.fileno(), plan.pickled, self._end) == size:
                self._plans[ticket_id] = self._end, size
                self._end += size

    def take(self, ticket_id: str) -> CachedPlan | None:
        """Remove a ticket's plan and return it; None when there is none, or when it cannot be read."""
        place = self._plans.get(ticket_id)
        if place is None or self._file is None:
            return None
        start, size = place
        try:
            pickled = os.pread(self._file.fileno(), size, start)
        except OSError:
            pickled = b""
        self._forget(ticket_id)
        if len(pickled) < size:
            return None
        return unpickled(pickled)

    def __contains__(self, ticket_id: str) -> bool:
        return ticket_id in self._plans

    def _forget(self, ticket_id: str) -> None:
        if self._plans.pop(ticket_id, None) is not None and not self._plans:
            self._end = 0  # the file is used again from its beginning

    def clear(self) -> None:
        """Remove all plans, and their file."""
        self._plans.clear()
        self._end = 0
        if self._file is not None:
            self._file.close()
            self._file = None
