"""Plans made where tickets were weighed, which wait for the brakes until all tickets are judged."""

from __future__ import annotations

import pickle
from datetime import datetime
from typing import NamedTuple

from capa_sync.writeback import TicketPlan

MOST = 48 * 1024 * 1024
"""Bytes of plans that wait in memory; more of them are made again."""


class SealedPlan(NamedTuple):
    """A plan as bytes, a few kilobytes each, and what must be known of it before it is opened.

    Attributes:
        look_again, is_quiet: as `TicketPlan` has them.
    """

    look_again: datetime | None
    is_quiet: bool
    sealed: bytes

    @classmethod
    def of(cls, plan: TicketPlan) -> SealedPlan:
        """Seal a plan."""
        return cls(plan.look_again, plan.is_quiet, pickle.dumps(plan, protocol=pickle.HIGHEST_PROTOCOL))


class KeptPlans:
    """Sealed plans of one source's tickets by ticket id, as many as fit."""

    def __init__(self, most: int = MOST) -> None:
        self._plans: dict[str, bytes] = {}
        self._room = self._most = most

    def keep(self, ticket_id: str, plan: SealedPlan) -> None:
        """Keep a plan, if there is room for it."""
        self.take(ticket_id)
        if len(plan.sealed) <= self._room:
            self._plans[ticket_id] = plan.sealed
            self._room -= len(plan.sealed)

    def take(self, ticket_id: str) -> TicketPlan | None:
        """Return a ticket's plan and keep it no longer; None when none is kept."""
        sealed = self._plans.pop(ticket_id, None)
        if sealed is None:
            return None
        self._room += len(sealed)
        plan: TicketPlan = pickle.loads(sealed)  # noqa: S301 - sealed by this program a moment ago
        return plan

    def clear(self) -> None:
        """Keep none."""
        self._plans.clear()
        self._room = self._most
