"""The plan cache: plans made when tickets were evaluated, until all tickets are judged and the brakes are checked.

`pipeline` alone makes plans. A plan rests here, in a file of the cycle, and then in the outbox.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

from capa_sync.writeback import TicketPlan

MOST = 1024 * 1024 * 1024
"""Largest number of bytes of plans on disk; plans that do not fit are made again."""


class PickledPlan(NamedTuple):
    """A pickled plan (a few kilobytes), with the two values that are read before it is unpickled.

    Attributes:
        next_due_at, is_quiet: as in `TicketPlan`. pickled: the pickled plan.
    """

    next_due_at: datetime | None
    is_quiet: bool
    pickled: bytes

    @classmethod
    def of(cls, plan: TicketPlan) -> PickledPlan:
        """Pickle a plan."""
        return cls(plan.next_due_at, plan.is_quiet, pickle.dumps(plan, protocol=pickle.HIGHEST_PROTOCOL))


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

    def take(self, ticket_id: str) -> TicketPlan | None:
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
        plan: TicketPlan = pickle.loads(pickled)  # noqa: S301 - pickled by this program
        return plan

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
