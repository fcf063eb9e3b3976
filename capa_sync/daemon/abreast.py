"""Several sources at work side by side, so that none waits for another; the register has one writer all the same."""

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
"""Seconds that who is ready waits for the others, so that the order of the settings holds where all are well."""


class Crew:
    """One thread a piece of work, each ending with the process; a crew of one works in the thread that asks.

    A context manager: leaving it waits for all work. What broke in a thread is raised to the one who waits for it.
    """

    def __init__(self, stop: threading.Event, size: int) -> None:
        self._stop = stop
        self._is_alone = size < 2
        self._begun: list[Work] = []

    def __enter__(self) -> Crew:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Wait for all work; after a fault of our own only as long as it takes to end it."""
        if isinstance(error, Exception) and not self._is_alone:  # alone it leaves nothing behind that must end
            self._stop.set()
            wait(self._begun, timeout=GRACE)
        elif error is None:
            for work in self._begun:
                work.result()

    def begin(self, work: Callable[[], None]) -> Work:
        """Begin a piece of work."""
        done = Work()
        if self._is_alone:
            work()
            done.set_result(None)
        else:
            self._begun.append(done)
            threading.Thread(target=_settle, args=(work, done), daemon=True).start()
        return done

    def as_ready(self, groups: Iterable[tuple[T, Sequence[Work]]]) -> Iterator[T]:
        """Yield each group once its work is done: in their order, but none waits long for one that is not ready."""
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
    except BaseException as error:  # noqa: BLE001 - raised anew to the one who waits for it
        done.set_exception(error)
    else:
        done.set_result(None)
