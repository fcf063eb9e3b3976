"""What a context says of a record's history: first times, entries, moves, the start of action, what is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from capa_sync.model.comment_texts import ENGLISH
from capa_sync.model.record import Action, ActionKind, ActionOrigin, FieldChange
from capa_sync.model.settings import Days
from capa_sync.model.ticket import Origin
from capa_sync.model.values import EMPTY, UNMAPPED, Data, Value, ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.moments import DAWN, FirstTime, Moment
from capa_sync.rules.terms import Terms
from tests.unit.rules.lives import LONDON, case_of, record_on
from tests.unit.rules.test_truth import line

NOW = datetime(2025, 6, 20, tzinfo=UTC)
ERROR = Value(ValueState.ERROR, text="Waiting", reason="not listed")
TITLE_NOT_KNOWN = "what this check needs of 'title' is not known"
TICKET = record_on(case_of("case: a ticket\ntimeline: [{day: 2025-06-01, by: ana}]"), "2025-06-02")


def filled(data: Data) -> Value:
    """Return a filled value."""
    return Value(ValueState.FILLED, data, str(data))


def change(day: int, field: str, new: Value, old: Value = EMPTY, **parts: Any) -> FieldChange:
    """Return a change by a human on a day of June; its group is the day, or as given."""
    at = datetime(2025, 6, day, 9, tzinfo=UTC)
    known = {"group": day, "by": "ana", "human": True, "origin": Origin.HISTORY, "entry": f"h{day}"}
    return FieldChange(at=at, field=field, old=old, new=new, **{**known, **parts})


def moment(change: FieldChange) -> Moment:
    """Return the moment of a change."""
    return Moment(change.at, change.group, change)


def seen(*timeline: FieldChange, **parts: Any) -> Context:
    """Return the context of a record with this history."""
    return open_record(replace(TICKET, timeline=timeline, **parts), NOW, Terms(LONDON))


def action(**parts: Any) -> Action:
    """Return a corrective action, a child ticket without a text."""
    return Action("A1", "A1", ActionOrigin.CHILD, ActionKind.CORRECTIVE, EMPTY, EMPTY, EMPTY, **parts)


def test_a_first_time_is_known_with_what_may_have_come_before_it() -> None:
    """A value that cannot be read may have been the one; only the first such value before the known one counts."""
    unread, again = change(3, "root_cause", ERROR), change(4, "root_cause", ERROR)
    known, later = change(5, "root_cause", filled("why")), change(6, "root_cause", ERROR)
    assert seen(unread, again, known, later).first_filled("root_cause") == FirstTime(moment(known), moment(unread))
    assert seen(unread, again).first_filled("root_cause") == FirstTime(None, moment(unread))
    assert seen(known, later).first_filled("root_cause") == FirstTime(moment(known))
    assert seen().first_filled("root_cause") == FirstTime()
    stage = change(7, "stage", filled("Closed"))
    assert seen(known, stage).first_became("stage", frozenset({"closed"})) == FirstTime(moment(stage))


def test_a_gap_in_the_history_of_a_field_may_hide_its_first_time_alone() -> None:
    """The history of another field is whole."""
    cause, owner = change(5, "root_cause", filled("why")), change(6, "owner", filled("bo"))
    for gaps in ({"history_gaps": {"root_cause": "cut"}}, {"undelivered": {"root_cause": "cut"}}):
        context = seen(cause, owner, **gaps)
        assert context.first_filled("root_cause") == FirstTime(moment(cause), DAWN)
        assert context.first_filled("owner") == FirstTime(moment(owner))
        assert context.first_filled("extent_note") == FirstTime()


def test_the_last_entry_is_a_change_to_the_stage_or_the_stage_at_creation() -> None:
    """A change from a stage to itself is no entry."""
    closed, open_ = filled("closed"), filled("planned")
    birth = change(1, "stage", closed, closed, origin=Origin.BIRTH)
    again = change(3, "stage", closed, closed)
    assert seen(birth, again).last_entry("closed") == (moment(birth), True)
    entered = change(4, "stage", closed, open_)
    assert seen(birth, again, entered).last_entry("closed") == (moment(entered), True)
    assert seen(again).last_entry("closed") == (None, True)
    assert seen(again, history_gaps={"stage": "cut"}).last_entry("verified") == (None, False)
    assert seen(again, history_gaps={"owner": "cut"}).last_entry("verified") == (None, True)


@pytest.mark.parametrize(
    ("others", "parts", "is_sure"),
    [
        ((), {}, True),
        ((change(7, "stage", filled("planned")),), {}, True),
        ((change(7, "stage", ERROR),), {}, False),
        ((change(7, "owner", ERROR),), {}, True),
        ((change(2, "stage", ERROR),), {}, True),
        ((), {"history_gaps": {"stage": "cut"}}, False),
        ((), {"history_complete": False}, False),
    ],
)
def test_an_entry_is_surely_the_last_where_nothing_after_it_is_unknown(
    others: tuple[FieldChange, ...], parts: dict[str, Any], is_sure: bool
) -> None:
    """An unlisted stage after it may have been the same stage again; one before it does not matter."""
    entry = change(5, "stage", filled("closed"), filled("verified"))
    changes = sorted((entry, *others), key=lambda change: change.group)
    assert seen(*changes, **parts).last_entry("closed") == (moment(entry), is_sure)


def test_an_entry_from_an_unlisted_stage_may_be_none() -> None:
    """The unlisted status may have been the same stage; the entry itself does not make itself unsure."""
    entry = change(5, "stage", filled("closed"), ERROR)
    assert seen(entry).last_entry("closed") == (moment(entry), False)
    same_save = change(5, "stage", ERROR)
    certain = change(5, "stage", filled("closed"), filled("verified"))
    assert seen(same_save, certain).last_entry("closed") == (moment(certain), True)


def test_a_date_is_compared_with_the_one_before_it_and_the_first_with_what_it_replaced() -> None:
    """Where the history begins with a change, the old date of that change is the one before."""
    first, second, third = (filled(date(2025, 7, day)) for day in (1, 5, 3))
    moved = change(3, "due_at", second, first)
    back = change(4, "due_at", third, second)
    again = change(5, "due_at", second, first)  # what it replaced, the tracker reports wrongly
    found = seen(moved, back, again).moves("due_at")
    assert [(move.change, move.old.day, move.new.day) for move in found] == [(moved, 1, 5), (again, 3, 5)]


def test_the_last_change_is_one_to_another_value_or_the_value_at_creation() -> None:
    """A change that changes nothing is passed over."""
    birth = change(1, "owner", EMPTY, EMPTY, origin=Origin.BIRTH)
    real, empty = change(2, "owner", filled("bo"), EMPTY), change(3, "owner", filled("bo"), filled("bo"))
    assert seen(birth, real, empty).last_change("owner") == real
    assert seen(birth, empty).last_change("owner") == birth
    assert seen(empty).last_change("owner") is None


def test_action_starts_with_its_text_its_start_or_the_stage_whichever_is_first() -> None:
    """A child without a text starts by its status; the moment carries the entry of the history that shows it."""
    early, late = datetime(2025, 6, 3, 9, tzinfo=UTC), datetime(2025, 6, 4, 9, tzinfo=UTC)
    entry = change(6, "stage", filled("implemented"), filled("planned"))
    shown = change(3, "actions", filled("started"))
    other = change(3, "actions", filled("other"), group=2)
    for parts in (
        {"started_at": early, "started_group": 3},
        {"text_first_at": early, "text_first_group": 3},
        {"started_at": early, "started_group": 3, "text_first_at": late, "text_first_group": 4},
        {"started_at": late, "started_group": 4, "text_first_at": early, "text_first_group": 3},
    ):
        context = seen(other, shown, entry, actions=(action(**parts),))
        assert context.action_start() == FirstTime(moment(shown))
        assert seen(other, entry, actions=(action(**parts),)).action_start() == FirstTime(Moment(early, 3))
    assert seen(entry, actions=(action(),)).action_start() == FirstTime(moment(entry))
    assert seen(entry, actions=(action(started_at=NOW, started_group=9),)).action_start() == FirstTime(moment(entry))
    assert seen(entry).action_start() == FirstTime(moment(entry))
    assert seen(actions=(action(),)).action_start() == FirstTime()


@pytest.mark.parametrize(
    ("parts", "possible"),
    [
        ({}, None),
        ({"actions_problem": "no permission"}, DAWN),
        ({"history_gaps": {"actions": "cut"}}, DAWN),
        ({"history_gaps": {"owner": "cut"}}, None),
    ],
)
def test_actions_that_may_be_missing_may_have_started_at_any_time(
    parts: dict[str, Any], possible: Moment | None
) -> None:
    """With no action, with one, and after the stage of implementing alike."""
    entry = change(6, "stage", filled("implemented"), filled("planned"))
    assert seen(**parts).action_start() == FirstTime(None, possible)
    assert seen(entry, **parts).action_start() == FirstTime(moment(entry), possible)
    assert seen(actions=(action(),), **parts).action_start() == FirstTime(None, possible)


def test_a_list_without_a_place_may_hold_actions() -> None:
    """Where the mapping names no place for actions, action may have started at any time."""
    assert seen(actions_mapped=False).action_start() == FirstTime(None, DAWN)
    assert seen(actions_mapped=False, actions=(action(),)).action_start() == FirstTime()
    assert [seen(actions=(action(readable=known),)).actions_unknown for known in (True, False)] == [
        "",
        "A1 cannot be read",
    ]


def test_an_action_counts_unless_it_was_cancelled_or_is_an_emptied_field() -> None:
    """A child ticket without a text is an action; a field without a text is none any more; a correction never is."""
    child, cancelled = action(), replace(action(), id="A2", cancelled=True)
    emptied, written = (
        replace(action(), id=name, origin=ActionOrigin.FIELD, text=text)
        for name, text in (("f1", EMPTY), ("f2", filled("Name a deputy")))
    )
    correction = replace(action(), id="A3", kind=ActionKind.CORRECTION)
    context = seen(actions=(child, cancelled, emptied, written, correction))
    assert context.actions == [child, written]
    assert context.all_actions == [child, cancelled, emptied, written]


def test_nobody_is_not_a_person_without_a_name() -> None:
    """A person without a known name is shown by the id, and no person as such."""
    context = seen(people_names={"ana": "Ana Lee"})
    assert [context.person(person) for person in ("ana", "bo", None)] == [
        "Ana Lee",
        "bo",
        ENGLISH.sentences.unknown_person,
    ]


def test_a_label_is_the_trackers_own_else_that_of_the_language() -> None:
    """The record names its fields first, then the texts in use, then the program."""
    context = seen(labels={"owner": "Assignee"})
    context.texts = replace(ENGLISH, fields={"owner": "Verantwortlich", "grade": "Einstufung"})
    assert [context.label(name) for name in ("owner", "grade", "title")] == ["Assignee", "Einstufung", "title"]


QUESTIONS: tuple[Callable[[Context], object], ...] = (
    lambda context: context.first_filled("root_cause"),
    lambda context: context.first_became("stage", frozenset({"closed"})),
    lambda context: context.last_entry("closed"),
    lambda context: context.moves("due_at"),
    lambda context: context.action_start(),
    lambda context: context.value("action_started_at"),
    lambda context: line("title: filled").judge(context),
    lambda context: line("due_at: not in the past").judge(context),
    lambda context: context.terms.calendar.days_after(date(2025, 6, 3), 3),
    lambda context: line("title: filled").evidence(context),
    lambda context: context.terms.calendar.start_of(date(2025, 6, 3)),
    lambda context: context.terms.calendar.deadline(date(2025, 6, 3), Days(3)),
)


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_a_question_that_many_rules_ask_is_answered_once(question: Callable[[Context], object]) -> None:
    """The second answer is the first one itself."""
    context = seen(change(5, "root_cause", filled("why")), actions=(action(started_at=NOW, started_group=9),))
    assert question(context) is question(context)


HIDDEN, CLOSED_LIST = Value(ValueState.UNREADABLE, reason="hidden"), Value(ValueState.UNREADABLE)
NO_PLACE = Value(ValueState.UNMAPPED, reason="no such field")
VALUES = {"owner": HIDDEN, "grade": CLOSED_LIST, "location": UNMAPPED, "impact": NO_PLACE, "title": filled("x")}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("title",), TITLE_NOT_KNOWN),
        (("owner",), "hidden"),
        (("grade",), "'grade' cannot be read"),
        (("location",), "'location' is not mapped"),
        (("impact",), "'impact' is not mapped: no such field"),
        (("title", "owner", "grade", "owner"), "hidden; 'grade' cannot be read"),
        (("actions",), "no permission"),
        (("action_owners",), "no permission"),
        (("action_started_at",), "no permission"),
    ],
)
def test_each_unknown_value_has_its_reason_once(names: tuple[str, ...], reason: str) -> None:
    """A field says why it cannot be read, a list of actions why it may be incomplete, and neither for another.

    What is known of the actions that were read does not make the list complete.
    """
    for actions in ((), (replace(action(started_at=NOW, started_group=9), owner=filled("bo")),)):
        context = seen(fields={**TICKET.fields, **VALUES}, actions_problem="no permission", actions=actions)
        assert context.unknown(names) == reason


@pytest.mark.parametrize(
    ("parts", "asked", "reason"),
    [
        ({}, {}, TITLE_NOT_KNOWN),
        ({}, {"history": True}, say.HISTORY_UNLISTED),
        ({"history_complete": False}, {}, TITLE_NOT_KNOWN),
        ({"history_complete": False}, {"history": True}, say.HISTORY_INCOMPLETE),
        ({"history_gaps": {"title": "cut"}}, {"history": True}, "cut"),
        ({"history_gaps": {"stage": "renamed"}}, {"history": True}, "renamed"),
        ({"history_gaps": {"stage": "renamed", "title": "cut"}}, {"history": True}, "cut; renamed"),
        ({"history_gaps": {"stage": "renamed"}}, {}, TITLE_NOT_KNOWN),
        ({"history_gaps": {"stage": "renamed"}, "history_complete": False}, {"history": True}, "renamed"),
        ({"undelivered": {"comments": "refused"}}, {}, TITLE_NOT_KNOWN),
        ({"undelivered": {"comments": "refused"}}, {"comments": True}, "refused"),
        ({"undelivered": {"comments": "refused"}}, {"comments": True, "history": True}, "refused"),
        ({}, {"comments": True}, TITLE_NOT_KNOWN),
    ],
)
def test_the_history_and_the_comments_have_reasons_where_a_phrase_reads_them(
    parts: dict[str, Any], asked: dict[str, bool], reason: str
) -> None:
    """What is wrong with a history or with comments that a phrase does not read is none of its reasons."""
    context = seen(fields={**TICKET.fields, "title": filled("x")}, **parts)
    assert context.unknown(("title",), **asked) == reason
