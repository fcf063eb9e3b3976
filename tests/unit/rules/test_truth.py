"""Three truth values: how blocks join them, and what an unread history or person leaves undecided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.model.ticket import Origin
from capa_sync.model.values import Value, ValueState
from capa_sync.rules.conditions import Block, Join, Line
from capa_sync.rules.derived import open_record
from capa_sync.rules.moments import DAWN, FirstTime, Moment, Truth, in_order
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import case_of, context_on, record_on, truth_of

WORLD = """
case: world
unmapped: [location]
timeline: [{day: 2026-03-02, title: x, due_at: 2026-03-10}]
"""
TRUE, FALSE, UNKNOWN = "title: filled", "title: empty", "location: filled"
TURNS = "due_at: not in the past"


def line(text: str) -> Line:
    """Return a compiled line."""
    name, _, sentence = text.partition(": ")
    phrase, test = vocabulary().find(SUBJECTS[name], sentence)
    return Line(SUBJECTS[name], sentence, phrase, test, 1)


@pytest.mark.parametrize(
    ("join", "lines", "truth"),
    [
        (Join.ALL, (TRUE, UNKNOWN, FALSE), False),
        (Join.ALL, (TRUE, UNKNOWN), None),
        (Join.ALL, (TRUE, TRUE), True),
        (Join.ALL, (), True),
        (Join.ANY, (FALSE, UNKNOWN, TRUE), True),
        (Join.ANY, (FALSE, UNKNOWN), None),
        (Join.ANY, (FALSE, FALSE), False),
        (Join.NONE, (FALSE, UNKNOWN, TRUE), False),
        (Join.NONE, (FALSE, UNKNOWN), None),
        (Join.NONE, (FALSE, FALSE), True),
    ],
)
def test_a_single_line_may_decide_a_block_else_an_unknown_line_does(
    join: Join, lines: tuple[str, ...], truth: Truth
) -> None:
    """`all` is false by one false, `any` true by one true, `none` false by one true; otherwise a cannot-tell wins."""
    assert Block(join, tuple(map(line, lines))).judge(context_on(case_of(WORLD), "2026-03-02"))[0] is truth


def test_a_decided_block_has_no_next_due_instant() -> None:
    """A block that only an edit can change has no next due instant, even if it has a phrase about time."""
    context = context_on(case_of(WORLD), "2026-03-02")
    assert Block(Join.ALL, (line(FALSE), line(TURNS))).judge(context) == (False, None)
    assert Block(Join.ALL, (line(TURNS), line(FALSE))).judge(context) == (False, None)
    assert Block(Join.ALL, (line(TRUE), line(TURNS))).judge(context) == (True, datetime(2026, 3, 11, tzinfo=UTC))
    assert Block(Join.ANY, (line(TRUE), line(TURNS))).judge(context) == (True, None)
    assert Block(Join.NONE, (line(TURNS),)).judge(context) == (False, datetime(2026, 3, 11, tzinfo=UTC))


EARLY, LATE = Moment(datetime(2026, 1, 1, tzinfo=UTC), 1), Moment(datetime(2026, 1, 2, tzinfo=UTC), 2)


@pytest.mark.parametrize(
    ("first", "second", "truth"),
    [
        (FirstTime(EARLY), FirstTime(LATE), True),
        (FirstTime(LATE), FirstTime(EARLY), False),
        (FirstTime(EARLY), FirstTime(EARLY), True),
        (FirstTime(), FirstTime(), True),
        (FirstTime(), FirstTime(EARLY), False),
        (FirstTime(EARLY), FirstTime(LATE, DAWN), None),
        (FirstTime(LATE, DAWN), FirstTime(EARLY), None),
        (FirstTime(LATE), FirstTime(EARLY, DAWN), False),
        (FirstTime(EARLY), FirstTime(None, LATE), True),
        (FirstTime(LATE), FirstTime(None, EARLY), None),
    ],
)
def test_order_is_decided_only_if_it_is_certain(first: FirstTime, second: FirstTime, truth: Truth) -> None:
    """An earlier change that was not seen may leave an order undecided, unless it cannot matter."""
    assert in_order(first, second) is truth


def test_the_same_instant_without_a_group_is_in_order() -> None:
    """Instants on other tickets are compared as they are."""
    assert in_order(FirstTime(Moment(EARLY.at)), FirstTime(Moment(EARLY.at, 7))) is True


UNREAD = """
case: unread
history: incomplete
timeline:
  - {day: 2026-03-02, by: ana, root_cause: a cause, due_at: 2026-06-01, stage: planned, action: {id: A1, text: act}}
  - {day: 2026-03-03, by: ana, due_at: 2026-06-02, grade: minor}
  - {day: 2026-03-04, by: ana, stage: closed}
  - {day: 2026-03-05, by: lee, grade: major}
"""


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("root_cause: filled before action started", None),
        ("root_cause: filled before plan_approved_by was first filled", None),
        ("stage: has been planned", True),
        ("stage: has been verified", None),
        ("grade: has been major", True),
        ("due_at: moved later at most 0 times", False),
        ("due_at: moved later at most 1 times", None),
        ("due_at: each later move has a reason", False),
        ("due_at: never moved after it had passed", None),
        ("grade: changed after root_cause was first filled", True),
        ("description: changed after root_cause was first filled", None),
        ("grade: unchanged by a human since closing", None),
        ("replans: at least 1", True),
        ("replans: at most 1", None),
        ("closed_by: filled", None),
        ("due_at: not in the past", True),
    ],
)
def test_an_unread_past_leaves_open_what_it_may_hide(text: str, truth: Truth) -> None:
    """What was seen is certain; that something never happened is not; phrases about present values are unaffected."""
    assert truth_of(text, context_on(case_of(UNREAD), "2026-03-06")) is truth


def test_our_own_observations_decide_what_they_cover() -> None:
    """A closing observed since our history began is certain, and so are the changes after it."""
    case = case_of(UNREAD)
    record = record_on(case, "2026-03-06")
    now = record.as_of
    since = replace(record, history_from=record.created_at + timedelta(hours=1))
    terms = Terms(case.options)
    assert truth_of("grade: unchanged by a human since closing", open_record(since, now, terms)) is False
    assert truth_of("description: unchanged by a human since closing", open_record(since, now, terms)) is True
    assert truth_of("root_cause: filled before the record last became closed", open_record(since, now, terms)) is True
    whole = replace(record, history_from=record.created_at)
    assert truth_of("root_cause: filled before action started", open_record(whole, now, terms)) is True


def test_an_unlisted_status_in_the_past_hides_only_what_it_may_hide() -> None:
    """While the stage is unknown, an entry may have happened; what came before it is still in order."""
    case = case_of("""
case: unlisted
timeline:
  - {day: 2026-03-02, by: ana}
  - {day: 2026-03-04, by: ana, stage: contained}
  - {day: 2026-03-06, by: ana, root_cause: a cause}
  - {day: 2026-03-09, by: ana, stage: closed}
""")
    record = record_on(case, "2026-03-10")
    lost = Value(ValueState.ERROR, reason="status Parked is not listed")
    timeline = tuple(replace(c, new=lost) if c.new.data == "contained" else c for c in record.timeline)
    context = open_record(replace(record, timeline=timeline), record.as_of, Terms(case.options))
    assert truth_of("root_cause: filled before the record first became implemented", context) is None
    assert truth_of("track: filled before the record first became implemented", context) is True
    assert truth_of("stage: has been implemented", context) is None
    assert truth_of("stage: has been closed", context) is True


def test_an_ignored_account_that_closed_it_is_nobody() -> None:
    """If an ignored account closed it, who closed it is unknown, and so is whether that is another person."""
    context = context_on(
        case_of("""
case: robot
accounts: {robot: ignored, gone: inactive, quiet: unknown}
timeline:
  - {day: 2026-03-02, by: ana, owner: gone, isms_lead: quiet}
  - {day: 2026-03-03, by: robot, stage: closed}
"""),
        "2026-03-03",
    )
    assert truth_of("closed_by: filled", context) is None
    assert truth_of("closed_by: not the same person as owner", context) is None
    assert truth_of("owner: an active person", context) is False
    assert truth_of("isms_lead: an active person", context) is None


PEOPLE = """
case: people
timeline:
  - day: 2026-03-02
    by: ana
    raised_by: ana
    plan_approved_by: cleo
    actions: [{id: A1, text: act, owner: bo}, {id: A2, text: act, owner: {unreadable: hidden}}, {id: A3, text: act}]
"""


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("plan_approved_by: not the same person as any of owner, raised_by", True),
        ("plan_approved_by: not the same person as owner", None),
        ("raised_by: not the same person as any of owner, action_owners", None),
        ("decision_by: not the same person as raised_by", False),
        ("raised_by: same person as plan_approved_by", False),
    ],
)
def test_empty_people_are_left_out_and_unread_ones_are_not(text: str, truth: Truth) -> None:
    """With nobody left to compare it cannot tell; an unread owner may be anybody."""
    assert truth_of(text, context_on(case_of(PEOPLE), "2026-03-02")) is truth


def test_births_count_for_order_and_edits_by_robots_do_not() -> None:
    """A value given at creation counts from creation; a robot's edit is no change by a human."""
    case = case_of("""
case: births
accounts: {robot: ignored}
timeline:
  - {day: 2026-03-02, by: robot, root_cause: why, plan_approved_by: ana, stage: closed, action: {id: A1, text: act}}
  - {day: 2026-03-03, by: robot, root_cause: another}
""")
    context = context_on(case, "2026-03-03")
    assert truth_of("plan_approved_by: filled before root_cause was first filled", context) is True
    assert truth_of("root_cause: filled before action started", context) is True
    assert truth_of("root_cause: unchanged by a human since closing", context) is True
    assert context.changes("root_cause")[0].origin is Origin.BIRTH


DOERS = """
case: doers
accounts: {robot: ignored}
timeline:
  - {day: 2026-03-02, by: ana, title: x, owner: bo, raised_by: ana}
  - {day: 2026-03-03, by: bo, effectiveness_result: effective}
  - {day: 2026-03-04, by: cleo, effectiveness_note: "Three monthly scans show no missed patch"}
  - {day: 2026-03-05, by: robot, effectiveness_at: 2026-03-05}
  - {day: 2026-03-06, by: cleo, stage: closed}
  - {day: 2026-03-07, by: cleo, root_cause: too late}
"""


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("effectiveness_result: filled before the record last became closed by someone other than owner", False),
        ("effectiveness_result: filled before the record last became closed by someone other than raised_by", True),
        ("effectiveness_note: filled before stage last became closed by someone other than owner", True),
        ("effectiveness_note: filled before the record first became closed by someone other than isms_lead", None),
        ("effectiveness_at: filled before the record last became closed by someone other than owner", None),
        ("root_cause: filled before the record first became closed by someone other than owner", False),
        ("correction: filled before the record first became closed by someone other than owner", False),
        ("correction: filled before stage first became verified by someone other than owner", True),
    ],
)
def test_the_author_counts_besides_the_order(text: str, truth: Truth) -> None:
    """The person who did the work fails it; with an empty person field or a robot's edit it cannot tell."""
    assert truth_of(text, context_on(case_of(DOERS), "2026-03-07")) is truth
