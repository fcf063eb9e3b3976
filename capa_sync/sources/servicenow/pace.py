"""How long the answers of an instance take."""

from __future__ import annotations

SLOW = 0.05
"""Seconds an answer takes, from which on it pays to ask for several at once: threads cost each other time as well."""
_NEWEST = 0.2  # weight of the newest answer in the average


class Pace:
    """The moving average over all sessions of a source."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def note(self, seconds: float) -> None:
        """Note how long an answer took."""
        before = seconds if self._seconds is None else self._seconds
        self._seconds = before + _NEWEST * (seconds - before)

    @property
    def is_slow(self) -> bool:
        """Tell whether answers are worth waiting for side by side."""
        return self._seconds is not None and self._seconds > SLOW
