"""The canonical history: births, order, emptied and refilled fields, gaps, and replay as a property."""

from __future__ import annotations

import pickle
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capa_sync.mapping import BoundMapping, bind, load_mapping
from capa_sync.mapping.timeline import TicketHistory, meets, number_groups
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import ChildRef, Origin, RawChange, RawComment
from capa_sync.model.values import BLANK, Raw, Value, ValueState
from tests.unit.mapping.world import (
    BY_STATUS,
    MAJOR,
    MAPPING,
    MINOR,
    PEOPLE,
    T0,
    bound_to,
    record,
    replayed,
    rows,
    site,
    ticket,
    user,
)

HOUR = timedelta(hours=1)
CAUSE = "No deputy named in AC-03"


@pytest.fixture(name="bound")
def _bound(tmp_path: Path) -> BoundMapping:
    return bound_to(tmp_path)


def test_a_value_given_at_creation_has_a_birth_row(bound: BoundMapping) -> None:
    """The row is there from the start, by the creator, in the lowest group."""
    found = record(bound, ticket({"c1": CAUSE}))
    birth = next(row for row in found.timeline if row.field == "root_cause")
    assert (birth.origin, birth.at, birth.group, birth.by, birth.old.state) == (
        Origin.BIRTH,
        T0,
        0,
        "lee",
        ValueState.EMPTY,
    )
    assert birth.tracker_field == "Root cause"


def test_the_value_at_birth_is_the_old_one_of_the_first_change(bound: BoundMapping) -> None:
    """It is not the present value of the field."""
    found = record(bound, ticket({"c3": MAJOR}, [(T0 + HOUR, "acc-roy", {"c3": (MINOR, MAJOR)})]))
    assert rows(found, "grade") == [(None, "minor"), ("minor", "major")]


def test_a_field_empty_at_birth_has_no_birth_row(bound: BoundMapping) -> None:
    """The field had no value at birth."""
    found = record(bound, ticket({"c1": CAUSE}, [(T0 + HOUR, "acc-roy", {"c1": (None, CAUSE)})]))
    assert rows(found, "root_cause") == [(None, CAUSE)]


def test_an_emptied_and_refilled_field_shows_both(bound: BoundMapping) -> None:
    """The first filling stays in the history."""
    history = [
        (T0 + HOUR, "acc-lee", {"c1": (None, CAUSE)}),
        (T0 + 2 * HOUR, "acc-lee", {"c1": (CAUSE, None)}),
        (T0 + 3 * HOUR, "acc-lee", {"c1": (None, "Owner left")}),
    ]
    found = record(bound, ticket({"c1": "Owner left"}, history))
    assert rows(found, "root_cause") == [(None, CAUSE), (CAUSE, None), (None, "Owner left")]


def test_changes_saved_together_share_a_group(bound: BoundMapping) -> None:
    """Order phrases treat them as simultaneous."""
    history = [(T0 + HOUR, "acc-lee", {"c1": (None, CAUSE), "c2": (None, "Accounts disabled")})]
    found = record(bound, ticket({"c1": CAUSE, "c2": "Accounts disabled"}, history))
    groups = {row.field: row.group for row in found.timeline if row.at > T0}
    assert groups == {"root_cause": 1, "correction": 1}


def test_history_goes_through_the_same_options_as_the_present(bound: BoundMapping) -> None:
    """An unlisted past option is an error there and does not affect the present value."""
    odd = Raw(("-100",), (), "-100")
    found = record(bound, ticket({"c3": MINOR}, [(T0 + HOUR, "acc-lee", {"c3": (odd, MINOR)})]))
    first = next(row for row in found.timeline if row.field == "grade")
    assert (first.new.state, found.fields["grade"].data) == (ValueState.ERROR, "minor")


def test_whitespace_alone_is_no_change(bound: BoundMapping) -> None:
    """A space warns nobody."""
    history = [(T0 + HOUR, "acc-lee", {"c1": (CAUSE, f"{CAUSE} \r\n")})]
    assert rows(record(bound, ticket({"c1": f"{CAUSE}\n"}, history)), "root_cause") == [(None, CAUSE)]


def test_markup_that_differs_only_in_the_history_is_no_change(bound: BoundMapping) -> None:
    """Jira's history holds wiki text where the field holds a document."""
    history = [(T0 + HOUR, "acc-lee", {"c1": (None, "*No deputy* named in AC-03.")})]
    found = record(bound, ticket({"c1": CAUSE}, history))
    assert rows(found, "root_cause") == [(None, CAUSE)]


def test_a_reference_whose_history_lacks_the_name_equals_its_present_value(bound: BoundMapping) -> None:
    """The id is the same, so nothing changed."""
    history = [(T0 + HOUR, "acc-lee", {"c4": (None, Raw(("loc1",), (), ""))})]
    found = record(bound, ticket({"c4": Raw(("loc1",), ("Leeds",), "Leeds")}, history))
    assert [new for _, new in rows(found, "location")][-1] == "Leeds"
    assert all(row.origin is not Origin.OBSERVED for row in found.timeline)


def test_a_present_value_that_the_history_lacks_is_observed(bound: BoundMapping) -> None:
    """The change has the tracker's last update time, no author and is not human: deterministic and honest."""
    late = T0 + 9 * HOUR
    history = [(T0 + HOUR, "acc-lee", {"duedate": (None, "2025-06-30")})]
    found = record(bound, ticket({"duedate": "2025-07-31"}, history, updated_at=late))
    gap = [row for row in found.timeline if row.field == "due_at"][-1]
    assert (gap.old.data, gap.new.data) == (date(2025, 6, 30), date(2025, 7, 31))
    assert (gap.origin, gap.at, gap.by, gap.human) == (Origin.OBSERVED, late, None, False)


def test_a_gap_in_the_middle_is_an_observed_step_too(bound: BoundMapping) -> None:
    """It stands at the latest instant at which it can have happened, in the group of the change that shows it."""
    history = [
        (T0 + HOUR, "acc-lee", {"c2": (None, "Accounts disabled")}),
        (T0 + 3 * HOUR, "acc-lee", {"c2": ("Password reset", "Both done now")}),
    ]
    found = record(bound, ticket({"c2": "Both done now"}, history))
    steps = [
        (row.old.data, row.new.data, row.origin, row.group) for row in found.timeline if row.field == "correction"
    ]
    assert steps == [
        (None, "Accounts disabled", Origin.HISTORY, 1),
        ("Accounts disabled", "Password reset", Origin.OBSERVED, 2),
        ("Password reset", "Both done now", Origin.HISTORY, 2),
    ]


def test_an_absent_key_is_empty_where_the_tracker_leaves_empty_fields_out(bound: BoundMapping) -> None:
    """Jira Data Center leaves empty fields out."""
    assert record(bound, ticket()).fields["root_cause"].state is ValueState.EMPTY


def test_an_absent_key_is_unreadable_where_the_tracker_always_delivers_every_key(tmp_path: Path) -> None:
    """ServiceNow leaves out what an access rule hides."""
    found = record(bound_to(tmp_path, absent_is_empty=False), ticket({"c2": None}))
    assert found.fields["root_cause"].state is ValueState.UNREADABLE
    assert "'Root cause' is missing" in found.fields["root_cause"].reason
    assert found.fields["correction"].state is ValueState.EMPTY


def test_a_field_that_an_earlier_answer_held_is_unreadable_not_empty(bound: BoundMapping) -> None:
    """A field that a later answer lacks was not emptied, unless the history says so."""
    assert record(bound, ticket(lost=frozenset({"c1"}))).fields["root_cause"].state is ValueState.UNREADABLE
    history = [(T0 + HOUR, "acc-lee", {"c1": (CAUSE, None)})]
    emptied = record(bound, ticket({}, history, lost=frozenset({"c1"})))
    assert emptied.fields["root_cause"].state is ValueState.EMPTY


def test_a_field_that_the_history_filled_and_the_answer_lacks_is_unreadable(bound: BoundMapping) -> None:
    """The field is hidden from us now; the history keeps its values."""
    found = record(bound, ticket({}, [(T0 + HOUR, "acc-lee", {"c1": (None, CAUSE)})]))
    assert found.fields["root_cause"].state is ValueState.UNREADABLE
    assert rows(found, "root_cause") == [(None, CAUSE)]


def test_the_first_filled_of_several_places_counts_over_time(bound: BoundMapping) -> None:
    """The constant counts only while the field is empty."""
    history = [
        (T0 + HOUR, "acc-lee", {"c4": (None, "Leeds")}),
        (T0 + 2 * HOUR, "acc-lee", {"c4": ("Leeds", None)}),
    ]
    found = record(bound, ticket({}, history))
    assert rows(found, "location") == [
        (None, "London office"),
        ("London office", "Leeds"),
        ("Leeds", "London office"),
    ]


def test_our_own_and_ignored_accounts_are_not_human(bound: BoundMapping) -> None:
    """Neither their changes nor their comments count, and the last human touch ignores them."""
    history = [
        (T0 + HOUR, "acc-roy", {"c1": (None, CAUSE)}),
        (T0 + 2 * HOUR, "acc-bot", {"c2": (None, "Ticket updated by rule")}),
        (T0 + 3 * HOUR, "acc-us", {"labels": (None, "capa-warning")}),
    ]
    comments = (
        RawComment("1", T0 + 4 * HOUR, "acc-us"),
        RawComment("2", T0 + 5 * HOUR, "acc-bot"),
        RawComment("3", T0 + HOUR / 2, "acc-lee"),
    )
    found = record(bound, ticket({"c1": CAUSE, "c2": "Ticket updated by rule"}, history, comments=comments))
    assert [(row.by, row.human) for row in found.timeline if row.at > T0] == [("roy", True), (None, False)]
    assert [comment.human for comment in found.comments] == [False, False, True]
    assert found.last_human_at == T0 + HOUR


def test_a_human_edit_of_any_field_is_a_human_touch(bound: BoundMapping) -> None:
    """Fields that no mapping names count too, and an edited comment counts at its edit."""
    touched = ticket({}, [(T0 + HOUR, "acc-roy", {"environment": (None, "x")})])
    assert record(bound, touched).last_human_at == T0 + HOUR
    edited = ticket(comments=(RawComment("1", T0, "acc-roy", updated_at=T0 + 7 * HOUR),))
    assert record(bound, edited).last_human_at == T0 + 7 * HOUR


def test_without_a_whole_history_any_update_may_be_human(bound: BoundMapping) -> None:
    """Settling waits for it."""
    unread = ticket(history_complete=False, updated_at=T0 + 5 * HOUR)
    assert record(bound, unread).last_human_at == T0 + 5 * HOUR


def test_a_vanished_author_is_a_person_without_a_name(bound: BoundMapping) -> None:
    """Accounts get deleted; their edits were still made by a person."""
    found = record(bound, ticket({"c1": CAUSE}, [(T0 + HOUR, "", {"c1": (None, CAUSE)})], created_by=""))
    assert [(row.by, row.human) for row in found.timeline if row.field == "root_cause"] == [(None, True)]
    assert next(row for row in found.timeline if row.origin is Origin.BIRTH).by is None


def test_people_met_are_listed_with_name_and_activity(bound: BoundMapping) -> None:
    """Owners, authors and creators are listed once each."""
    found = record(bound, ticket({"assignee": user("acc-new", "Kim Ito")}, [(T0, "acc-roy", {"c2": (None, "Done")})]))
    assert found.people_active == {"lee": True, "roy": False, "jira:acc-new": False}
    assert found.people_names["jira:acc-new"] == "Kim Ito"


def test_links_of_a_type_fill_a_list_with_their_history(bound: BoundMapping) -> None:
    """Jira keeps links apart from fields; the sentence in the history names type and key."""

    def linked(order: int, old: Raw, new: Raw) -> RawChange:
        return RawChange(f"h{order}", T0 + order * HOUR, order, "issuelinks", "Link", old, new, "acc-lee")

    def link_to(key: str) -> Raw:
        return Raw((key,), (f"This issue duplicates {key}",), f"This issue duplicates {key}")

    other = Raw(("CAPA-3",), (), "This issue relates to CAPA-3")
    changes = (linked(1, BLANK, link_to("CAPA-9")), linked(2, BLANK, other), linked(3, link_to("CAPA-9"), BLANK))
    refs = (ChildRef("7", "CAPA-7", "link", "duplicates"), ChildRef("3", "CAPA-3", "link", "relates to"))
    found = record(bound, ticket(changes=changes, children=refs))
    assert found.fields["duplicate_of"].data == ("CAPA-7",)
    assert rows(found, "duplicate_of") == [
        (None, ("CAPA-7",)),
        (("CAPA-7",), ("CAPA-7", "CAPA-9")),
        (("CAPA-7", "CAPA-9"), ("CAPA-7",)),
    ]


def test_the_duplicate_named_by_same_as_is_reported(bound: BoundMapping) -> None:
    """The field holds the key of the duplicate."""
    assert record(bound, ticket({"c9": " ISS0001 "})).same_as_key == "ISS0001"


def test_values_of_different_states_or_words_are_not_equal() -> None:
    """Only markup, case and punctuation are ignored, and only in texts."""
    filled = Value(ValueState.FILLED, "a b", "a b")
    assert meets(filled, Value(ValueState.FILLED, "*A* b.", ""))
    assert not meets(filled, Value(ValueState.FILLED, "a c", ""))
    assert not meets(filled, Value(ValueState.PLACEHOLDER, None, "a b"))
    assert not meets(Value(ValueState.FILLED, "?!", ""), Value(ValueState.FILLED, "!?", ""))


# --- properties ---------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(
    [None, CAUSE, "Owner left, nobody took over", "TBD", "  ", "Why 1: Why 2:", "*No deputy* named in AC-03"]
)
OPTIONS = st.sampled_from([None, MAJOR, MINOR, Raw(("-100",), (), "-100")])
DAYS = st.sampled_from([None, "2025-06-30", "2025-07-31", "soon"])
USERS = st.sampled_from([None, user("acc-lee"), user("acc-bot"), user("acc-new")])
STATES = st.sampled_from(
    [BY_STATUS[name] for name in ("Open", "In Action", "Closed", "Waiting", "Review", "Strange")]
)
FIELDS: dict[str, Any] = {
    "c1": TEXTS,
    "c2": TEXTS,
    "c3": OPTIONS,
    "c4": TEXTS,
    "c5": TEXTS,
    "duedate": DAYS,
    "assignee": USERS,
}


@st.composite
def lives(draw: st.DrawFn) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Draw a ticket's present values and the history that leads there, with equal and decreasing instants."""
    present: dict[str, Any] = {key: draw(values) for key, values in FIELDS.items()} | {"status": draw(STATES)}
    history = []
    for _ in range(draw(st.integers(0, 8))):
        keys = draw(st.sets(st.sampled_from([*FIELDS, "status"]), min_size=1, max_size=3))
        new = {key: draw(STATES if key == "status" else FIELDS[key]) for key in sorted(keys)}
        at = T0 + draw(st.integers(0, 4)) * HOUR
        history.append(
            (at, draw(st.sampled_from(["acc-lee", "acc-bot", ""])), {k: (present[k], v) for k, v in new.items()})
        )
        present |= new
    present["status"] = BY_STATUS["Closed"]
    return present, history


@pytest.fixture(scope="module", name="shared")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> BoundMapping:
    folder = tmp_path_factory.mktemp("mapping")
    (folder / "people.yaml").write_text(PEOPLE)
    (folder / "map.yaml").write_text(MAPPING)
    return bind(load_mapping(folder / "map.yaml"), site())


_JUDGED = ("root_cause", "correction", "grade", "location", "due_at", "owner")
_PROPERTY = settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@_PROPERTY
@given(life=lives())
def test_replaying_the_timeline_from_the_births_gives_the_present(shared: BoundMapping, life: Any) -> None:
    """The replay gives each field and the stage, whatever the history holds."""
    found = record(shared, ticket(*life))
    for name in _JUDGED:
        now = found.fields[name]
        if now.state is not ValueState.UNREADABLE:
            assert _key(replayed(found, name)) == _key(now)
    assert replayed(found, "stage").data == found.stage.value
    assert replayed(found, "source_status").data == found.source_status


def _key(value: Value) -> tuple[Any, ...]:
    return (value.state, value.data, "" if value.is_filled or value.state is ValueState.EMPTY else value.text)


@_PROPERTY
@given(life=lives())
def test_each_row_begins_where_the_last_one_of_its_field_ended(shared: BoundMapping, life: Any) -> None:
    """No gap is left without a row, and group numbers only rise."""
    found = record(shared, ticket(*life))
    assert [row.group for row in found.timeline] == sorted(row.group for row in found.timeline)
    for name in (*_JUDGED, "stage", "source_status"):
        value = Value(ValueState.EMPTY)
        for row in (change for change in found.timeline if change.field == name):
            assert row.old.is_filled == value.is_filled
            assert not row.old.is_filled or row.old.data == value.data
            value = row.new


@_PROPERTY
@given(life=lives())
def test_mapping_is_a_function_of_the_ticket(shared: BoundMapping, life: Any) -> None:
    """The same ticket gives the same record twice."""
    found: CapaRecord = record(shared, ticket(*life))
    assert found == record(shared, ticket(*life))


@_PROPERTY
@given(life=lives())
def test_a_record_can_be_sent_to_another_process(shared: BoundMapping, life: Any) -> None:
    """The record is a plain value, without anything of the mapping that made it."""
    found: CapaRecord = record(shared, ticket(*life))
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own


def test_a_childs_own_order_is_kept_where_its_instants_run_backwards() -> None:
    """Its second edit has an earlier instant than its first: it still stands after it and all between them."""
    edits = [(T0 + 5 * HOUR, "acc-lee", {"c1": (None, "a")}), (T0 + HOUR, "acc-lee", {"c1": ("a", "b")})]
    record_edit = [(T0 + 3 * HOUR, "acc-roy", {"c1": (None, CAUSE)})]
    parent = TicketHistory(ticket({"c1": CAUSE}, record_edit), {"c1": "c1"}, frozenset())
    child = TicketHistory(ticket({"c1": "b"}, edits, id="2", key="CAPA-2"), {"c1": "c1"}, frozenset())
    number_groups(parent, [child])
    assert child.birth_group < parent.groups[0] < child.groups[0] < child.groups[1]
    assert parent.end_group == child.end_group > child.groups[1]


def test_groups_of_equal_instants_follow_the_order_of_the_tickets() -> None:
    """The record comes first, then its children in the given order, so that two runs number alike."""
    at_once = [(T0 + HOUR, "acc-lee", {"c1": (None, "a")})]
    histories = [
        TicketHistory(ticket({"c1": "a"}, at_once, id=str(number)), {"c1": "c1"}, frozenset()) for number in (1, 2, 3)
    ]
    number_groups(histories[0], histories[1:])
    assert [history.groups[0] for history in histories] == sorted(history.groups[0] for history in histories)
