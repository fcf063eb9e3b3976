"""Compares our clock with the tracker's: nothing is judged with a wrong clock, and its earlier results are redone."""

from __future__ import annotations

from datetime import datetime, timedelta

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import SafetyStop

_WHOLE_SECONDS = timedelta(seconds=2)
"""A Date header has whole seconds, and an answer needs some time to arrive."""
_SET = timedelta(minutes=5)
"""When the distance of two clocks changes by more than this between two polls, one of them was set."""


def take_back_future(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Make work due again that has a time in the future, because our clock was ahead before."""
    with runtime.register.transaction():
        if not runtime.register.take_back_future(context.name, now):
            return
        runtime.register.queue.want_all_judged(context.name, now)
        runtime.register.queue.want_planning_of_warned(context.name, now)
    context.facts_at = None
    log(LogAction.CLOCK_WAS_AHEAD, level="warning", source=context.name)


def were_clocks_set(runtime: Runtime, context: SourceContext) -> bool:
    """Store how far our clock is from the tracker's; tell whether that has changed since the last poll.

    If so, everything is read again: while a tracker's clock was ahead, it may have set update times that no poll
    looks at.
    """
    offset = context.source.clock_offset
    if offset is None:
        return False
    queue = runtime.register.queue
    known = queue.clock_offset(context.name)
    if known is not None and abs(offset - known) <= _SET:
        return False
    queue.note_clock_offset(context.name, offset)
    if known is not None:
        log(
            LogAction.CLOCK_WAS_SET,
            level="warning",
            source=context.name,
            seconds=round((offset - known).total_seconds()),
        )
    return known is not None


def check_clock(runtime: Runtime, context: SourceContext) -> None:
    """Check that our clock is right enough to judge.

    Raises SafetyStop when it differs by more than `max_clock_skew` from the tracker's newest Date, because deadlines
    are then unknown. The stop ends by itself with the first cycle in which the clocks agree.
    """
    cause = clock_problem(context)
    runtime.register.queue.note_clock_stop(context.name, cause, runtime.clock.now())
    if cause:
        raise SafetyStop(cause)


def is_clock_right(context: SourceContext) -> bool:
    """Tell whether our clock is within `max_clock_skew` of the tracker's newest Date; True when there is no Date."""
    return not clock_problem(context)


def clock_problem(context: SourceContext) -> str:
    """Return why our clock is too wrong to judge, "" when it is right enough."""
    offset = context.source.clock_offset
    if offset is None or abs(offset) <= context.max_clock_skew + _WHOLE_SECONDS:
        return ""
    where = "behind" if offset > timedelta(0) else "ahead of"
    return (
        f"{context.name}: our clock is {_spell(abs(offset))} {where} the tracker's: deadlines cannot be checked, so "
        "nothing is judged or written; set this machine's clock, or raise max_clock_skew if the tracker's is wrong"
    )


def by_the_tracker(context: SourceContext, at: datetime) -> datetime:
    """Return an instant of our clock by the tracker's clock when ours is ahead; never a later instant."""
    offset = context.source.clock_offset
    return at if offset is None or offset >= -_WHOLE_SECONDS else at + offset


def _spell(length: timedelta) -> str:
    """Return a duration for a person, in days, hours and minutes."""
    minutes = round(length.total_seconds() / 60)
    parts = {"d": minutes // 1440, "h": minutes // 60 % 24, "min": minutes % 60}
    return " ".join(f"{count} {unit}" for unit, count in parts.items() if count) or "0 min"
