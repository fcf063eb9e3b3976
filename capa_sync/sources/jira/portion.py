"""How many tickets a sweep reads together, so that large tickets need no more memory than small ones."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.model.ticket import Reading

IN_FLIGHT = 16 * 1024 * 1024
"""Maximum bytes of raw parts of tickets read together; decoded they take up to four times as much."""


class Portion:
    """Chooses a number of tickets that have at most IN_FLIGHT bytes if they are as large as the last ones.

    A bulk request takes a thousand small ones. The first portion is one page, from which the size is learned.

    Args:
        least: tickets of a page.
        most: maximum tickets of one request for histories.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self.rows = min(least, most)

    def learn(self, readings: Sequence[Reading]) -> None:
        """Compute the next portion from the bytes of this one."""
        weight = sum(len(part.body) for reading in readings for part in reading.parts)
        if weight:
            self.rows = min(self._most, max(self._least, IN_FLIGHT * len(readings) // weight))
