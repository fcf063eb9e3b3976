"""Ids of tickets to read again, by source: each once, limited in number, the oldest first."""

from __future__ import annotations

import threading
from collections.abc import Iterable

LIMIT = 1000
"""Largest number of waiting ids of one source; ids beyond it are dropped, and the poll finds their changes."""


class HintBox:
    """The listener's threads put ids in, the source's thread takes them out.

    Args:
        sources: names of the sources that take hints.
        limit: largest number of waiting ids of one source.
    """

    def __init__(self, sources: Iterable[str], limit: int = LIMIT) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, dict[str, None]] = {name: {} for name in sources}
        self._limit = limit

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources that take hints."""
        return tuple(self._waiting)

    def put(self, source: str, ids: Iterable[str]) -> int:
        """Add ids of a source; return how many were dropped."""
        dropped = 0
        with self._changed:
            waiting = self._waiting[source]
            for id_ in ids:
                if id_ in waiting or len(waiting) < self._limit:
                    waiting[id_] = None
                else:
                    dropped += 1
            self._changed.notify_all()
        return dropped

    def wait(self, source: str, seconds: float) -> bool:
        """Wait until the source has an id, for at most `seconds`; return whether it has one."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting[source]), timeout=seconds)

    def take(self, source: str, most: int) -> list[str]:
        """Remove and return the oldest ids of a source, at most `most`."""
        with self._changed:
            waiting = self._waiting[source]
            taken = list(waiting)[:most]
            for id_ in taken:
                del waiting[id_]
            return taken
