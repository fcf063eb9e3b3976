"""The clock of the sandbox; a test sets it instead of waiting for real days."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """A thread-safe clock that starts at any instant, runs with real time, and can be set, advanced and frozen.

    Args:
        start: the aware instant to start at; None starts at the machine's real time.
        ticking: False starts the clock frozen.
    """

    def __init__(self, start: datetime | None = None, *, ticking: bool = True) -> None:
        self._lock = threading.Lock()
        self._at = _aware(start) if start is not None else datetime.fromtimestamp(time.time(), tz=UTC)
        self._mark = time.monotonic()
        self._ticking = ticking

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        with self._lock:
            return self._now()

    def set(self, instant: datetime) -> None:
        """Set the clock to an aware instant; it continues to run, or stays frozen, from there."""
        with self._lock:
            self._at, self._mark = _aware(instant), time.monotonic()

    def advance(self, by: timedelta) -> datetime:
        """Advance the clock by a duration and return the new instant."""
        with self._lock:
            self._at, self._mark = self._now() + by, time.monotonic()
            return self._at

    def freeze(self) -> None:
        """Stop the clock at the current instant."""
        with self._lock:
            self._at, self._mark, self._ticking = self._now(), time.monotonic(), False

    def resume(self) -> None:
        """Let the clock run with real time again."""
        with self._lock:
            self._at, self._mark, self._ticking = self._now(), time.monotonic(), True

    @property
    def is_ticking(self) -> bool:
        """Whether the clock runs with real time."""
        with self._lock:
            return self._ticking

    def _now(self) -> datetime:
        if not self._ticking:
            return self._at
        return self._at + timedelta(seconds=time.monotonic() - self._mark)


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("the sandbox clock takes aware instants only")
    return instant.astimezone(UTC)
