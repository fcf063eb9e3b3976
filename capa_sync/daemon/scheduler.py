"""Schedules one job per source, never twice at once, misfires coalesced. The only module that imports apscheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from capa_sync.model.clock import SystemClock

JITTER_SHARE = 0.1
"""Share of the interval by which a poll moves at random, so that sources poll at other times (docs/jira.md 7)."""

TICK = timedelta(seconds=1)
"""How often the daemon looks for requests that other verbs left in the register."""


DIGEST_LOOK = timedelta(minutes=1)
"""How often the daemon looks whether a digest is due."""
_TICK_JOB = "capa-sync tick"
_DIGEST_JOB = "capa-sync digest"


class Scheduler:
    """Runs one job per source at its interval, a tick, and the digest; no job runs twice at the same time."""

    def __init__(
        self,
        sources: Mapping[str, timedelta],
        job: Callable[[str], None],
        tick: Callable[[], None],
        digest: Callable[[], None] | None = None,
    ) -> None:
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(len(sources) + 2)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )
        for name, every in sources.items():
            seconds = every.total_seconds()
            self._scheduler.add_job(
                job, "interval", seconds=seconds, jitter=seconds * JITTER_SHARE, args=[name], id=name
            )
        self._scheduler.add_job(tick, "interval", seconds=TICK.total_seconds(), id=_TICK_JOB)
        if digest is not None:
            self._scheduler.add_job(digest, "interval", seconds=DIGEST_LOOK.total_seconds(), id=_DIGEST_JOB)
        self._sources = tuple(sources)
        self._has_digest = digest is not None

    def start(self) -> None:
        """Start; the first job of every source runs at once."""
        self._scheduler.start(paused=True)
        for name in self._sources:
            self.run_soon(name)
        self.digest_soon()
        self._scheduler.resume()

    def run_soon(self, source: str) -> None:
        """Move a source's next job forward to now; the interval continues from there."""
        self._scheduler.modify_job(source, next_run_time=SystemClock().now())

    def digest_soon(self) -> None:
        """Move the next look at the digest forward to now."""
        if self._has_digest:
            self.run_soon(_DIGEST_JOB)

    def replan(self) -> None:
        """Make every job due now: the wall clock was set, and the jobs' times come from the clock before."""
        with suppress(JobLookupError):  # the scheduler is stopping and has no jobs any more
            for name in (*self._sources, _TICK_JOB):
                self.run_soon(name)
            self.digest_soon()

    def stop(self) -> None:
        """Start no more jobs; running jobs end by themselves when they see the stop event."""
        self._scheduler.shutdown(wait=False)
