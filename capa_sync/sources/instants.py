"""Which instants a tracker can mean, and how far its clock is from ours by the Date of each answer."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

FIRST_INSTANT, LAST_INSTANT = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""An instant outside of these is no instant: no deadline counts from it."""


def is_plausible(instant: datetime) -> bool:
    """Tell whether a tracker can mean this instant."""
    return FIRST_INSTANT <= instant <= LAST_INSTANT


class ClockOffsets:
    """The tracker's clock minus ours, as all sessions of a source see it.

    Attributes:
        newest: by the newest answer with a date, None before the first. An answer without one changes nothing.
        newest_at: our own clock when that answer came.
    """

    def __init__(self) -> None:
        self.newest: timedelta | None = None
        self.newest_at: datetime | None = None
        self._furthest: timedelta | None = None
        self._lock = threading.Lock()

    def note(self, date: datetime | None, ours: datetime) -> None:
        """Note the date of an answer, and our own clock when it came."""
        if date is None:
            return
        with self._lock:
            self.newest, self.newest_at = date - ours, ours
            known = [offset for offset in (self._furthest, self.newest) if offset is not None]
            self._furthest = max(known, key=abs, default=None)

    def take_furthest(self) -> timedelta | None:
        """Return the offset furthest from zero of the answers since the last call, None when none had a date."""
        with self._lock:
            furthest, self._furthest = self._furthest, None
            return furthest
