"""How many tickets a sweep reads together, so that a site of large tickets needs no more memory than one of small."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.model.ticket import Reading

IN_FLIGHT = 16 * 1024 * 1024
"""Bytes of raw parts that tickets read together may weigh; decoded they take up to four times as much."""


class Portion:
    """As many tickets as weigh no more than IN_FLIGHT if they weigh what the last ones did.

    A thousand small ones are worth one bulk request. The first portion is one page, from which the weight is learnt.

    Args:
        least: tickets of a page.
        most: tickets whose histories one request may ask for.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self.rows = min(least, most)

    def learn(self, readings: Sequence[Reading]) -> None:
        """Settle the size of the next portion by the weight of this one."""
        weight = sum(len(part.body) for reading in readings for part in reading.parts)
        if weight:
            self.rows = min(self._most, max(self._least, IN_FLIGHT * len(readings) // weight))
