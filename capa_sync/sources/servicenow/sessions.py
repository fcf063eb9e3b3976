"""Several sessions of one source that send requests in parallel, so that the waits for slow answers overlap.

Where answers are fast, there is no wait to share, and one session sends all (a twentieth less time, measured).
Each session is a daemon thread with its own connection; all share the source's request budget, so together they are
no faster than one may be. Whoever waits for them also watches the stop event: a missing answer delays no shutdown.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from capa_sync.errors import NotBefore, Retryable, SourceError
from capa_sync.sources.servicenow.client import TableClient

T = TypeVar("T")
_LOOK_UP = 0.25  # seconds between two looks at the stop event
_Task = Callable[[TableClient], None]
_Queue = SimpleQueue[_Task | None]


class Sessions:
    """The sessions of one source; each is opened when it is first needed, all are closed with this object.

    Args:
        client: the source's own client, which the others copy.
        count: maximum number of sessions.
    """

    def __init__(self, client: TableClient, count: int) -> None:
        self._client = client
        self._count = count
        self._lock = threading.Lock()
        self._queue: _Queue = SimpleQueue()
        self._threads: list[threading.Thread] = []
        weakref.finalize(self, _end_all, self._queue, self._threads).atexit = False

    def slices(self) -> Slices:
        """Begin a read that is cut into slices."""
        return Slices(self, self._client)

    def put(self, task: _Task) -> None:
        """Queue a task for the next free session."""
        self._queue.put(task)
        with self._lock:
            if len(self._threads) < (self._count if self._client.pace.is_slow else 1):
                self._threads.append(self._open())

    def _open(self) -> threading.Thread:
        name = f"{self._client.source}-session-{len(self._threads) + 1}"
        thread = threading.Thread(target=_serve, args=(self._queue, self._client.another()), name=name, daemon=True)
        thread.start()
        return thread


def _serve(queue: _Queue, client: TableClient) -> None:
    """Run tasks until the queue ends. It refers to the queue alone, so that it keeps no other object alive."""
    while (task := queue.get()) is not None:
        task(client)
        del task  # frees the rows that it read
    client.close()


def _end_all(queue: _Queue, threads: list[threading.Thread]) -> None:
    for _thread in threads:
        queue.put(None)


class Slices:
    """The requests of one read; unsent ones are cancelled when the tracker asks to wait or the block ends."""

    def __init__(self, sessions: Sessions, client: TableClient) -> None:
        self._sessions = sessions
        self._source = client.source
        self._stop = client.stop
        self._is_over = False
        self._fault: SourceError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True

    def ask(self, work: Callable[[TableClient], T]) -> Future[T]:
        """Queue some work for a session; the future holds what it returns or raises."""
        coming: Future[T] = Future()

        def task(client: TableClient) -> None:
            if self._is_over:
                coming.cancel()
                return
            try:
                coming.set_result(work(client))
            except BaseException as error:  # noqa: BLE001 - the waiting caller raises it again
                if isinstance(error, (NotBefore, Retryable)):  # queued requests would get the same answer
                    self._fault, self._is_over = error, True
                coming.set_exception(error)

        self._sessions.put(task)
        return coming

    def wait(self, coming: Future[T]) -> T:
        """Wait for one answer. Raises what the work raised, and Retryable at shutdown."""
        while not coming.done():
            wait([coming], _LOOK_UP)
            if self._stop.is_set() and not coming.done():
                raise Retryable(self._source, "stopped while waiting for an answer")
        if coming.cancelled() and self._fault is not None:
            raise self._fault
        return coming.result()

    def ahead(self, begin: Callable[[TableClient], Iterator[T]]) -> Iterator[T]:
        """Yield items; each is requested while the caller works on the one before, and none is kept after it.

        For a single session: one thread makes all items, so that what it needs for one serves for the next.
        """
        items: list[Iterator[T]] = []

        def following(client: TableClient) -> Any:
            items.extend(() if items else (begin(client),))
            return next(items[0], _NO_MORE)

        coming = self.ask(following)
        while True:
            item = [self.wait(coming)]
            if item[0] is _NO_MORE:
                return
            coming = self.ask(following)
            yield item.pop()


_NO_MORE = object()
