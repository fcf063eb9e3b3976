"""Ids that wait to be read again, by source: each once, never more than fit, the oldest first."""

from __future__ import annotations

import threading
from collections.abc import Iterable

LIMIT = 1000
"""Ids that wait for one source at most; what does not fit is left to the poll."""


class HintBox:
    """Filled by the listener's threads, emptied by the source's worker.

    Args:
        sources: names of the sources that take hints.
        limit: ids of one source at most.
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
        """Add ids of a source; return how many did not fit."""
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
        """Wait until an id of the source is there, at most so long; tell whether one is."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting[source]), timeout=seconds)

    def take(self, source: str, most: int) -> list[str]:
        """Take out the oldest ids of a source."""
        with self._changed:
            waiting = self._waiting[source]
            taken = list(waiting)[:most]
            for id_ in taken:
                del waiting[id_]
            return taken
