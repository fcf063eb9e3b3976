"""Two tickets of one nonconformity are joined field by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.mapping import BoundMapping, join
from capa_sync.model.disagreement import disagreements
from capa_sync.model.record import CapaRecord, Disagreement, Stage
from capa_sync.model.ticket import RawComment
from capa_sync.model.values import EMPTY, Value, ValueState
from tests.unit.mapping.world import BY_STATUS, T0, bound_to, record, rows, ticket, user

HOUR = timedelta(hours=1)
CAUSE = "No deputy named in AC-03"


@pytest.fixture(name="bound")
def _bound(tmp_path: Path) -> BoundMapping:
    return bound_to(tmp_path)


def other_record(bound: BoundMapping, values: dict[str, Any], history: Any = None, **changes: Any) -> CapaRecord:
    """Map the ticket of the other source."""
    found = record(bound, ticket(values, history, id="s1", key="ISS1", created_at=T0 + HOUR / 2, **changes))
    return replace(found, source="servicenow")


def test_each_field_comes_from_the_first_that_has_it_filled_with_its_history(bound: BoundMapping) -> None:
    """A placeholder of the primary gives way to the duplicate's value, a filled field does not."""
    primary = record(bound, ticket({"c1": "TBD", "c2": "Accounts disabled"}))
    history = [(T0 + HOUR, "acc-roy", {"c1": (None, CAUSE)})]
    other = other_record(bound, {"c1": CAUSE, "c2": "Something else was done"}, history)
    found = join(primary, [other])
    assert (found.fields["root_cause"].data, found.fields["correction"].data) == (CAUSE, "Accounts disabled")
    assert rows(found, "root_cause") == [(None, CAUSE)]
    assert rows(found, "correction") == [(None, "Accounts disabled")]


def test_the_joined_record_is_the_primarys(bound: BoundMapping) -> None:
    """Ticket, stage and status are its own, the duplicate is named."""
    primary = record(bound, ticket({"status": BY_STATUS["In Action"]}))
    found = join(primary, [other_record(bound, {"status": BY_STATUS["Closed"]})])
    assert (found.source, found.ticket_key, found.stage, found.source_status) == (
        "jira",
        "CAPA-1",
        Stage.PLANNED,
        "In Action",
    )
    assert found.also == (("servicenow", "s1", "ISS1"),)
    assert {row.new.data for row in found.timeline if row.field == "stage"} == {"planned"}
    assert found.unread_join == ""


def test_what_both_tickets_hold_and_hold_differently_is_a_disagreement(bound: BoundMapping) -> None:
    """Stage first; case and spaces count as nothing, nor what one ticket alone holds, nor a pointing stage."""
    primary = record(bound, ticket({"status": BY_STATUS["In Action"], "c1": CAUSE, "c2": "Accounts  disabled"}))
    same = other_record(bound, {"status": BY_STATUS["In Action"], "c2": "accounts disabled"})
    assert join(primary, [same]).disagreements == ()
    other = other_record(bound, {"status": BY_STATUS["Closed"], "c1": "Nobody asked", "c2": "Accounts disabled"})
    ours, theirs = ("jira", "CAPA-1"), ("servicenow", "ISS1")
    assert join(primary, [other]).disagreements == (
        Disagreement("stage", "planned", ours, theirs, "closed"),
        Disagreement("root_cause", CAUSE, ours, theirs, "Nobody asked"),
    )
    pointing = replace(other, stage=Stage.DUPLICATE)
    assert [found.field for found in join(primary, [pointing]).disagreements] == ["root_cause"]


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (date(2026, 3, 2), datetime(2026, 3, 2, 23, tzinfo=UTC), False),
        (date(2026, 3, 2), datetime(2026, 3, 3, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC), True),
        (("A.5.18", "AC-03"), ("AC-03", "a.5.18"), False),
        (("A.5.18",), ("A.5.18", "AC-03"), True),
    ],
)
def test_a_day_is_every_instant_of_it_and_a_list_has_no_order(
    bound: BoundMapping, one: Any, other: Any, differ: bool
) -> None:
    """Dates without a time, and lists that two trackers keep in another order, contradict nothing."""
    own = record(bound, ticket({}))
    records = [
        replace(own, fields={**own.fields, "detected_at": Value(ValueState.FILLED, data)}) for data in (one, other)
    ]
    assert bool(disagreements(records)) is differ


def test_the_histories_are_one_history_in_order(bound: BoundMapping) -> None:
    """Group numbers rise with the instants, and edits of one save stay together."""
    primary = record(
        bound, ticket({"c2": "Accounts disabled"}, [(T0 + 2 * HOUR, "acc-lee", {"c2": (None, "Accounts disabled")})])
    )
    history = [
        (T0 + HOUR, "acc-roy", {"c1": (None, CAUSE), "c5": (None, "Name a deputy")}),
        (T0 + 3 * HOUR, "acc-roy", {"c5": ("Name a deputy", "Name two deputies")}),
    ]
    found = join(primary, [other_record(bound, {"c1": CAUSE, "c5": "Name two deputies"}, history)])
    assert [row.group for row in found.timeline] == sorted(row.group for row in found.timeline)
    order = [row.field for row in found.timeline if row.at >= T0 + HOUR]
    assert order == ["root_cause", "actions", "correction", "actions"]
    first, second = (row.group for row in found.timeline if row.at == T0 + HOUR)
    assert first == second
    assert found.actions[0].text_first_group == first


def test_actions_come_from_the_first_that_has_any(bound: BoundMapping) -> None:
    """An emptied action field counts as none."""
    emptied = [
        (T0 + HOUR, "a", {"c5": (None, "Name a deputy")}),
        (T0 + 2 * HOUR, "a", {"c5": ("Name a deputy", None)}),
    ]
    primary = record(bound, ticket({}, emptied))
    found = join(primary, [other_record(bound, {"c5": "Retrain the reviewers"})])
    assert [action.text.data for action in found.actions] == ["Retrain the reviewers"]
    assert [new for _, new in rows(found, "actions")] == ["Retrain the reviewers"]


def test_a_field_that_no_ticket_fills_and_one_cannot_read_is_unknown(bound: BoundMapping) -> None:
    """The duplicate may hold it."""
    hidden = Value(ValueState.UNREADABLE, reason="hidden")
    primary = record(bound, ticket())
    other = other_record(bound, {})
    other = replace(other, fields={**other.fields, "root_cause": hidden})
    assert join(primary, [other]).fields["root_cause"] == hidden


def test_a_field_that_is_unmapped_in_one_ticket_has_the_value_of_the_other(bound: BoundMapping) -> None:
    """Empty in the other ticket is empty."""
    primary = record(bound, ticket())
    primary = replace(primary, fields={**primary.fields, "root_cause": Value(ValueState.UNMAPPED)})
    assert join(primary, [other_record(bound, {})]).fields["root_cause"] == EMPTY


def test_comments_people_and_times_are_those_of_both(bound: BoundMapping) -> None:
    """A reason given on either ticket counts, and the record is as fresh as the older reading."""
    primary = record(
        bound, ticket({"assignee": user("acc-lee")}, comments=(RawComment("1", T0 + 5 * HOUR, "acc-lee"),))
    )
    other = other_record(
        bound, {}, comments=(RawComment("2", T0 + HOUR, "acc-roy"),), attachments=2, history_complete=False
    )
    other = replace(other, as_of=other.as_of - HOUR)
    found = join(primary, [other])
    assert [comment.id for comment in found.comments] == ["2", "1"]
    assert (found.created_at, found.attachments, found.as_of) == (T0, 2, other.as_of)
    assert not found.history_complete
    assert set(found.people_names) == {"lee", "roy"}
    assert found.last_human_at == T0 + 5 * HOUR


def test_while_the_duplicate_is_unread_rules_cannot_tell(bound: BoundMapping) -> None:
    """The primary's own values stay visible."""
    primary = record(bound, ticket({"c1": CAUSE}))
    found = join(primary, [], unread=True)
    assert "could not be read" in found.unread_join
    assert found.fields == primary.fields
    assert join(primary, [other_record(bound, {})], unread=True).unread_join


def test_a_joined_record_is_confidential_as_soon_as_one_of_its_tickets_is(bound: BoundMapping) -> None:
    """Its texts may be those of the confidential ticket, whichever that is; what cannot be read counts as yes."""
    primary, other = record(bound, ticket({})), other_record(bound, {})
    for value, expected in (
        (Value(ValueState.FILLED, "yes", "Yes"), True),
        (Value(ValueState.UNREADABLE, reason="no right"), True),
        (Value(ValueState.FILLED, "no", "No"), False),
    ):
        said_no = replace(primary, fields={**primary.fields, "confidential": Value(ValueState.FILLED, "no", "No")})
        hidden = replace(other, fields={**other.fields, "confidential": value})
        for records in ((said_no, hidden), (hidden, said_no)):
            assert join(records[0], records[1:]).fields["confidential"].is_yes_or_unreadable is expected
