"""How many items to ask for at once, so that an answer stays small: a page of large tickets has fewer of them."""

from __future__ import annotations

from typing import Any

GOAL = 4 * 1024 * 1024
"""Bytes that a page should have at most: decoded into objects it takes up to eight times as much memory."""


class Oversized(dict[str, Any]):
    """What is known of a ticket whose own answer is larger than `max_answer`: enough to name it and to go on."""


def too_large(most: int) -> str:
    """Say why such a ticket is set aside."""
    size = f"{most / 1_048_576:g} MB"
    return f"it is larger than {size} and was not read; make it smaller, or raise max_answer for this source"


class PageSize:
    """The number of items of the next page, by the bytes that items had so far.

    It grows twofold a page at most, since the next items may be as large as the last large ones.

    Args:
        goal: bytes that a page should not exceed.
    """

    def __init__(self, goal: int) -> None:
        self._goal = goal
        self._weight = 0.0

    def of(self, most: int) -> int:
        """Return how many to ask for, `most` at most and one at least."""
        if not self._weight:
            return most
        return max(1, min(most, int(self._goal / self._weight + 1e-6)))

    def learn(self, items: int, size: int) -> None:
        """Note that so many items had so many bytes."""
        if items:
            self._weight = max(size / items, self._weight / 2)

    def halve(self, asked: int) -> None:
        """Note that so many items were too many."""
        self._weight = max(self._weight, self._goal / max(1, asked // 2))


def goal_of(most: int) -> int:
    """Return the goal for answers that may have `most` bytes: well below, for the next items may be larger."""
    return min(GOAL, most // 4)
