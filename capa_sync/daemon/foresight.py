"""Outcomes of tickets that were weighed before the source was read to its end.

They are verdicts of nobody yet: one is used only once all is read, and only if everything it rests on is as it was.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

from capa_sync.daemon.desk import Desk
from capa_sync.daemon.house import House, SourceSetup
from capa_sync.daemon.outcome import Outcome, Weighed

OLDEST = timedelta(minutes=15)
"""Age up to which an outcome is used: what it says of time is that of its weighing."""
_ROOM = 256 * 1024 * 1024
"""Bytes of outcomes on disk at most; what does not fit is weighed in its time."""


class _Foreseen(NamedTuple):
    """Where in the file an outcome lies, what it rests on, when it was weighed, and when time may change it."""

    start: int
    length: int
    stamp: bytes
    at: datetime
    until: datetime | None


class Foresight:
    """Keeps outcomes of one source in a nameless file beside the register, private and gone with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._end = 0
        self._known: dict[str, _Foreseen] = {}
        self._basis: object = None

    def weigh_ahead(self, house: House, setup: SourceSetup, ids: Sequence[str], now: datetime, basis: object) -> bool:
        """Weigh tickets and keep what comes of it, if there is room; `basis` is what else it rests on.

        Of tickets that never had a finding or a write: nothing but the mirror bears on these.
        """
        if basis != self._basis:
            self._known.clear()
            self._basis = basis
        if self._end > _ROOM:
            return False
        stamps = house.register.stamps(setup.name, ids)  # before the tickets are read: it may be older, never newer
        past = _with_a_past(house, setup, ids)
        fresh = [ticket_id for ticket_id in ids if ticket_id in stamps and ticket_id not in past]
        for outcome in Desk(house, setup, fresh, now).weigh(fresh):
            if isinstance(outcome, Weighed):
                self._keep(outcome, stamps[outcome.ticket_id], now)
        return True

    def _keep(self, outcome: Weighed, stamp: bytes, now: datetime) -> None:
        self._file = self._file or tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the process
        packed = pickle.dumps(outcome, protocol=pickle.HIGHEST_PROTOCOL)
        self._file.write(packed)
        self._known[outcome.ticket_id] = _Foreseen(self._end, len(packed), stamp, now, _until(outcome))
        self._end += len(packed)

    def recall(
        self, house: House, setup: SourceSetup, ids: Sequence[str], now: datetime, basis: object
    ) -> dict[str, Outcome]:
        """Return by id what is known of these tickets and holds at `now`; each is known once."""
        if basis != self._basis or self._file is None:
            return {}
        known = {ticket_id: self._known.pop(ticket_id) for ticket_id in ids if ticket_id in self._known}
        young = [ticket_id for ticket_id, seen in known.items() if _holds_at(seen, now)]
        past = _with_a_past(house, setup, young)
        stamps = house.register.stamps(setup.name, young)
        self._file.flush()
        sure = [
            ticket_id
            for ticket_id in young
            if ticket_id not in past and stamps.get(ticket_id) == known[ticket_id].stamp
        ]
        return {ticket_id: self._read(known[ticket_id]) for ticket_id in sure}

    def _read(self, seen: _Foreseen) -> Any:
        assert self._file is not None  # noqa: S101 - something was kept
        return pickle.loads(os.pread(self._file.fileno(), seen.length, seen.start))  # noqa: S301 - our own, and private


def _holds_at(seen: _Foreseen, now: datetime) -> bool:
    return now - seen.at <= OLDEST and (seen.until is None or seen.until > now)


def _until(outcome: Weighed) -> datetime | None:
    """Return when time alone may change the verdicts or the plan."""
    verdicts = outcome.rows.look_again
    plan = outcome.plan.look_again if outcome.plan is not None else None
    times = (datetime.fromisoformat(verdicts) if verdicts is not None else None, plan)
    return min((at for at in times if at is not None), default=None)


def _with_a_past(house: House, setup: SourceSetup, ids: Sequence[str]) -> set[str]:
    """Return those of these tickets that had a finding or a write before."""
    register = house.register
    return {*register.findings.latest_of(setup.name, ids), *register.outbox.touched(setup.name, ids)}
