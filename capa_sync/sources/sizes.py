"""How many items to request at once, so that an answer stays small: fewer where the tickets are large."""

from __future__ import annotations

from typing import Any

GOAL = 4 * 1024 * 1024
"""Maximum bytes that a page should have: as decoded objects it takes up to eight times as much memory."""


class Oversized(dict[str, Any]):
    """The outline of a ticket whose own answer is larger than `max_answer`: enough to name it and to continue."""


def too_large(most: int) -> str:
    """Say why such a ticket is quarantined."""
    size = f"{most / 1_048_576:g} MB"
    return f"it is larger than {size} and was not read; make it smaller, or raise max_answer for this source"


class PageSize:
    """Computes the number of items of the next page from the bytes that items had so far.

    It at most doubles from page to page, since the next items may be as large as the last large ones.

    Args:
        goal: bytes that a page should not exceed.
    """

    def __init__(self, goal: int) -> None:
        self._goal = goal
        self._weight = 0.0

    def of(self, most: int) -> int:
        """Return how many items to request, between one and `most`."""
        if not self._weight:
            return most
        return max(1, min(most, int(self._goal / self._weight + 1e-6)))

    def learn(self, items: int, size: int) -> None:
        """Note the number of items of an answer and its bytes."""
        if items:
            self._weight = max(size / items, self._weight / 2)

    def halve(self, asked: int) -> None:
        """Note that an answer with so many items was too large."""
        self._weight = max(self._weight, self._goal / max(1, asked // 2))


def goal_of(most: int) -> int:
    """Return the goal for answers of at most `most` bytes: well below, because the next items may be larger."""
    return min(GOAL, most // 4)
