"""The plan cache: plans made when tickets were evaluated, until all tickets are judged and the brakes are checked.

`pipeline` alone makes plans. A plan rests here, in the memory of the cycle, and then in the outbox.
"""

from __future__ import annotations

import pickle
from datetime import datetime
from typing import NamedTuple

from capa_sync.writeback import TicketPlan

MOST = 48 * 1024 * 1024
"""Largest number of bytes of plans in memory; plans that do not fit are made again."""


class PickledPlan(NamedTuple):
    """A pickled plan (a few kilobytes), with the two values that are read before it is unpickled.

    Attributes:
        next_due_at, is_quiet: as in `TicketPlan`. pickled: the pickled plan.
    """

    next_due_at: datetime | None
    is_quiet: bool
    pickled: bytes

    @classmethod
    def of(cls, plan: TicketPlan) -> PickledPlan:
        """Pickle a plan."""
        return cls(plan.next_due_at, plan.is_quiet, pickle.dumps(plan, protocol=pickle.HIGHEST_PROTOCOL))


class PlanCache:
    """Pickled plans of one source's tickets by ticket id, as many as fit into `most` bytes."""

    def __init__(self, most: int = MOST) -> None:
        self._plans: dict[str, bytes] = {}
        self._room = self._most = most

    def keep(self, ticket_id: str, plan: PickledPlan) -> None:
        """Keep a plan, if there is room for it."""
        self.take(ticket_id)
        if len(plan.pickled) <= self._room:
            self._plans[ticket_id] = plan.pickled
            self._room -= len(plan.pickled)

    def take(self, ticket_id: str) -> TicketPlan | None:
        """Remove a ticket's plan and return it; None when there is none."""
        pickled = self._plans.pop(ticket_id, None)
        if pickled is None:
            return None
        self._room += len(pickled)
        plan: TicketPlan = pickle.loads(pickled)  # noqa: S301 - pickled by this program
        return plan

    def clear(self) -> None:
        """Remove all plans."""
        self._plans.clear()
        self._room = self._most
