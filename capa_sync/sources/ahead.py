"""Items made one ahead by a thread of their own, while the one before is worked on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from capa_sync.errors import Retryable

T = TypeVar("T")
_LOOK_UP = 0.25  # seconds between two looks at the stop event
_Answers = SimpleQueue[tuple[Any, BaseException | None]]
_NO_MORE = object()


def ahead(items: Iterator[T], source: str, stop: threading.Event) -> Iterator[T]:
    """Yield the items, each of which is being made while the one before is worked on; none is held when yielded.

    Raises what making one raised, in its place, and Retryable when we are to stop while one is waited for. Who leaves
    early waits for the item that is being made, so that nobody else asks the tracker meanwhile.
    """
    wishes: SimpleQueue[bool] = SimpleQueue()
    answers: _Answers = SimpleQueue()
    thread = threading.Thread(target=_make, args=(items, wishes, answers), name=f"{source}-ahead", daemon=True)
    thread.start()
    try:
        wishes.put(True)
        while True:
            item = [_wait(answers, source, stop)]
            if item[0] is _NO_MORE:
                return
            wishes.put(True)
            yield item.pop()
    finally:
        wishes.put(False)
        while thread.is_alive() and not stop.is_set():
            thread.join(_LOOK_UP)


def _wait(answers: _Answers, source: str, stop: threading.Event) -> Any:
    while True:
        try:
            item, error = answers.get(timeout=_LOOK_UP)
        except Empty:
            if stop.is_set():
                raise Retryable(source, "stopped while waiting for an answer") from None
            continue
        if error is not None:
            raise error
        return item


def _make(items: Iterator[Any], wishes: SimpleQueue[bool], answers: _Answers) -> None:
    """Make an item for each wish, until there is none left or no wish."""
    with closing(items):  # type: ignore[type-var]
        while wishes.get():
            try:
                item = next(items, _NO_MORE)
            except BaseException as error:  # noqa: BLE001 - raised again where the item is waited for
                answers.put((None, error))
                return
            answers.put((item, None))
            del item  # with all that was read for it
