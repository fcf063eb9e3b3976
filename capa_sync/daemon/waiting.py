"""Which tickets wait for time to pass before more is written on them, and for what; `plan` shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.writing import is_withdrawing, plan_from_mirror
from capa_sync.model.amounts import count_of
from capa_sync.writeback import IN_DOUBT, NOTIFIED, SETTLING

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


class WaitingTicket(NamedTuple):
    """A ticket whose writes wait.

    Attributes:
        key: its key. reason: what it waits for, in words.
        until: when it is planned again, unless it changes before.
    """

    key: str
    reason: str
    until: datetime | None


def waiting_tickets(runtime: Runtime, context: SourceContext, now: datetime) -> list[WaitingTicket]:
    """Return the tickets of a source on which something is to be written, but not yet; none during a withdrawal."""
    if is_withdrawing(runtime, context):
        return []
    reasons = {
        SETTLING: f"{_words(context.write.settle)} of quiet after the last edit by a person",
        NOTIFIED: "24 hours to pass since their last notification",
        IN_DOUBT: "the answer whether their last notification arrived",
    }
    plans = plan_from_mirror(runtime, context, runtime.register.queue.to_be_planned(context.name), now)
    return [
        WaitingTicket(runtime.register.tickets.key(context.name, ticket_id), reasons[plan.withheld], plan.next_due_at)
        for ticket_id, plan in plans.items()
        if plan.withheld in reasons
    ]


def _words(duration: timedelta) -> str:
    """Return a duration as `2 hours` or `10 minutes`, seconds where it is no whole number of minutes."""
    for unit, word in ((_HOUR, "hour"), (_MINUTE, "minute"), (timedelta(seconds=1), "second")):
        if duration % unit == timedelta(0):
            number = duration // unit
            return count_of(number, word)
    return f"{duration.total_seconds():g} s"
