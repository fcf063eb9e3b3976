"""The parts of a replay one by one: present values, steps and gaps, "the first filled of", and timeline rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capa_sync.mapping.history_names import SharedName
from capa_sync.mapping.people import People
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.timeline import (
    NO_STEPS,
    Birth,
    Step,
    TicketHistory,
    add_rows,
    birth_of,
    combine,
    first_filled,
    meets,
    number_groups,
    replay,
)
from capa_sync.model.record import FieldChange
from capa_sync.model.site import Account
from capa_sync.model.ticket import Origin, SourceTicket
from capa_sync.model.values import BLANK, EMPTY, UNMAPPED, Raw, Value, ValueState
from tests.unit.mapping.world import T0, option, raw, ticket

HOUR = timedelta(hours=1)
IDS = {"c1": "c1", "c2": "c2"}


@pytest.fixture(name="people")
def _people() -> PeopleDirectory:
    return PeopleDirectory("jira", People(), [Account("acc-lee", "Lee", True)], [], [])


def text_of(value: Raw, people: PeopleDirectory) -> Value:
    """Convert a raw text to a text value; the absence of a value is not converted."""
    assert isinstance(people, PeopleDirectory)
    assert value is not BLANK
    return Value(ValueState.FILLED, value.text, value.text) if value.text else EMPTY


def filled(text: str) -> Value:
    """Return a filled text."""
    return Value(ValueState.FILLED, text, text)


def history_of(source_ticket: SourceTicket) -> TicketHistory:
    """Return the numbered history of a ticket of two text fields."""
    history = TicketHistory(source_ticket, IDS, {})
    number_groups(history, [])
    return history


def step(group: int, old: Value, new: Value, origin: Origin = Origin.HISTORY) -> Step:
    """Return a step of a text by Lee."""
    return Step(group, T0 + group * HOUR, "acc-lee", f"h{group}", origin, "Cause", old, new)


def test_a_value_that_an_answer_has_is_the_present_one() -> None:
    """Neither the history nor the form of empty fields matters."""
    history = history_of(ticket({"c1": "now"}, [(T0, "acc-lee", {"c1": ("a", None)})]))
    for absent_is_empty in (True, False):
        assert history.raw_now("c1", absent_is_empty=absent_is_empty) == raw("now")


@pytest.mark.parametrize(
    ("changes", "lost", "absent_is_empty", "found"),
    [
        ([], False, True, BLANK),
        ([], False, False, None),
        ([], True, True, None),
        ([("a", "b"), ("b", None)], False, False, BLANK),
        ([("a", "b"), ("b", None)], True, False, BLANK),
        ([("a", None), (None, "b")], False, True, None),
    ],
)
def test_an_absent_value_is_empty_only_if_something_says_so(
    changes: list[tuple[str | None, str | None]], lost: bool, absent_is_empty: bool, found: Raw | None
) -> None:
    """The last change emptied it; or the tracker omits empty fields, had no value before, and none in its history."""
    entries = [(T0 + hours * HOUR, "acc-lee", {"c1": pair}) for hours, pair in enumerate(changes)]
    history = history_of(ticket({}, entries, lost=frozenset({"c1"} if lost else ())))
    assert history.raw_now("c1", absent_is_empty=absent_is_empty) == found


def test_changes_are_kept_by_field_and_only_for_fields_of_the_mapping() -> None:
    """A field name in the history means the one field with this name; several of them make it ambiguous."""
    entries = [
        (T0, "acc-lee", {"c1": (None, "a")}),
        (T0 + HOUR, "acc-lee", {"name:Cause": ("a", "b"), "other": ("x", "y")}),
        (T0 + 2 * HOUR, "acc-lee", {"name:Site": ("a", "b"), "name:Nobody": ("a", "b")}),
    ]
    shared = SharedName("Site", ("c2", "c3"))
    ids = {"c1": "c1", "name:cause": "c1", "name:site": "c2"}
    history = TicketHistory(ticket({}, entries), ids, {"name:site": shared})
    assert {name: [change.new.text for change in found] for name, found in history.changes.items()} == {
        "c1": ["a", "b"]
    }
    assert [change.new.text for change in history.changes_of("c1")] == ["a", "b"]
    assert history.changes_of("c2") == ()
    assert history.ambiguous == {"c2": shared.reason, "c3": shared.reason}


def test_links_are_found_by_their_name_whatever_its_case() -> None:
    """Jira's history calls them `Link`."""
    entries = [(T0, "acc-lee", {"name: LINK": (None, "a"), "name:Linked": (None, "b"), "c1": (None, "c")})]
    assert [change.new.text for change in TicketHistory(ticket({}, entries), IDS, {}).link_changes] == ["a"]


@pytest.mark.parametrize(("updated", "end"), [(5, 5), (1, 3), (3, 3)])
def test_the_end_of_a_ticket_is_its_latest_instant(updated: int, end: int) -> None:
    """Its last change or its last update, whichever is later; without changes, not before its creation."""
    entries = [(T0 + 3 * HOUR, "acc-lee", {"c1": (None, "a")})]
    assert history_of(ticket({}, entries, updated_at=T0 + updated * HOUR)).end_at() == T0 + end * HOUR
    assert history_of(ticket({}, [], updated_at=T0 - HOUR)).end_at() == T0
    assert history_of(ticket({}, [], updated_at=T0 + HOUR)).end_at() == T0 + HOUR


def test_saves_are_numbered_from_one_and_the_present_comes_after_them() -> None:
    """Changes of one save share a number; the creation has none of its own."""
    entries = [(T0, "acc-lee", {"c1": (None, "a"), "c2": (None, "b")}), (T0, "acc-lee", {"c1": ("a", "b")})]
    history = history_of(ticket({}, entries))
    assert (history.birth_group, history.groups, history.end_group) == (0, {0: 1, 1: 2}, 3)
    assert birth_of(history) == Birth(0, T0, "acc-lee")
    assert history_of(ticket()).end_group == 1


def test_children_are_born_among_the_saves_of_the_record() -> None:
    """By instant; at one instant the record's save comes first, and a child's birth before its own saves."""
    parent = TicketHistory(
        ticket({}, [(T0 + HOUR, "a", {"c1": (None, "a")}), (T0 + 4 * HOUR, "a", {"c1": ("a", "b")})]), IDS, {}
    )
    entries = [(T0 + HOUR, "a", {"c1": (None, "a"), "c2": (None, "b")}), (T0 + 3 * HOUR, "a", {"c1": ("a", "b")})]
    child = TicketHistory(ticket({}, entries, created_at=T0 + HOUR), IDS, {})
    number_groups(parent, [child])
    assert (parent.birth_group, parent.groups, parent.end_group) == (0, {0: 1, 1: 5}, 6)
    assert (child.birth_group, child.groups, child.end_group) == (2, {0: 3, 1: 4}, 6)


def test_a_field_without_changes_has_its_present_value_from_creation_on(people: PeopleDirectory) -> None:
    """Nothing is converted and no step is made."""
    now = filled("a")
    birth, steps = replay(history_of(ticket({"c1": "a"})), "c1", text_of, now, people)
    assert birth is now
    assert steps is NO_STEPS


def test_each_change_is_a_step_with_its_author_entry_and_label(people: PeopleDirectory) -> None:
    """The value at creation is the old one of the first change."""
    entries = [(T0 + HOUR, "acc-lee", {"c1": ("a", "b")}), (T0 + 2 * HOUR, "acc-roy", {"c1": ("b", None)})]
    history = history_of(ticket({"c1": None}, entries))
    birth, steps = replay(history, "c1", text_of, EMPTY, people)
    label = history.changes["c1"][0].field_name
    assert birth == filled("a")
    assert steps == [
        Step(1, T0 + HOUR, "acc-lee", "h0", Origin.HISTORY, label, filled("a"), filled("b")),
        Step(2, T0 + 2 * HOUR, "acc-roy", "h1", Origin.HISTORY, label, filled("b"), EMPTY),
    ]


def test_changes_that_do_not_meet_are_joined_by_an_observed_step(people: PeopleDirectory) -> None:
    """In the group and at the instant of the change that shows the gap, by nobody, without an entry."""
    entries = [(T0 + HOUR, "acc-lee", {"c1": (None, "a")}), (T0 + 2 * HOUR, "acc-lee", {"c1": ("b", "c")})]
    history = history_of(ticket({"c1": "d"}, entries, updated_at=T0 + 9 * HOUR))
    birth, steps = replay(history, "c1", text_of, filled("d"), people)
    label = history.changes["c1"][0].field_name
    assert birth == EMPTY
    assert steps[1] == Step(2, T0 + 2 * HOUR, "", "", Origin.OBSERVED, label, filled("a"), filled("b"))
    assert steps[3] == Step(3, T0 + 9 * HOUR, "", "", Origin.OBSERVED, label, filled("c"), filled("d"))
    assert [found.old for found in steps[1:]] == [found.new for found in steps[:-1]]


def test_values_that_differ_only_in_markup_meet_without_a_step(people: PeopleDirectory) -> None:
    """Between two changes the value before stays; at the end the present form is the last one."""
    entries = [
        (T0 + HOUR, "acc-lee", {"c1": (None, "*No* one.")}),
        (T0 + 2 * HOUR, "acc-lee", {"c1": ("No one", "b!")}),
    ]
    _, steps = replay(history_of(ticket({"c1": "B"}, entries)), "c1", text_of, filled("B"), people)
    assert [(found.old.data, found.new.data) for found in steps] == [(None, "*No* one."), ("*No* one.", "B")]


def test_one_change_is_enough_to_meet_the_present_value_or_not(people: PeopleDirectory) -> None:
    """It takes the present form of its value, or is followed by an observed step under its label."""
    met = history_of(ticket({"c1": "No one"}, [(T0 + HOUR, "acc-lee", {"c1": (None, "*No* one.")})]))
    assert [found.new.data for found in replay(met, "c1", text_of, filled("No one"), people)[1]] == ["No one"]
    other = history_of(ticket({"c1": "b"}, [(T0 + HOUR, "acc-lee", {"c1": (None, "a")})]))
    steps = replay(other, "c1", text_of, filled("b"), people)[1]
    assert [found.label for found in steps] == [other.changes["c1"][0].field_name] * 2


def test_a_present_value_that_cannot_be_read_adds_no_step(people: PeopleDirectory) -> None:
    """The history ends with its last known value."""
    hidden = Value(ValueState.UNREADABLE, reason="no right")
    history = history_of(ticket({}, [(T0 + HOUR, "acc-lee", {"c1": (None, "a")})]))
    _, steps = replay(history, "c1", text_of, hidden, people)
    assert [found.new for found in steps] == [filled("a")]


def test_a_reference_with_the_same_id_meets_whatever_name_the_history_has(people: PeopleDirectory) -> None:
    """The present name becomes the last value of the history; another id is another value."""
    entries = [
        (T0 + HOUR, "acc-lee", {"c1": (None, Raw(("7",), (), "7"))}),
        (T0 + 2 * HOUR, "acc-lee", {"c1": (option("7", "Leeds"), Raw(("8",), (), "8"))}),
    ]
    same = history_of(ticket({"c1": option("8", "York")}, entries))
    _, steps = replay(same, "c1", text_of, filled("York"), people)
    assert [(found.old.data, found.new.data) for found in steps] == [(None, "7"), ("7", "York")]
    other = history_of(ticket({"c1": option("9", "York")}, entries))
    assert len(replay(other, "c1", text_of, filled("York"), people)[1]) == 3


def test_texts_without_ids_meet_if_text_and_media_are_equal(people: PeopleDirectory) -> None:
    """A picture and an empty text differ."""
    image, note = Raw(text="", media_only=True), Raw(text="note")
    entries = [
        (T0 + HOUR, "acc-lee", {"c1": (None, note)}),
        (T0 + 2 * HOUR, "acc-lee", {"c1": (Raw(text="note"), image)}),
    ]

    def shown(value: Raw, _: PeopleDirectory) -> Value:
        return Value(ValueState.FILLED, "image", "") if value.media_only else text_of(value, _)

    history = history_of(ticket({"c1": image}, entries))
    steps = replay(history, "c1", shown, Value(ValueState.FILLED, "picture", ""), people)[1]
    assert [found.new.data for found in steps] == ["note", "picture"]
    emptied = history_of(ticket({}, entries))
    assert len(replay(emptied, "c1", shown, EMPTY, people)[1]) == 3


@pytest.mark.parametrize(
    ("first", "second", "is_met"),
    [
        (filled("a b"), filled("*A* b."), True),
        (filled("a"), filled("b"), False),
        (filled("?"), filled("!"), False),
        (filled("?"), filled("?"), True),
        (Value(ValueState.FILLED, 1.0, "1"), Value(ValueState.FILLED, 1.0, "one"), True),
        (Value(ValueState.FILLED, 1.0, "1"), Value(ValueState.FILLED, 2.0, "1"), False),
        (Value(ValueState.FILLED, "a", "a"), Value(ValueState.FILLED, None, "a"), False),
        (Value(ValueState.FILLED, None, "a"), Value(ValueState.FILLED, "a", "a"), False),
        (Value(ValueState.PLACEHOLDER, text="TBD"), Value(ValueState.PLACEHOLDER, text="*tbd*"), True),
        (Value(ValueState.PLACEHOLDER, text="TBD"), Value(ValueState.PLACEHOLDER, text="n/a"), False),
        (Value(ValueState.ERROR, text="x"), Value(ValueState.PLACEHOLDER, text="x"), False),
        (EMPTY, EMPTY, True),
    ],
)
def test_values_meet_if_they_differ_at_most_in_markup(first: Value, second: Value, is_met: bool) -> None:
    """Case and punctuation are markup; what has no letter or digit is compared as it is."""
    assert meets(first, second) is is_met
    assert meets(second, first) is is_met


def test_the_first_filled_value_counts_else_the_one_that_says_most() -> None:
    """An error or an unreadable value may hide a filled one; a placeholder says more than nothing."""
    ranked = [
        filled("a"),
        Value(ValueState.ERROR),
        Value(ValueState.UNREADABLE),
        Value(ValueState.PLACEHOLDER),
        EMPTY,
        UNMAPPED,
    ]
    for index, value in enumerate(ranked):
        assert first_filled([*ranked[:index:-1], value]) is value
    assert first_filled([filled("a"), filled("b")]).data == "a"


def test_the_first_filled_of_several_places_changes_only_when_the_choice_does() -> None:
    """A change of a place that another one stands before is no step; each step keeps its group, author and entry."""
    a, b, c = map(filled, "abc")
    first = (EMPTY, [step(2, EMPTY, a), step(4, a, EMPTY)])
    second = (b, [step(1, b, c), step(3, c, b)])
    birth, steps = combine([first, second])
    assert birth is b
    assert steps == [step(1, b, c), step(2, c, a), step(4, a, b)]
    assert combine([(EMPTY, []), (b, [])]) == (b, NO_STEPS)
    assert combine([(EMPTY, []), (b, [])])[1] is NO_STEPS


def test_places_that_change_in_one_save_are_taken_in_their_order() -> None:
    """The first place decides first."""
    a, b = filled("a"), filled("b")
    _, steps = combine([(EMPTY, [step(1, EMPTY, a)]), (EMPTY, [step(1, EMPTY, b)])])
    assert [found.new for found in steps] == [a]


def test_steps_of_one_save_in_one_place_keep_their_order() -> None:
    """A gap and the change that shows it belong to one save."""
    a, b = filled("a"), filled("b")
    steps = [step(1, EMPTY, a), step(1, a, b)._replace(by="")]
    assert combine([(EMPTY, steps)]) == (EMPTY, steps)


def rows_of(people: PeopleDirectory, value: Value, steps: list[Step], by: str = "acc-lee") -> list[FieldChange]:
    """Return the rows of a value at creation and its steps."""
    rows: list[FieldChange] = []
    add_rows(rows, "root_cause", Birth(0, T0, by), value, steps, people, "Cause", "A1")
    return rows


def test_rows_carry_who_when_where_and_which_action(people: PeopleDirectory) -> None:
    """The birth is by the creator and has no entry; a step has its own label."""
    a, b = filled("a"), filled("b")
    person = people.author("acc-lee")[0]
    other = step(3, a, b)._replace(label="Root cause")
    assert rows_of(people, a, [other]) == [
        FieldChange(T0, 0, "root_cause", EMPTY, a, person, True, Origin.BIRTH, "", "Cause", "A1"),
        FieldChange(T0 + 3 * HOUR, 3, "root_cause", a, b, person, True, Origin.HISTORY, "h3", "Root cause", "A1"),
    ]


@pytest.mark.parametrize("state", [ValueState.EMPTY, ValueState.UNMAPPED, ValueState.UNREADABLE])
def test_a_value_that_was_not_there_at_creation_has_no_birth_row(people: PeopleDirectory, state: ValueState) -> None:
    """A placeholder or an error was there."""
    assert rows_of(people, Value(state), []) == []
    assert len(rows_of(people, Value(ValueState.PLACEHOLDER, text="TBD"), [])) == 1


def test_an_unknown_author_is_a_person_and_an_observed_change_has_none(people: PeopleDirectory) -> None:
    """The tracker hides or lost an author; what only we observed may have been anybody or nobody."""
    a, b = filled("a"), filled("b")
    steps = [step(1, a, b)._replace(by=""), step(2, b, a, Origin.OBSERVED)._replace(by="")]
    rows = rows_of(people, a, steps, by="")
    assert [(row.by, row.human) for row in rows] == [(None, True), (None, True), (None, False)]


def test_a_step_that_changes_nothing_is_no_row(people: PeopleDirectory) -> None:
    """Equal data is equal, whatever its text; without data the text decides."""
    one, same = Value(ValueState.FILLED, 1.0, "1"), Value(ValueState.FILLED, 1.0, "1.0")
    tbd, later = Value(ValueState.PLACEHOLDER, text="TBD"), Value(ValueState.PLACEHOLDER, text="n/a")
    for old, new, count in ((one, same, 0), (tbd, tbd, 0), (tbd, later, 1), (EMPTY, tbd, 1), (one, filled("1"), 1)):
        assert len(rows_of(people, EMPTY, [step(1, old, new)])) == count
