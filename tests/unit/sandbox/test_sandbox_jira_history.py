"""The changelog items that each edit of the sandbox Jira leaves."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.tracker import JiraTracker
from tests.contract.jira_world import START, make_tracker

Item = dict[str, Any]


@pytest.fixture
def tracker() -> JiraTracker:
    """Return a Cloud site with one issue."""
    made = make_tracker()
    made.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": "first", "Severity": "Minor"})
    made.clock.advance(timedelta(minutes=1))
    return made


def items(tracker: JiraTracker, key: str = "CAPA-1") -> list[Item]:
    """Return the items of the newest history entry."""
    issue = tracker.state.find(key)
    assert issue is not None
    return issue.histories[-1].items


def item(field: str, id_: str, old: tuple[Any, Any], new: tuple[Any, Any], kind: str = "custom") -> Item:
    """Return an item as the API delivers it."""
    return {
        "field": field,
        "fieldtype": kind,
        "fieldId": id_,
        "from": old[0],
        "fromString": old[1],
        "to": new[0],
        "toString": new[1],
    }


NONE = (None, None)
EDITS = [
    ({"summary": "second"}, item("summary", "summary", (None, "first"), (None, "second"), "jira")),
    ({"Severity": "Major"}, item("Severity", "customfield_10002", ("22", "Minor"), ("21", "Major"))),
    ({"Severity": ""}, item("Severity", "customfield_10002", ("22", "Minor"), NONE)),
    ({"Root cause": "a\nb"}, item("Root cause", "customfield_10001", NONE, (None, "a\nb"))),
    (
        {"Sites": ["London", "Leeds"]},
        item("Sites", "customfield_10003", NONE, ("[31, 32]", "London,Leeds")),
    ),
    ({"Reviewer": "Ben Bow"}, item("Reviewer", "customfield_10004", NONE, ("acc-ben", "Ben Bow"))),
    ({"Review on": "2026-06-05"}, item("Review on", "customfield_10005", NONE, ("2026-06-05", "5/Jun/26"))),
    ({"Reference": "R-1"}, item("Reference", "customfield_10007", NONE, (None, "R-1"))),
    ({"Tags": ["b", "a"]}, item("Tags", "customfield_10008", ("", ""), ("", "a b"))),
    ({"Link out": "https://x.example"}, item("Link out", "customfield_10009", NONE, (None, "https://x.example"))),
    ({"Done so far": ["Told"]}, item("Done so far", "customfield_10010", NONE, ("[41]", "Told"))),
    ({"Cost": 12.5}, item("Cost", "customfield_10011", NONE, (None, "12.5"))),
    ({"labels": ["x", "b"]}, item("labels", "labels", ("", ""), ("", "b x"), "jira")),
    ({"assignee": "Ben Bow"}, item("assignee", "assignee", NONE, ("acc-ben", "Ben Bow"), "jira")),
    ({"priority": "High"}, item("priority", "priority", ("3", "Medium"), ("2", "High"), "jira")),
    (
        {"duedate": "2026-05-01"},
        item("duedate", "duedate", NONE, ("2026-05-01", "2026-05-01 00:00:00.0"), "jira"),
    ),
    ({"issuetype": "Sub-task"}, item("issuetype", "issuetype", ("1", "Nonconformity"), ("2", "Sub-task"), "jira")),
]


@pytest.mark.parametrize(("fields", "expected"), EDITS, ids=[expected["field"] for _fields, expected in EDITS])
def test_an_edit_leaves_one_item(tracker: JiraTracker, fields: dict[str, Any], expected: Item) -> None:
    """`from` and `to` hold ids, the strings hold what people read, by the type of the field."""
    tracker.as_user("Ben Bow").edit("CAPA-1", fields)

    assert items(tracker) == [expected]


def test_values_at_creation_leave_no_history(tracker: JiraTracker) -> None:
    """Values from creation have no entry."""
    issue = tracker.state.issues[10001]
    assert issue.histories == []
    assert issue.fields["customfield_10002"]["value"] == "Minor"


def test_fields_saved_together_share_an_entry(tracker: JiraTracker) -> None:
    """One save is one entry by its author at its instant, and it moves `updated`."""
    tracker.as_user("Ben Bow").edit("CAPA-1", {"summary": "s", "Severity": "Major"})

    issue = tracker.state.issues[10001]

    assert [len(entry.items) for entry in issue.histories] == [2]
    assert (issue.histories[0].author or {})["displayName"] == "Ben Bow"
    assert issue.updated == issue.histories[0].at == int((START + timedelta(minutes=1)).timestamp() * 1000)


def test_a_transition_sets_and_clears_the_resolution(tracker: JiraTracker) -> None:
    """Resolution and status change in one entry, both on the way to done and on the way back."""
    ann = tracker.as_user("Ann Arbor")
    ann.transition("CAPA-1", "Start")
    ann.transition("CAPA-1", "Closed", {"Cost": 3})
    closed = items(tracker)
    resolved = tracker.state.issues[10001].fields["resolutiondate"]
    ann.transition("CAPA-1", "Reopen")

    assert [entry["field"] for entry in closed] == ["Cost", "resolution", "status"]
    assert closed[2] == item("status", "status", ("3", "In Action"), ("6", "Closed"), "jira")
    assert closed[1] == item("resolution", "resolution", NONE, ("10000", "Done"), "jira")
    assert [entry["toString"] for entry in items(tracker)] == [None, "Open"]
    assert resolved is not None
    assert tracker.state.issues[10001].fields["resolutiondate"] is None
    with pytest.raises(JiraError, match="no transition"):
        ann.transition("CAPA-1", "Close")


def test_links_are_recorded_on_both_sides(tracker: JiraTracker) -> None:
    """Adding and removing a link leaves an entry in each issue; deleting one end leaves an entry in the other."""
    ann = tracker.as_user("Ann Arbor")
    ann.create("OPS", "Nonconformity", {"summary": "other"})
    link = ann.link("CAPA-1", "Blocks", "OPS-1")
    assert items(tracker)[0]["toString"] == "This issue blocks OPS-1"
    assert items(tracker, "OPS-1")[0]["toString"] == "This issue is blocked by CAPA-1"
    assert "fieldId" not in items(tracker)[0]

    ann.unlink(link)
    assert items(tracker, "OPS-1")[0]["fromString"] == "This issue is blocked by CAPA-1"
    ann.link("CAPA-1", "Blocks", "OPS-1")
    ann.delete("CAPA-1")
    assert items(tracker, "OPS-1")[0]["fromString"] == "This issue is blocked by CAPA-1"
    assert len(tracker.state.issues[10002].histories) == 4


def test_a_move_takes_the_sub_tasks_along(tracker: JiraTracker) -> None:
    """Parent and sub-task get new keys; numbers and keys are never used twice."""
    ann = tracker.as_user("Ann Arbor")
    child = ann.create("CAPA", "Sub-task", {"summary": "part", "parent": "CAPA-1"})
    ann.move("CAPA-1", "OPS")
    moved = tracker.state.find(child)
    assert moved is not None
    assert moved.key == "OPS-2"
    assert [entry["field"] for entry in items(tracker, "OPS-2")] == ["project", "Key"]

    ann.delete("OPS-1")
    assert tracker.state.find("CAPA-1") is None
    assert ann.create("OPS", "Nonconformity", {"summary": "new"}) == "OPS-3"


def test_a_parent_is_recorded_by_its_association(tracker: JiraTracker) -> None:
    """A new parent leaves the same item as in Cloud, without a field id."""
    ann = tracker.as_user("Ann Arbor")
    ann.create("CAPA", "Sub-task", {"summary": "part"})
    ann.edit("CAPA-2", {"parent": "CAPA-1"})

    assert items(tracker, "CAPA-2") == [
        {
            "field": "IssueParentAssociation",
            "fieldtype": "jira",
            "from": None,
            "fromString": None,
            "to": "10001",
            "toString": "CAPA-1",
        }
    ]
    assert tracker.state.children[10001] == {10002}


def test_a_rename_leaves_the_past_as_it_was(tracker: JiraTracker) -> None:
    """A renamed status and field have their new names everywhere except in old entries."""
    ann = tracker.as_user("Ann Arbor")
    ann.transition("CAPA-1", "Start")
    ann.edit("CAPA-1", {"Severity": "Major"})
    tracker.admin.rename_status("In Action", "Doing")
    tracker.admin.rename_field("Severity", "Grade")

    issue = tracker.state.issues[10001]
    assert issue.fields["status"]["name"] == "Doing"
    assert issue.histories[0].items[0]["toString"] == "In Action"
    assert issue.histories[1].items[0]["field"] == "Severity"
    ann.transition("CAPA-1", "Close")
    assert items(tracker)[1]["fromString"] == "Doing"


def test_writes_of_many_threads_are_all_kept(tracker: JiraTracker) -> None:
    """Comments and labels added at once by eight people are all there, with ids of their own."""

    def work(number: int) -> None:
        for turn in range(10):
            tracker.as_user("Ben Bow").comment("CAPA-1", f"{number}-{turn}")
            tracker.as_user("Ben Bow").label("CAPA-1", add=(f"l{number}-{turn}",))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    issue = tracker.state.issues[10001]
    assert len({comment.id for comment in issue.comments}) == 80
    assert len(issue.fields["labels"]) == len(issue.histories) == 80
