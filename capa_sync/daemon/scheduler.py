"""When things happen: one job a source, never two at once, misfires coalesced; the only importer of apscheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from capa_sync.model.clock import SystemClock

JITTER_SHARE = 0.1
"""Polls are spread by up to this share of their interval, so that sources do not fall into step (facts/jira.md 7)."""

TICK = timedelta(seconds=1)
"""How often requests left in the register by other verbs are looked for."""


_TICK_JOB = "capa-sync tick"


class Scheduler:
    """Runs one job a source at its interval, and a tick, each never twice at the same time."""

    def __init__(
        self, sources: Mapping[str, timedelta], job: Callable[[str], None], tick: Callable[[], None]
    ) -> None:
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(sources) + 1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for name, every in sources.items():
            seconds = every.total_seconds()
            self._scheduler.add_job(
                job, "interval", seconds=seconds, jitter=seconds * JITTER_SHARE, args=[name], id=name
            )
        self._scheduler.add_job(tick, "interval", seconds=TICK.total_seconds(), id=_TICK_JOB)
        self._sources = tuple(sources)

    def start(self) -> None:
        """Start, with every source's first job at once."""
        self._scheduler.start(paused=True)
        for name in self._sources:
            self.run_soon(name)
        self._scheduler.resume()

    def run_soon(self, source: str) -> None:
        """Bring a source's next job forward to now; the interval goes on from there."""
        self._scheduler.modify_job(source, next_run_time=SystemClock().now())

    def replan(self) -> None:
        """Make every job due now: the wall clock was set, and their times were worked out by the one before."""
        with suppress(JobLookupError):  # we are stopping: there are no jobs any more
            for name in (*self._sources, _TICK_JOB):
                self.run_soon(name)

    def stop(self) -> None:
        """Start no more jobs; those under way end by themselves when they see the stop event."""
        self._scheduler.shutdown(wait=False)
