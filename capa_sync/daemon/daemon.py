"""The daemon: cycles at their times, requests of other verbs, and an end within ten seconds of the wish for it."""

from __future__ import annotations

import threading
import traceback
from datetime import timedelta

from capa_sync.daemon.cycle import CycleResult, run_cycle
from capa_sync.daemon.house import House
from capa_sync.daemon.log import Action, log
from capa_sync.daemon.reading import POLL
from capa_sync.daemon.requests import carry_out_requests
from capa_sync.daemon.scheduler import Scheduler
from capa_sync.errors import RegisterUnavailable

GRACE = timedelta(seconds=8)
"""After the wish to stop, work under way may go on for this long (facts/house.md, decision 10)."""


class Daemon:
    """Runs until asked to stop; never ends because a source fails."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._idle = threading.Condition()
        self._busy: set[str] = set()
        self._wanted: set[str] = set()
        self._broken: RegisterUnavailable | None = None
        every = {name: setup.poll_every for name, setup in house.setups.items()}
        self._scheduler = Scheduler(every, self._job, self._tick)

    def run(self) -> bool:
        """Work until the stop event is set; return whether all work ended within the grace.

        Raises RegisterUnavailable when the register could no longer be written.
        """
        log(Action.DAEMON_STARTED, sources=len(self._house.setups))
        self._scheduler.start()
        self._house.stop.wait()
        log(Action.DAEMON_STOPPING)
        self._scheduler.stop()
        with self._idle:
            ended = self._idle.wait_for(lambda: not self._busy, timeout=GRACE.total_seconds())
        log(Action.DAEMON_STOPPED, clean=ended)
        if self._broken is not None:
            raise self._broken
        return ended

    def _job(self, source: str) -> None:
        """Run one source's cycle, and once more when somebody asked meanwhile."""
        self._wanted.add(source)
        while source in self._wanted and not self._house.stop.is_set():
            self._wanted.discard(source)
            with self._idle:
                self._busy.add(source)
            try:
                self._fenced_cycle(source)
            finally:
                with self._idle:
                    self._busy.discard(source)
                    self._idle.notify_all()

    def _fenced_cycle(self, source: str) -> CycleResult | None:
        """Keep a fault of one source, even one of our own making, from ending the daemon."""
        try:
            return run_cycle(self._house, self._house.setups[source])
        except RegisterUnavailable as error:
            self._broken = error
            self._house.stop.set()
        except Exception as error:  # noqa: BLE001 - the per-source fence: logged whole, the others go on
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rpartition('capa_sync/')[2]}:{where.lineno}"
            problem = f"an error of capa-sync itself: {type(error).__name__} at {place}"
            log(Action.CYCLE_FAILED, level="error", source=source, problem=problem)
            self._note_failure(source, problem)
        return None

    def _note_failure(self, source: str, problem: str) -> None:
        """Put a failure of our own into the ledger, so that `status` tells it."""
        runs, now = self._house.register.runs, self._house.clock.now()
        runs.finish(runs.start(source, POLL, now), now, ok=False, problem=problem)

    def _tick(self) -> None:
        """Look for requests that other verbs left in the register."""
        try:
            for source in carry_out_requests(self._house):
                self._wanted.add(source)
                self._scheduler.run_soon(source)
        except RegisterUnavailable as error:
            self._broken = error
            self._house.stop.set()
