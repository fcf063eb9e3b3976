"""Items made one ahead: the same items in the same order, one at a time, and nobody's end is held up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from capa_sync.errors import Retryable
from capa_sync.sources.ahead import ahead


def counted(made: list[int], count: int = 5) -> Iterator[int]:
    """Numbers, each noted when it is made."""
    for number in range(count):
        made.append(number)
        yield number


def settle(made: list[int], count: int) -> None:
    """Wait until so many are made, and a little longer, in case one more comes."""
    deadline = time.monotonic() + 10
    while len(made) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)


def test_items_come_in_order_and_one_ahead_at_most() -> None:
    """While an item is worked on the next one is made, and no other."""
    made: list[int] = []
    for item in ahead(counted(made), "jira", threading.Event()):
        settle(made, min(item + 2, 5))
        assert made == list(range(min(item + 2, 5)))
    assert made == [0, 1, 2, 3, 4]


def test_what_making_one_raised_comes_in_its_place() -> None:
    """The items before it are yielded first, and nothing is made after it."""

    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise Retryable("jira", "no answer")

    items = ahead(failing(), "jira", threading.Event())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(Retryable, match="no answer"):
        next(items)


def test_who_leaves_early_waits_for_the_item_being_made_and_closes_the_rest() -> None:
    """Afterwards nobody else asks the tracker, and the items know that they are not wanted."""
    made: list[int] = []
    closed = threading.Event()

    def slow() -> Iterator[int]:
        try:
            for number in counted(made):
                time.sleep(0.1 if number else 0)
                yield number
        finally:
            closed.set()

    items = ahead(slow(), "jira", threading.Event())
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert made == [0, 1]
    assert not [each for each in threading.enumerate() if each.name == "jira-ahead"]


def test_the_wish_to_stop_ends_the_wait_for_an_answer_that_does_not_come() -> None:
    """A daemon that is to end within seconds does not sit out a request's timeout."""
    stop, answer = threading.Event(), threading.Event()

    def hanging() -> Iterator[int]:
        yield 1
        answer.wait(30)
        yield 2

    items = ahead(hanging(), "jira", stop)
    assert next(items) == 1
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Retryable, match="stopped"):
        next(items)
    assert time.monotonic() - began < 5
    answer.set()
