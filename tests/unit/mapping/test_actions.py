"""Actions from the record's field, from sub-tasks, links and child tickets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.mapping import BoundMapping
from capa_sync.model.record import Action, ActionKind, ActionOrigin, CapaRecord
from capa_sync.model.site import FieldDef
from capa_sync.model.ticket import ChildRef, SourceTicket
from capa_sync.model.values import BLANK, Raw, ValueState
from tests.unit.mapping.world import BY_STATUS, MAPPING, T0, bound_to, option, raw, record, rows, site, ticket, user

HOUR = timedelta(hours=1)
OPEN, ACTION, DOING = BY_STATUS["Open"], BY_STATUS["In Action"], BY_STATUS["Doing"]
IMPLEMENTED, CLOSED, DONE = BY_STATUS["Implemented"], BY_STATUS["Closed"], BY_STATUS["Done"]


@pytest.fixture(name="bound")
def _bound(tmp_path: Path) -> BoundMapping:
    return bound_to(tmp_path)


def only(found: CapaRecord) -> Action:
    """Return the record's one action."""
    assert len(found.actions) == 1, found.actions
    return found.actions[0]


def child(
    id_: str = "2", values: Mapping[str, Any] | None = None, history: Any = None, **changes: Any
) -> SourceTicket:
    """Build a sub-task."""
    attributes = {
        "id": id_,
        "key": f"CAPA-{id_}",
        "kind": "Action",
        "parent": "1",
        "created_at": T0 + HOUR,
        **changes,
    }
    return ticket({"summary": "Name a deputy in AC-03", **(values or {})}, history, **attributes)


def parent(*refs: ChildRef, **values: Any) -> SourceTicket:
    """Build a record that names children."""
    return ticket(values, children=refs)


SUB = ChildRef("2", "CAPA-2", "subtask", "Action")


def test_a_filled_field_is_an_action_that_inherits_owner_and_date(bound: BoundMapping) -> None:
    """The action starts with its first text and is open until the record is implemented."""
    history = [(T0 + HOUR, "acc-lee", {"c5": (None, "Name a deputy")})]
    found = record(
        bound, ticket({"c5": "Name a deputy", "assignee": user("acc-lee"), "duedate": "2025-06-30"}, history)
    )
    action = only(found)
    assert (action.id, action.key, action.kind) == ("field:corrective_action", "CAPA-1", ActionKind.CORRECTIVE)
    assert (action.owner.data, action.due_at.data) == ("lee", date(2025, 6, 30))
    assert (action.text_first_at, action.text_first_group, action.started_at) == (T0 + HOUR, 1, T0 + HOUR)
    assert action.done_at is None
    assert action.evidence.state is ValueState.UNMAPPED
    assert [(row.old.data, row.new.data, row.action_id) for row in found.timeline if row.field == "actions"] == [
        (None, "Name a deputy", "field:corrective_action")
    ]


@pytest.mark.parametrize("text", [None, "TBD", "n/a"])
def test_an_empty_field_or_a_placeholder_is_no_action(bound: BoundMapping, text: str | None) -> None:
    """The mapping says where actions stand, and there are none."""
    found = record(bound, ticket({"c5": text}))
    assert (found.actions, found.actions_mapped, found.actions_problem) == ((), True, "")


def test_an_emptied_field_stays_as_a_former_action(bound: BoundMapping) -> None:
    """The text is empty; the action keeps its place in the order of the history."""
    history = [
        (T0 + HOUR, "acc-lee", {"c5": (None, "Name a deputy")}),
        (T0 + 2 * HOUR, "acc-lee", {"c5": ("Name a deputy", None)}),
    ]
    action = only(record(bound, ticket({}, history)))
    assert (action.text.state, action.text_first_at) == (ValueState.EMPTY, T0 + HOUR)


def test_a_field_action_is_done_since_the_last_entry_into_implemented(bound: BoundMapping) -> None:
    """Later stages keep the date; a return to an earlier stage opens the action again."""
    base = [
        (T0 + HOUR, "a", {"status": (OPEN, IMPLEMENTED)}),
        (T0 + 2 * HOUR, "a", {"status": (IMPLEMENTED, ACTION)}),
    ]
    back = record(bound, ticket({"c5": "Name a deputy", "status": ACTION}, base))
    assert only(back).done_at is None
    again = [
        *base,
        (T0 + 3 * HOUR, "a", {"status": (ACTION, IMPLEMENTED)}),
        (T0 + 4 * HOUR, "a", {"status": (IMPLEMENTED, CLOSED)}),
    ]
    assert only(record(bound, ticket({"c5": "Name a deputy", "status": CLOSED}, again))).done_at == T0 + 3 * HOUR


def test_a_field_action_with_a_date_of_its_own_is_done_by_that(tmp_path: Path) -> None:
    """Then the stage decides nothing; a date counts from its start."""
    text = MAPPING.replace("kind: corrective, inherit", "kind: corrective, done_at: Occurred, inherit", 1)
    bound = bound_to(tmp_path, text)
    assert only(record(bound, ticket({"c5": "Name a deputy", "status": CLOSED}))).done_at is None
    done = record(bound, ticket({"c5": "Name a deputy", "c6": "2025-06-01T10:00:00+0200"}))
    assert only(done).done_at == T0.replace(month=6, day=1, hour=8)


def test_an_action_field_that_cannot_be_read_makes_actions_unknown(bound: BoundMapping) -> None:
    """Rules on actions cannot tell."""
    found = record(bound, ticket(lost=frozenset({"c5"})))
    assert not only(found).readable
    assert "'Corrective action'" in found.actions_problem


def test_a_sub_task_is_an_action_with_its_own_history(bound: BoundMapping) -> None:
    """It starts with the first status of work and is done with the last entry into done, by Jira's own categories."""
    history = [
        (T0 + 2 * HOUR, "acc-new", {"status": (OPEN, DOING)}),
        (T0 + 3 * HOUR, "acc-new", {"status": (DOING, DONE)}),
        (T0 + 4 * HOUR, "acc-roy", {"status": (DONE, DOING)}),
        (T0 + 5 * HOUR, "acc-new", {"status": (DOING, DONE)}),
    ]
    task = child(values={"status": DONE, "assignee": user("acc-new")}, history=history)
    found = record(bound, parent(SUB, duedate="2025-06-30"), {"2": task})
    action = only(found)
    assert (action.id, action.key, action.origin) == ("2", "CAPA-2", ActionOrigin.SUBTASK)
    assert (action.text.data, action.owner.data) == ("Name a deputy in AC-03", "jira:acc-new")
    assert action.due_at.data == date(2025, 6, 30)
    assert (action.created_at, action.started_at, action.done_at) == (T0 + HOUR, T0 + 2 * HOUR, T0 + 5 * HOUR)
    assert (action.text_first_at, action.text_first_group) == (T0 + HOUR, 1)
    assert [new for _, new in rows(found, "actions")] == ["Name a deputy in AC-03", "Doing", "Done", "Doing", "Done"]
    assert found.last_human_at == T0 + 5 * HOUR


def test_a_sub_tasks_own_date_wins_over_the_inherited_one(bound: BoundMapping) -> None:
    """Only missing values are inherited, and only those that the mapping allows."""
    task = child(values={"duedate": "2025-06-01"})
    action = only(record(bound, parent(SUB, duedate="2025-06-30", assignee=user("acc-lee")), {"2": task}))
    assert action.due_at.data == date(2025, 6, 1)
    assert action.owner.state is ValueState.EMPTY


def test_children_of_other_types_are_no_actions(bound: BoundMapping) -> None:
    """Training tasks and links of other types are left out, whether or not they were read."""
    refs = (
        ChildRef("3", "CAPA-3", "subtask", "Training"),
        ChildRef("4", "CAPA-4", "link", "relates to"),
        ChildRef("5", "CAPA-5", "subtask", "Training"),
    )
    found = record(bound, parent(*refs), {"3": child("3", kind="Training"), "4": None, "5": None})
    assert (found.actions, found.actions_problem) == ((), "")


def test_a_cancelled_sub_task_is_neither_open_nor_done(bound: BoundMapping) -> None:
    """In this mapping the resolution cancels it."""
    wont = option("9", "Won't do")
    task = child(
        values={"status": DONE, "resolution": wont},
        history=[(T0 + 2 * HOUR, "a", {"status": (OPEN, DONE), "resolution": (None, wont)})],
    )
    action = only(record(bound, parent(SUB), {"2": task}))
    assert (action.cancelled, action.done_at) == (True, None)


@pytest.mark.parametrize(
    "ref", [SUB, ChildRef("2", "CAPA-2", "subtask"), ChildRef("", "CAPA-2", "link", "IS resolved by")]
)
def test_a_child_that_cannot_be_read_makes_actions_unknown(bound: BoundMapping, ref: ChildRef) -> None:
    """The unread child may be the open action; this holds also if it was never mirrored."""
    for children in ({ref.id or ref.key: None}, {}):
        found = record(bound, parent(ref), children)
        assert not only(found).readable
        assert "CAPA-2 cannot be read" in found.actions_problem


def test_a_linked_ticket_is_an_action_of_its_entry(bound: BoundMapping) -> None:
    """It is found by id or by key, with the kind of the entry."""
    linked = child("8", kind="Change", parent="")
    found = record(bound, parent(ChildRef("", "CAPA-8", "link", "is resolved by")), {"8": linked})
    assert (only(found).origin, only(found).kind, only(found).key) == (
        ActionOrigin.LINK,
        ActionKind.PREVENTIVE,
        "CAPA-8",
    )


def test_a_child_named_by_its_id_and_by_its_key_is_one_action(bound: BoundMapping) -> None:
    """The register has one row for an action of a record."""
    named = (ChildRef("2", "CAPA-2", "subtask", "Action"), ChildRef("", "CAPA-2", "subtask", "Action"))
    assert [action.id for action in record(bound, parent(*named), {"2": child()}).actions] == ["2"]


def test_children_are_merged_into_the_history_by_instant(bound: BoundMapping) -> None:
    """Children's groups stand between the record's groups; each ticket's own order is kept."""
    task = child(values={"status": DOING}, history=[(T0 + 3 * HOUR, "acc-new", {"status": (OPEN, DOING)})])
    history = [
        (T0 + 2 * HOUR, "acc-lee", {"c1": (None, "No deputy named")}),
        (T0 + 4 * HOUR, "acc-lee", {"c2": (None, "Disabled")}),
    ]
    found = record(bound, ticket({"c1": "No deputy named", "c2": "Disabled"}, history, children=(SUB,)), {"2": task})
    order = [(row.field, row.group) for row in found.timeline if row.group]
    assert order == [("actions", 1), ("root_cause", 2), ("actions", 3), ("correction", 4)]
    assert only(found).started_group == 3


def test_an_unread_history_of_a_child_makes_the_records_history_incomplete(bound: BoundMapping) -> None:
    """Phrases about the history cannot tell."""
    assert not record(bound, parent(SUB), {"2": child(history_complete=False)}).history_complete


SERVICENOW = """
mapping: sn
kind: servicenow
record:
  title: short_description
  owner: assigned_to
stage: {field: state, values: {New: identified, "3": closed}}
actions:
  - from: child
    table: sn_grc_task
    reference: issue
    kind: {field: kind, values: {corrective: corrective, correction: correction}}
    due_at: planned_end_date
    done_at: closed_at
    evidence: u_evidence
    started: ["2"]
    done: ["3"]
    cancelled: ["4"]
    inherit: [owner]
"""


def grc(tmp_path: Path) -> BoundMapping:
    """Bind a mapping with child records."""
    fields = (
        FieldDef("short_description", "Short description"),
        FieldDef("assigned_to", "Assigned to"),
        FieldDef("state", "State", options=(("10", "New"), ("3", "Closed Complete"))),
    )
    return bound_to(tmp_path, SERVICENOW, fields=fields, statuses=site().statuses[:0], absent_is_empty=False)


def task(id_: str = "t1", **values: Any) -> SourceTicket:
    """Build a remediation task."""
    columns = {
        "short_description": "Name a deputy",
        "assigned_to": None,
        "state": Raw(("1",), ("Open",), "Open"),
        "kind": "corrective",
        "planned_end_date": None,
        "closed_at": None,
        "u_evidence": None,
        "issue": Raw(("r1",), ("ISS1",), "ISS1"),
        **values,
    }
    return ticket(columns, id=id_, key=id_.upper(), kind="sn_grc_task", parent="r1")


def issue(**values: Any) -> SourceTicket:
    """Build the record whose children name it."""
    columns = {
        "short_description": "Review missed",
        "assigned_to": user("sys1", "Kim"),
        "state": Raw(("10",), ("New",), "New"),
        **values,
    }
    return ticket(columns, id="r1", key="ISS1", kind="sn_grc_issue")


def test_child_records_are_found_by_their_parent(tmp_path: Path) -> None:
    """A ServiceNow record does not name its children; they name the record."""
    done = task(
        state=Raw(("3",), (), "3"),
        closed_at="2025-06-02 10:00:00",
        u_evidence="CHG0031",
        planned_end_date="2025-06-30 00:00:00",
    )
    action = only(record(grc(tmp_path), issue(), {"t1": done}))
    assert (action.origin, action.kind, action.owner.data) == (ActionOrigin.CHILD, ActionKind.CORRECTIVE, "jira:sys1")
    assert (action.done_at, action.evidence.data) == (T0.replace(month=6, day=2, hour=10), "CHG0031")


def test_a_child_of_another_column_or_table_is_not_taken(tmp_path: Path) -> None:
    """The reference column must point at this record."""
    others = {"t1": task(issue=BLANK), "t2": task("t2", issue=Raw(("r9",), (), "ISS9"))}
    assert record(grc(tmp_path), issue(), others).actions == ()


@pytest.mark.parametrize(
    ("kind", "problem"), [("strange", "option 'strange' is not listed"), (None, "its kind is empty")]
)
def test_a_child_whose_kind_is_not_known_makes_actions_unknown(
    tmp_path: Path, kind: str | None, problem: str
) -> None:
    """It may or may not be a corrective action."""
    found = record(grc(tmp_path), issue(), {"t1": task(kind=raw(kind))})
    assert only(found).kind is ActionKind.OTHER
    assert problem in found.actions_problem


def test_a_done_date_without_a_done_status_does_not_count(tmp_path: Path) -> None:
    """A reopened task keeps its old closing date in the column."""
    assert only(record(grc(tmp_path), issue(), {"t1": task(closed_at="2025-06-02 10:00:00")})).done_at is None


def test_a_mapping_without_actions_says_so(tmp_path: Path) -> None:
    """Rules on actions see that the mapping names no place for actions."""
    text = MAPPING[: MAPPING.index("actions:")] + "people: people.yaml\n"
    found = record(bound_to(tmp_path, text), ticket({"c5": "Name a deputy"}))
    assert (found.actions, found.actions_mapped) == ((), False)
