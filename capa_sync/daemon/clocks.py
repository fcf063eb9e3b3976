"""Compares our clock with the tracker's: nothing is judged with a wrong clock, and its earlier results are redone."""

from __future__ import annotations

from datetime import datetime, timedelta

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import SafetyStop

_WHOLE_SECONDS = timedelta(seconds=2)
"""A Date header has whole seconds, and an answer needs some time to arrive."""
_JITTER = timedelta(seconds=30)
"""Two measurements of one clock differ by less than this: answers take their time."""
_SET = timedelta(minutes=5)
"""When the distance of two clocks changes by more than this between two polls, one of them was set."""
CONFIRMED_FOR = timedelta(hours=1)
"""How long the Date of an answer proves that our clock is right: a clock can be set at any time after it."""


def take_back_future(runtime: Runtime, context: SourceContext, now: datetime, run: int) -> None:
    """Make work due again that has a time in the future, because our clock was ahead before.

    This follows the first answers of the cycle `run`: while they say that our clock is wrong, what seems to lie in
    the future may be right, and our clock behind.
    """
    if not is_clock_right(context) or not runtime.register.was_ahead(context.name, now, run):
        return
    with runtime.register.transaction():
        runtime.register.take_back_future(context.name, now)
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


def new_cycle(context: SourceContext) -> None:
    """Forget what answers of earlier cycles stated about the tracker's clock."""
    context.source.take_furthest_offset()
    context.furthest_offset = None


def note_server_time(context: SourceContext, server_time: datetime | None, begun: datetime, ended: datetime) -> None:
    """Note how far the tracker's clock is from ours by the time that it stated at the sign-in.

    The answer came at some time between `begun` and `ended` of our clock: other requests, and waits, followed it.
    """
    if server_time is None:
        context.server_offset = None
    else:
        context.server_offset = max(server_time - ended, timedelta(0)) or min(server_time - begun, timedelta(0))
    _measure(context)


def check_clock(runtime: Runtime, context: SourceContext) -> None:
    """Check that our clock is right enough to judge, and measure how far it is from the tracker's.

    Raises SafetyStop when it differs by more than `max_clock_skew` from an instant that the tracker named in this
    cycle, because deadlines are then unknown. The stop ends by itself with the first cycle in which the clocks agree.
    """
    cause = clock_problem(context)
    runtime.register.queue.note_clock_stop(context.name, cause, runtime.clock.now())
    if cause:
        context.facts_at = None  # the next cycle signs in again, which reads the server time
        raise SafetyStop(cause)
    _measure(context)


def is_clock_right(context: SourceContext) -> bool:
    """Tell whether our clock is within `max_clock_skew` of all that the tracker named; True when it named none."""
    return not clock_problem(context)


def has_confirmed(runtime: Runtime, source: str, now: datetime) -> bool:
    """Tell whether our clock is proven to be right for what cannot be undone on the tickets of a source.

    It is while the source's last Date came in this process, not long ago, and agrees with our clock. A source that
    the settings name no longer is never asked: any other one proves it then, as long as none contradicts. This only
    reads, so that it may be asked while a cycle is under way.
    """
    if (context := runtime.contexts.get(source)) is not None:
        return _has_confirmed(context, now)
    others = runtime.contexts.values()
    return any(_has_confirmed(other, now) for other in others) and not any(map(_problem, others))


def stop_of_all(runtime: Runtime) -> str:
    """Return why our clock is known to be wrong, "" where a source that was ever read does not say so.

    By the last cycles, also those of another process; for what belongs to no source and can be sent later.
    """
    register = runtime.register
    stops = {name: register.queue.clock_stop(name) for name in runtime.contexts}
    causes = [stop[0] for stop in stops.values() if stop is not None]
    is_doubted = all(stop is not None or not register.runs.was_read(name) for name, stop in stops.items())
    return causes[0] if causes and is_doubted else ""


def _has_confirmed(context: SourceContext, now: datetime) -> bool:
    at = context.source.clock_offset_at
    return at is not None and -_WHOLE_SECONDS <= now - at <= CONFIRMED_FOR and not _problem(context)


def clock_problem(context: SourceContext) -> str:
    """Return why our clock is too wrong to judge, "" when it is right enough."""
    context.furthest_offset = _furthest(context.furthest_offset, context.source.take_furthest_offset())
    return _problem(context)


def _problem(context: SourceContext) -> str:
    newest = context.source.clock_offset
    offset = _furthest(context.furthest_offset, newest, context.server_offset)
    if offset is None or _is_within_skew(context, offset):
        return ""
    length = _spell(abs(offset))
    if newest is not None and _is_within_skew(context, newest):
        where = "ahead of" if offset > timedelta(0) else "behind"
        clock = "the Date of an answer" if offset == context.furthest_offset else "its serverTime"
        return (
            f"{context.name}: the tracker contradicts itself about the time, {clock} is {length} {where} our clock: "
            "deadlines cannot be checked, so nothing is judged or written; ask the admin of the tracker to set its "
            "clocks, and those of a proxy before it, or raise max_clock_skew"
        )
    where = "behind" if offset > timedelta(0) else "ahead of"
    return (
        f"{context.name}: our clock is {length} {where} the tracker's: deadlines cannot be checked, so "
        "nothing is judged or written; set this machine's clock, or raise max_clock_skew if the tracker's is wrong"
    )


def _measure(context: SourceContext) -> None:
    """Measure the clock by which `settle` counts; of the newest Date and the server time, the earlier one.

    A small difference changes nothing: what was evaluated ahead rests on the measured one.
    """
    offsets = [offset for offset in (context.source.clock_offset, context.server_offset) if offset is not None]
    measured = min((offset for offset in offsets if _is_within_skew(context, offset)), default=timedelta(0))
    if abs(measured - context.clock_skew) > _JITTER:
        context.clock_skew = measured


def _furthest(*offsets: timedelta | None) -> timedelta | None:
    return max((offset for offset in offsets if offset is not None), key=abs, default=None)


def _is_within_skew(context: SourceContext, offset: timedelta) -> bool:
    return abs(offset) <= context.max_clock_skew + _WHOLE_SECONDS


def by_the_tracker(context: SourceContext, at: datetime) -> datetime:
    """Return an instant of our clock by the tracker's clock when ours is ahead; never a later instant."""
    offset = context.source.clock_offset
    return at if offset is None or offset >= -_WHOLE_SECONDS else at + offset


def as_read(context: SourceContext, at: datetime) -> datetime:
    """Return when something was read, for the mirror: by the tracker's clock where ours is known to be wrong.

    What histories do not tell is dated by it, beside entries that the tracker has dated.
    """
    offset = context.source.clock_offset
    return at if offset is None or _is_within_skew(context, offset) else at + offset


def _spell(length: timedelta) -> str:
    """Return a duration for a person, in days, hours and minutes."""
    minutes = round(length.total_seconds() / 60)
    parts = {"d": minutes // 1440, "h": minutes // 60 % 24, "min": minutes % 60}
    return " ".join(f"{count} {unit}" for unit, count in parts.items() if count) or "0 min"
