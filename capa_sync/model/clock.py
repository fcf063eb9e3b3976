"""The only place that reads the time; everywhere else `now` is an argument."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Returns the present instant, aware and in UTC."""

    def now(self) -> datetime:
        """Return the present instant."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's instant."""
        return datetime.now(UTC)  # noqa: TID251 - the only call to the machine's clock


class ShiftedClock:
    """The hidden test clock: it starts at a given instant and runs with real time."""

    def __init__(self, start: datetime, real: Clock | None = None) -> None:
        self._real = real or SystemClock()
        self._shift: timedelta = start - self._real.now()

    def now(self) -> datetime:
        """Return the real instant plus the shift."""
        return self._real.now() + self._shift


class StoppedClock:
    """Always returns the same instant, for work as of the past."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the instant."""
        return self._at


class FileClock:
    """The hidden test clock, read from a file at every call: a test can change the time of a running daemon.

    The file contains one ISO 8601 instant with offset; the time is constant between two writes of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        """Return the instant in the file. Raises ValueError when it is not aware ISO 8601."""
        instant = datetime.fromisoformat(self._path.read_text(encoding="ascii").strip())
        if instant.tzinfo is None:
            message = f"{self._path}: the test clock needs an offset"
            raise ValueError(message)
        return instant.astimezone(UTC)
