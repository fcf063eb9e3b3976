"""How long an instance's answers take, and how far its clock is from ours."""

from __future__ import annotations

from datetime import datetime

from capa_sync.sources.instants import ClockOffsets
from capa_sync.sources.retry import Outage

SLOW = 0.05
"""Seconds of an answer from which parallel requests pay off: threads also cost each other time."""
_NEWEST = 0.2  # weight of the newest answer in the average


class Pace:
    """The moving average over all sessions of a source.

    Attributes:
        server_time: the instance's clock in its newest answer with a date. offsets: that minus our own clock.
        outage: whether requests fail at present.
    """

    def __init__(self) -> None:
        self._seconds: float | None = None
        self.outage = Outage()
        self.server_time: datetime | None = None
        self.offsets = ClockOffsets()

    def note_date(self, date: datetime | None, ours: datetime) -> None:
        """Note the date of an answer, and our own clock when it came."""
        if date is not None:
            self.server_time = date
            self.offsets.note(date, ours)

    def note(self, seconds: float) -> None:
        """Note how long an answer took."""
        before = seconds if self._seconds is None else self._seconds
        self._seconds = before + _NEWEST * (seconds - before)

    @property
    def is_slow(self) -> bool:
        """Tell whether answers are slow enough for parallel requests."""
        return self._seconds is not None and self._seconds > SLOW
