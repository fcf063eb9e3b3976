"""Runs the steps of several sources in threads, so that no source waits for another. The register has one writer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from types import TracebackType
from typing import TypeVar

from capa_sync.daemon.shutdown import GRACE

T = TypeVar("T")
Work = Future[None]

TOGETHER = 2.0
"""Seconds for which a ready group waits for the others, so that the order of the settings holds in the usual case."""


class ThreadPool:
    """One daemon thread per task; with a size of one, tasks run in the calling thread.

    A context manager: leaving it waits for all tasks. An error in a thread is raised where its result is waited for.
    """

    def __init__(self, stop: threading.Event, size: int) -> None:
        self._stop = stop
        self._is_alone = size < 2
        self._begun: list[Work] = []

    def __enter__(self) -> ThreadPool:
        """Return the pool."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Wait for all tasks; after an error, stop them and wait for GRACE seconds at most."""
        if isinstance(error, Exception) and not self._is_alone:  # alone there is no thread that must end
            self._stop.set()
            wait(self._begun, timeout=GRACE)
        elif error is None:
            for work in self._begun:
                work.result()

    def begin(self, work: Callable[[], None]) -> Work:
        """Start a task."""
        done = Work()
        if self._is_alone:
            work()
            done.set_result(None)
        else:
            self._begun.append(done)
            threading.Thread(target=_settle, args=(work, done), daemon=True).start()
        return done

    def as_ready(self, groups: Iterable[tuple[T, Sequence[Work]]]) -> Iterator[T]:
        """Yield each group when its tasks are done, in the given order; no group waits long for another."""
        waiting = list(groups)
        while waiting:
            pending = [work for _group, works in waiting for work in works if not work.done()]
            wait(pending, return_when=FIRST_COMPLETED)
            wait(pending, timeout=TOGETHER)
            late = []
            for group, works in waiting:
                if all(work.done() for work in works):
                    for work in works:
                        work.result()
                    yield group
                else:
                    late.append((group, works))
            waiting = late


def _settle(work: Callable[[], None], done: Work) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
        done.set_exception(error)
    else:
        done.set_result(None)
