"""Notices that the wall clock was set: jobs are scheduled by it, and after a step back none would be due."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from capa_sync.daemon.log import LogAction, log
from capa_sync.model.clock import Clock, SystemClock

LOOK_EVERY = 5.0
"""Seconds between two comparisons of the clocks."""
STEP = timedelta(seconds=60)
"""The wall clock was set when its distance from the monotonic clock changes by more than this."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ClockWatch:
    """Compares the wall clock with a monotonic clock, in a separate thread.

    Args:
        on_step: called after the wall clock was set.
        stop: ends the thread.
        wall, monotonic: the two clocks; never the hidden test clock, because jobs are not scheduled by it.
    """

    def __init__(
        self,
        on_step: Callable[[], None],
        stop: threading.Event,
        wall: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_step = on_step
        self._stop = stop
        self._wall = wall or SystemClock()
        self._monotonic = monotonic
        self._began = self._distance()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._watch, name="clock-watch", daemon=True).start()

    def look(self) -> None:
        """Compare the clocks once; after a step, log it, store the new distance, and call `on_step`."""
        now = self._distance()
        if abs(now - self._began) <= STEP:
            return
        step, self._began = now - self._began, now
        log(LogAction.CLOCK_STEPPED, level="warning", seconds=round(step.total_seconds()))
        self._on_step()

    def _distance(self) -> timedelta:
        """The wall clock minus the monotonic clock."""
        wall: datetime = self._wall.now()
        return wall - _EPOCH - timedelta(seconds=self._monotonic())

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            self.look()
