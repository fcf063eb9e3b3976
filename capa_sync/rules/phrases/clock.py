"""Phrases about time: each knows the instant at which its truth changes, so that no edit of the ticket is needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from capa_sync.model.finding import Evidence
from capa_sync.model.near import near_or_all
from capa_sync.model.settings import DEFAULT_DEADLINES, Days
from capa_sync.model.values import ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Clocked, Truth
from capa_sync.rules.phrases.phrase import (
    Argument,
    Arguments,
    Family,
    Phrase,
    PhraseError,
    Test,
    check_kind,
    field,
    number,
    word,
)
from capa_sync.rules.phrases.state import NOT_FILLED
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import present_fact, show_date

_TIME = frozenset({Kind.TIME})
_UNGRADED = frozenset({ValueState.EMPTY, ValueState.PLACEHOLDER, ValueState.UNMAPPED})
Flip = Callable[[Context, date | datetime], datetime | None]


def turning(subject: Subject, flip: Flip, *, before: bool) -> Test:
    """Return a test whose truth changes at an instant computed from a date; it is false for an empty date."""

    def clock(context: Context) -> Clocked:
        value = context.value(subject.name)
        if not value.is_known:
            return Clocked(None)
        if not isinstance(value.data, date):
            return Clocked(False)
        moment = flip(context, value.data)
        return Clocked(before, () if moment is None else (moment,), not before)

    def now(context: Context) -> tuple[Truth, datetime | None]:
        value = context.value(subject.name)
        if not isinstance(value.data, date):
            return (False if value.is_known else None), None
        moment = flip(context, value.data)
        if moment is None:
            return before, None
        return (before, moment) if moment > context.now else (not before, None)

    false_in = NOT_FILLED if subject.is_field else frozenset[ValueState]()
    return Test((subject.name,), clock=clock, now=now, false_in=false_in)


def _days_after(argument: Argument) -> Flip:
    days = number(argument)
    sure = timedelta(days=days + 2)

    def flip(context: Context, value: date | datetime) -> datetime:
        if isinstance(value, datetime) and value < context.now - sure:
            return value  # so many days have passed in any time zone; since when decides nothing
        return context.terms.calendar.days_after(value, days)

    return flip


def _business_days_after(argument: Argument) -> Flip:
    length = Days(number(argument), business=True)
    return lambda context, value: context.terms.calendar.deadline(value, length)


def _more_than(subject: Subject, args: Arguments) -> Test:
    return turning(subject, _days_after(args[0]), before=False)


def _days_running_after(argument: Argument) -> Flip:
    days, unpaused = number(argument), _days_after(argument)

    def flip(context: Context, value: date | datetime) -> datetime | None:
        pauses, calendar = context.record.pauses, context.terms.calendar
        return calendar.elapsed(calendar.end_of(value), days, pauses) if pauses else unpaused(context, value)

    return flip


def _more_than_running(subject: Subject, args: Arguments) -> Test:
    return turning(subject, _days_running_after(args[0]), before=False)


def _not_more_than(subject: Subject, args: Arguments) -> Test:
    return turning(subject, _days_after(args[0]), before=True)


def _more_than_business(subject: Subject, args: Arguments) -> Test:
    return turning(subject, _business_days_after(args[0]), before=False)


def _not_more_than_business(subject: Subject, args: Arguments) -> Test:
    return turning(subject, _business_days_after(args[0]), before=True)


def _not_past(subject: Subject, _: Arguments) -> Test:
    return turning(subject, lambda context, value: context.terms.calendar.end_of(value), before=True)


def deadline_end(context: Context, name: str, start: date | datetime) -> datetime | None:
    """Return when a named deadline of a record ends, by grade, days on hold left out; None while it is on hold.

    The certification body's date overrides `implement` where it is earlier (docs/clause10.md 3.1).
    """
    grade = context.value("grade")
    length = context.terms.length(name, str(grade.data) if grade.is_filled else "")
    end = context.terms.calendar.deadline(start, length, context.record.pauses)
    body = context.value("cb_deadline").data if name == "implement" else None
    if isinstance(body, date):
        fixed = context.terms.calendar.end_of(body)
        return fixed if end is None else min(end, fixed)
    return end


def _deadline_named(argument: Argument) -> str:
    name = word(argument)
    if name not in DEFAULT_DEADLINES:
        raise PhraseError(f"there is no deadline '{name}'", near_or_all(name, list(DEFAULT_DEADLINES)))
    return name


def _past_deadline(subject: Subject, args: Arguments) -> Test:
    name = _deadline_named(args[0])
    turn = turning(subject, lambda context, value: deadline_end(context, name, value), before=False).clock
    assert turn is not None  # noqa: S101 - turning always gives a clock

    def clock(context: Context) -> Clocked:
        grade = context.value("grade")
        return turn(context) if grade.is_filled or grade.state in _UNGRADED else Clocked(None)

    def facts(context: Context) -> list[Evidence]:
        found = [present_fact(subject.name, context), present_fact("grade", context)]
        start = context.value(subject.name).data
        end = deadline_end(context, name, start) if isinstance(start, date) else None
        if end is not None:
            found.append(Evidence("deadline", say.DEADLINE_ENDS.format(name=name, day=_last_day(end, context))))
        return found

    return Test((subject.name, "grade"), clock=clock, facts=facts)


def _last_day(end: datetime, context: Context) -> str:
    """Return the last day of a deadline; one that ends at 24:00 ends at the start of the next day."""
    day = context.terms.calendar.local_date(end)
    before = date.fromordinal(day.toordinal() - 1)
    return show_date(before if context.terms.calendar.start_of(day) == end else end, context)


def _between(subject: Subject, other: Subject, test: Callable[[int], bool]) -> Test:
    """Return a test of the number of local days from another date to this date."""
    check_kind(other, Kind.TIME)

    def holds(context: Context) -> Truth:
        here, there = context.value(subject.name), context.value(other.name)
        if not (here.is_known and there.is_known):
            return None
        if not (isinstance(here.data, date) and isinstance(there.data, date)):
            return False
        local = context.terms.calendar.local_date
        return test((local(here.data) - local(there.data)).days)

    return Test((subject.name, other.name), holds)


def _not_before_deadline(subject: Subject, args: Arguments) -> Test:
    name, other = _deadline_named(args[0]), field(args[1])
    check_kind(other, Kind.TIME)

    def holds(context: Context) -> Truth:
        here, start, grade = context.value(subject.name), context.value(other.name), context.value("grade")
        if not (here.is_known and start.is_known and (grade.is_known or grade.state in _UNGRADED)):
            return None
        if not (isinstance(here.data, date) and isinstance(start.data, date)):
            return False
        calendar = context.terms.calendar
        length = context.terms.length(name, str(grade.data) if grade.is_filled else "")
        end = calendar.deadline(start.data, length)  # without pauses: what is waited for goes on in a hold
        return end is not None and calendar.start_of(calendar.local_date(here.data) + timedelta(days=1)) >= end

    return Test((subject.name, other.name, "grade"), holds)


def _on_or_before(subject: Subject, args: Arguments) -> Test:
    return _between(subject, field(args[0]), lambda days: days <= 0)


def _within(subject: Subject, args: Arguments) -> Test:
    most = number(args[0])
    return _between(subject, field(args[1]), lambda days: abs(days) <= most)


def _at_least_after(subject: Subject, args: Arguments) -> Test:
    least = number(args[0])
    return _between(subject, field(args[1]), lambda days: days >= least)


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "more than N days ago",
        Family.CLOCK,
        _TIME,
        _more_than,
        "So many calendar days have passed since then; a date without a time ends at 24:00.",
        "effectiveness_due: more than 7 days ago",
    ),
    Phrase(
        "more than N days ago without days on hold",
        Family.CLOCK,
        _TIME,
        _more_than_running,
        "So many calendar days have passed since then, days on which the record was on hold left out.",
        "effectiveness_due: more than 0 days ago without days on hold",
    ),
    Phrase(
        "not more than N days ago",
        Family.CLOCK,
        _TIME,
        _not_more_than,
        "It is filled, and so many calendar days have not yet passed since then.",
        "detected_at: not more than 30 days ago",
    ),
    Phrase(
        "more than N business days ago",
        Family.CLOCK,
        _TIME,
        _more_than_business,
        "The end of the Nth business day after that day has passed.",
        "created_at: more than 2 business days ago",
    ),
    Phrase(
        "not more than N business days ago",
        Family.CLOCK,
        _TIME,
        _not_more_than_business,
        "It is filled, and the end of the Nth business day after that day has not passed.",
        "created_at: not more than 2 business days ago",
    ),
    Phrase(
        "not in the past",
        Family.CLOCK,
        _TIME,
        _not_past,
        "It is filled and has not ended yet; a date without a time ends at 24:00.",
        "due_at: not in the past",
    ),
    Phrase(
        "past the NAME deadline",
        Family.CLOCK,
        _TIME,
        _past_deadline,
        "The named deadline of the settings, counted from then by grade and paused on hold, has passed.",
        "identified_at: past the contain deadline",
    ),
    Phrase(
        "on or before FIELD",
        Family.CLOCK,
        _TIME,
        _on_or_before,
        "Its day is that other day or an earlier one.",
        "plan_approved_at: on or before implemented_at",
    ),
    Phrase(
        "within N days of FIELD",
        Family.CLOCK,
        _TIME,
        _within,
        "At most so many days lie between the two days, whichever comes first.",
        "correction_at: within 5 days of detected_at",
    ),
    Phrase(
        "at least N days after FIELD",
        Family.CLOCK,
        _TIME,
        _at_least_after,
        "It lies so many days or more after that other day.",
        "effectiveness_at: at least 30 days after implemented_at",
    ),
    Phrase(
        "not before the NAME deadline of FIELD",
        Family.CLOCK,
        _TIME,
        _not_before_deadline,
        "It lies on the last day of the named deadline, counted from that other day by grade, or later; days on hold "
        "count.",
        "reviewed_at: not before the effectiveness-earliest deadline of implemented_at",
    ),
)
