"""The exact instants at which a day, a hold, a move of a date and a history begin and end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from capa_sync.model.finding import Severity
from capa_sync.model.record import Pause
from capa_sync.model.settings import Days, JudgeOptions
from capa_sync.model.values import Value, ValueState
from capa_sync.rules.calendar import Calendar, calendar_for, held
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.profiles import NUMBERS, PACK, PROFILES, deadline_length
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import at, case_of, context_on, record_on
from tests.unit.rules.test_truth import line

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = datetime(2025, 6, 3, tzinfo=UTC)
TICKET = record_on(case_of("case: a ticket\ntimeline: [{day: 2011-12-01, by: ana}]"), "2011-12-02")
UTC_DAYS = Calendar("UTC", frozenset({date(2025, 6, 9)}))


@pytest.mark.parametrize(
    ("start", "end", "is_held"),
    [
        (MIDNIGHT - HOUR, MIDNIGHT + HOUR, True),
        (MIDNIGHT - HOUR, MIDNIGHT, True),
        (MIDNIGHT, MIDNIGHT + HOUR, False),
        (MIDNIGHT - 2 * HOUR, MIDNIGHT - HOUR, False),
        (MIDNIGHT - HOUR, None, True),
        (MIDNIGHT, None, False),
    ],
)
def test_a_hold_covers_the_end_of_a_day_that_it_reaches_and_not_that_at_which_it_begins(
    start: datetime, end: datetime | None, is_held: bool
) -> None:
    """The end of the day belongs to the day: a hold from midnight on is one of the next day."""
    pause = Pause(start, end)
    assert held([pause], MIDNIGHT) == (pause if is_held else None)


@pytest.mark.parametrize("now", [datetime(2012, 1, 2, 11, tzinfo=UTC), datetime(2025, 4, 26, 22, tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Africa/Cairo", "UTC"])
@pytest.mark.parametrize("days", [0, 1, 3])
def test_days_that_are_certainly_over_in_every_zone_are_over_in_this_one(now: datetime, zone: str, days: int) -> None:
    """Around such an instant the truth is that of days counted exactly, also where a day does not exist (Apia)."""
    calendar = calendar_for(zone, frozenset())
    context = open_record(TICKET, now, Terms(JudgeOptions(timezone=zone)))
    for hours in range(6 * 24):
        value = now - hours * HOUR
        asked = replace(context.record, fields={**TICKET.fields, "due_at": Value(ValueState.FILLED, value)})
        truth, _ = line(f"due_at: more than {days} days ago").judge(open_record(asked, now, context.terms))
        assert truth is (calendar.days_after(value, days) <= now), value


def test_of_several_holds_the_one_that_covers_the_instant_is_found() -> None:
    """Earlier and later holds do not matter."""
    holds = [Pause(MIDNIGHT + day * DAY - HOUR, MIDNIGHT + day * DAY + HOUR) for day in range(3)]
    assert held(holds, MIDNIGHT + DAY) is holds[1]
    assert held([], MIDNIGHT) is None


@pytest.mark.parametrize(
    ("pause", "due"),
    [
        (Pause(MIDNIGHT, MIDNIGHT + HOUR), MIDNIGHT + HOUR),
        (Pause(MIDNIGHT - HOUR, MIDNIGHT), MIDNIGHT),
        (Pause(MIDNIGHT + HOUR, MIDNIGHT + DAY), MIDNIGHT),
        (Pause(MIDNIGHT, None), None),
        (Pause(MIDNIGHT + HOUR, None), MIDNIGHT),
    ],
)
def test_an_instant_in_a_hold_is_due_when_the_hold_ends(pause: Pause, due: datetime | None) -> None:
    """A hold begins with its first instant and is over at its end."""
    assert UTC_DAYS.elapsed(MIDNIGHT, 0, [pause]) == due


def test_a_hold_that_begins_where_another_ends_goes_on() -> None:
    """The instant between two holds belongs to the second."""
    holds = [Pause(MIDNIGHT - HOUR, MIDNIGHT), Pause(MIDNIGHT, MIDNIGHT + HOUR)]
    assert UTC_DAYS.elapsed(MIDNIGHT, 0, holds) == MIDNIGHT + HOUR


def test_an_instant_is_due_itself_also_in_the_hour_that_comes_twice() -> None:
    """Zero days later is the same instant, not the first one with its wall-clock time; all instants are in UTC."""
    london = Calendar("Europe/London", frozenset())
    second = datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    assert london.elapsed(second, 0) == second
    assert london.start_of(date(2025, 6, 3)).tzinfo is london.at(MIDNIGHT.replace(tzinfo=None)).tzinfo is UTC


def test_days_are_counted_with_and_without_holds_alike() -> None:
    """A hold that is over changes no later count; nothing to count is due at once or at the end of the day."""
    past = [Pause(MIDNIGHT - 9 * DAY, MIDNIGHT - 8 * DAY)]
    for count in (0, 1, 2, 7):
        assert UTC_DAYS.elapsed(MIDNIGHT, count, past) == UTC_DAYS.elapsed(MIDNIGHT, count) == MIDNIGHT + count * DAY
        for business in (False, True):
            length = Days(count, business)
            assert UTC_DAYS.deadline(MIDNIGHT, length, past) == UTC_DAYS.deadline(MIDNIGHT, length)
    assert UTC_DAYS.deadline(date(2025, 6, 3), Days(0)) == MIDNIGHT + DAY
    assert UTC_DAYS.deadline(date(2025, 6, 3), Days(3, business=True)) == MIDNIGHT + 4 * DAY  # Friday
    assert UTC_DAYS.deadline(date(2025, 6, 3), Days(4, business=True)) == MIDNIGHT + 8 * DAY  # Monday is a holiday
    assert UTC_DAYS.deadline(date(2025, 6, 3), Days(4)) == MIDNIGHT + 5 * DAY


def test_a_hold_that_lasts_stops_only_deadlines_that_it_reaches() -> None:
    """A deadline that ended before is over; days before the hold count, weekends or not."""
    lasting = [Pause(MIDNIGHT + DAY + HOUR, None)]
    assert UTC_DAYS.deadline(MIDNIGHT - DAY, Days(1), lasting) == MIDNIGHT + DAY
    assert UTC_DAYS.deadline(MIDNIGHT, Days(1), lasting) is None
    assert UTC_DAYS.deadline(MIDNIGHT, Days(1, business=True), lasting) is None
    assert UTC_DAYS.elapsed(MIDNIGHT, 1, lasting) == MIDNIGHT + DAY
    assert UTC_DAYS.elapsed(MIDNIGHT, 2, lasting) is None


def test_equal_calendars_are_one() -> None:
    """What one record computed serves the next; another zone or holiday is another calendar."""
    same = calendar_for("Europe/London", frozenset())
    assert calendar_for("Europe/London", frozenset()) is same
    assert calendar_for("Europe/Paris", frozenset()) is not same
    assert same.local(MIDNIGHT).utcoffset() == HOUR
    assert same.local_date(MIDNIGHT - HOUR) == date(2025, 6, 3)
    assert same.local_date(date(2025, 6, 1)) == date(2025, 6, 1)
    assert same.at(datetime(2025, 6, 3)) == MIDNIGHT - HOUR  # noqa: DTZ001 - a wall-clock time


def test_a_profile_replaces_severities_by_rule_first_and_then_by_severity() -> None:
    """Strict raises low to medium, and two rules to high; the others replace one or none."""
    strict = PROFILES["strict"]
    assert strict.grade_severity("rca-method", Severity.LOW) is Severity.HIGH
    assert strict.grade_severity("extent-assessed", Severity.LOW) is Severity.MEDIUM
    assert strict.grade_severity("extent-assessed", Severity.HIGH) is Severity.HIGH
    assert PROFILES["standard"].grade_severity("rca-method", Severity.LOW) is Severity.LOW
    assert (NUMBERS[PACK[0]], NUMBERS[PACK[-1]]) == (1, len(PACK))


def test_a_deadline_without_a_setting_of_its_own_has_the_length_of_the_defaults() -> None:
    """By name and by grade; the light profile lengthens only these."""
    own = {"contain": {"minor": Days(4)}}
    assert deadline_length(JudgeOptions(deadlines=own), "contain", "") == Days(4)
    assert deadline_length(JudgeOptions(deadlines=own), "contain", "major") == Days(5, business=True)
    assert deadline_length(JudgeOptions(deadlines=own), "plan", "ofi") == Days(60)
    assert deadline_length(JudgeOptions(deadlines=own, profile="light"), "contain", "minor") == Days(4)
    assert deadline_length(JudgeOptions(deadlines=own, profile="light"), "plan", "minor") == Days(68)
    terms = Terms(JudgeOptions(deadlines=own))
    assert [terms.length("contain", grade) for grade in ("", "minor", "major", "observation", "ofi")] == [
        Days(4),
        Days(4),
        Days(5, business=True),
        Days(20, business=True),
        Days(20, business=True),
    ]


MOVES = """
case: moves
accounts: {robot: ignored}
timeline:
  - {day: 2025-06-02 09:00, by: ana, due_at: 2025-06-10}
  - {day: 2025-06-03 09:00, by: ana, due_at: 2025-06-10}
  - {day: 2025-06-04 09:00, by: ana, due_at: 2025-06-08}
  - {day: 2025-06-05 09:00, by: ana, due_at: 2025-06-09}
  - {day: 2025-06-10 00:00, by: ana, due_at: 2025-06-12}
  - {day: 2025-06-12 23:59, by: ana, due_at: 2025-06-20}
  - {day: 2025-06-21 09:00, by: robot, due_at: 2025-06-30}
  - {day: 2025-06-22 09:00, by: ana, due_at: ""}
  - {day: 2025-06-23 09:00, by: ana, due_at: 2025-07-01}
"""


def test_a_move_is_to_a_later_day_by_a_human_and_late_from_the_end_of_the_old_day_on() -> None:
    """The first setting, earlier or equal dates and robots make no move; an emptying in between hides none."""
    moves = context_on(case_of(MOVES), "2025-06-30").moves("due_at")
    assert [(move.old.day, move.new.day, move.passed) for move in moves] == [
        (8, 9, False),
        (9, 12, True),
        (12, 20, False),
        (30, 1, False),
    ]


STAGES = """
case: stages
timeline:
  - {day: 2025-06-02 09:00, by: ana, stage: planned}
  - {day: 2025-06-03 09:00, by: ana, stage: closed}
  - {day: 2025-06-04 09:00, by: ana, stage: planned}
  - {day: 2025-06-05 09:00, by: ana, stage: closed}
"""


def seen_from(days: float) -> Context:
    """Return the context of the stages with a history that begins so many days after the ticket."""
    case = case_of(STAGES)
    record = replace(record_on(case, "2025-06-06"), history_complete=False)
    record = replace(record, history_from=record.created_at + days * DAY)
    return open_record(record, at(case, "2025-06-06"), Terms(case.options))


def test_the_last_entry_is_the_newest_and_certain_from_the_beginning_of_the_history_on() -> None:
    """An entry in the instant at which the history begins was seen; one before it may not be the last."""
    moment, is_sure = seen_from(3).last_entry("closed")
    assert moment is not None
    assert (moment.at.day, is_sure) == (5, True)
    assert seen_from(3.001).last_entry("closed")[1] is False
    assert seen_from(0).last_entry("closed")[1] is True
    never, is_sure = seen_from(0).last_entry("verified")
    assert (never, is_sure) == (None, True)
    assert seen_from(1).last_entry("verified") == (None, False)


def test_a_history_from_the_creation_on_is_whole() -> None:
    """It begins with the ticket, so nothing is missing; a moment later something may be."""
    assert seen_from(0).history_whole
    assert seen_from(-1).history_whole
    assert not seen_from(0.001).history_whole
    birth = seen_from(1).first_became("stage", frozenset({"planned"})).known
    assert birth is not None
    assert not seen_from(1).is_seen(birth)
    assert seen_from(0).is_seen(birth)
    assert not seen_from(0).is_seen(None)


def test_what_a_gap_hides_is_named_for_each_subject_that_is_computed_from_it() -> None:
    """The stage's gap is one of its instants and persons, the due date's one of the moves; others are whole."""
    case = case_of(STAGES)
    record = replace(
        record_on(case, "2025-06-06"), history_gaps={"stage": "ambiguous"}, undelivered={"due_at": "cut"}
    )
    context = open_record(record, at(case, "2025-06-06"), Terms(case.options))
    names = ("stage", "closed_at", "closed_by", "implemented_at", "action_started_at", "due_at", "replans", "grade")
    assert [context.gap(name) for name in names] == ["ambiguous"] * 5 + ["cut"] * 2 + [""]
    assert [context.is_whole(name) for name in ("stage", "grade")] == [False, True]
    assert context.last_entry("closed")[1] is False
