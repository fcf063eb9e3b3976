"""What a plan is made for, and what it holds: a ticket to write on, its new writes, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import NamedTuple

from capa_sync.model.light import light
from capa_sync.model.ticket import Presence
from capa_sync.model.waiver import RequestAnswer
from capa_sync.model.write import Wording, Write


@light
class Target:
    """The ticket to write on, as far as the plan needs it.

    Attributes:
        register: this register's id. source, ticket_id, ticket_key: the ticket; of a joined record, the primary: the
            ticket of the source named first in the settings.
        presence: where the ticket is. labels: its labels as last read, None when the answer
            left them out; read_at: our instant of that read.
        is_before_baseline: it was closed before the baseline date and is closed now.
        last_human_at: last edit or comment by a human, by the tracker's clock; tracker_now: that clock now.
        owner: display name of the accountable person, "" when there is none. owner_id: that person's id.
        deletions: how often a person deleted our comment. is_comment_gone: it was missing at the last read, or
            the outbox no longer knows it.
        joined_to: key of the primary when this ticket is its duplicate (`same_as`), otherwise "".
        is_action: the ticket is now an action and no longer a record; `action_of`: the keys of its records.
        answers: what became of requests in its comments, where they were not granted.
    """

    register: str
    source: str
    ticket_id: str
    ticket_key: str
    read_at: datetime
    presence: Presence = Presence.PRESENT
    labels: frozenset[str] | None = frozenset()
    is_before_baseline: bool = False
    last_human_at: datetime | None = None
    tracker_now: datetime | None = None
    owner: str = ""
    owner_id: str = ""
    deletions: int = 0
    is_comment_gone: bool = False
    joined_to: str = ""
    is_action: bool = False
    action_of: tuple[str, ...] = ()
    answers: tuple[RequestAnswer, ...] = ()


class Learned(NamedTuple):
    """What the register should store about a text on the ticket: its facts, and how its wording compares."""

    facts: Mapping[str, str] | None
    wording: Wording


@light
class TicketPlan:
    """What to do on one ticket.

    Attributes:
        writes: new intentions, in the order of their delivery.
        withdraw: ids of unsent writes that are no longer wanted; they are to be marked withheld, "replaced".
        next_due_at: by our clock: the plan may change by time alone; None when it cannot.
        withheld: why a wanted write is not made now, in words; "" when all are made.
        learned: write id -> what the register does not know yet about a text on the ticket.
        state: `overdue`, `warning`, `waived` or `clear`.
    """

    writes: tuple[Write, ...] = ()
    withdraw: tuple[str, ...] = ()
    next_due_at: datetime | None = None
    withheld: str = ""
    learned: Mapping[str, Learned] = field(default_factory=dict)
    state: str = "clear"

    @property
    def is_quiet(self) -> bool:
        """Return whether this plan changes nothing, neither on the ticket nor in the outbox."""
        return not self.writes and not self.withdraw and not self.learned

    @property
    def notifies(self) -> bool:
        """Return whether this plan has a write that notifies people."""
        return any(write.notifies for write in self.writes)


def restored_plan(
    writes: Sequence[Write],
    withdraw: tuple[str, ...],
    next_due_at: datetime | None,
    withheld: str,
    learned: Mapping[str, Learned],
    state: str,
) -> TicketPlan:
    """Return a plan as it was made, from the values in which it was kept."""
    return TicketPlan(tuple(writes), withdraw, next_due_at, withheld, learned, state)
