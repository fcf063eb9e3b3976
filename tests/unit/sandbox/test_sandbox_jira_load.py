"""The sandbox's file form for Jira: what stays as it is, what is computed, what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from capa_sync.errors import UserError
from capa_sync.sandbox.jira.render import FieldChoice, IssueRenderer
from capa_sync.sandbox.jira.tracker import JiraTracker
from tests.contract.jira_world import make_tracker, site_lines

Json = dict[str, Any]


def history(id_: str | None, created: str, to: str) -> Json:
    """Return a history entry of a status change."""
    item = {"field": "status", "fieldtype": "jira", "from": None, "fromString": None, "to": None, "toString": to}
    return {**({"id": id_} if id_ else {}), "author": None, "created": created, "items": [item]}


def ticket(key: str, fields: Json | None = None, **rest: Any) -> Json:
    """Return a ticket line."""
    return {"kind": "ticket", "issue": {"key": key, "fields": fields or {}, **rest}}


def shown(tracker: JiraTracker, key: str) -> Json:
    """Return the issue as the API user gets it, with its changelog."""
    user = tracker.state.users["capa-sync"]
    render = IssueRenderer(
        tracker.state, tracker.site.access, tracker.settings, tracker.site.access.viewer(user, 2, "http://x")
    )
    issue = tracker.state.find(key)
    assert issue is not None
    return render.issue(issue, FieldChoice.of(None, "*all"), ["changelog"])


def test_a_ticket_comes_back_as_it_was_given() -> None:
    """Ids, instants, unknown keys and nulls stay; so do absent keys, but project and type; totals are computed."""
    tracker = make_tracker()
    fields = {
        "summary": None,
        "created": "2020-06-12T08:13:13.360+0800",
        "updated": "2021-03-28T16:06:08.713+0800",
        "customfield_99999": [{"odd": {"deep": [1, None]}}],
        "comment": {"total": 99, "comments": [{"id": "7", "body": "hi", "created": "2020-06-12T08:14:00.000+0800"}]},
    }
    given = ticket(
        "EE-1", fields, id="555", changelog={"total": 40, "histories": [history("9", "2021-01-01T00:00:00Z", "A")]}
    )
    assert tracker.load([given]) == 1

    found = shown(tracker, "EE-1")

    assert (found["id"], found["fields"]["created"]) == ("555", "2020-06-12T00:13:13.360+0000")
    assert found["fields"]["updated"] == "2021-03-28T08:06:08.713+0000"
    assert found["fields"]["customfield_99999"] == [{"odd": {"deep": [1, None]}}]
    assert found["fields"]["summary"] is None
    given_fields = {"summary", "created", "updated", "customfield_99999", "comment"}
    assert set(found["fields"]) == {"project", "issuetype", *given_fields}
    assert (found["fields"]["issuetype"]["name"], found["fields"]["issuetype"]["subtask"]) == ("Task", False)
    assert (found["fields"]["comment"]["total"], found["changelog"]["total"]) == (1, 1)
    assert found["changelog"]["histories"][0] == {**history("9", "2021-01-01T00:00:00.000+0000", "A")}
    assert "author" not in found["fields"]["comment"]["comments"][0]


def test_new_numbers_start_above_the_loaded_ones() -> None:
    """An issue, a history entry and a comment made later never get a number that was loaded."""
    tracker = make_tracker()
    comments = {"comments": [{"id": "900000", "body": "x"}]}
    log = {"histories": [history("800000", "2021-01-01T00:00:00Z", "A")]}
    tracker.load([ticket("CAPA-41", {"comment": comments}, id="700000", changelog=log)])
    ann = tracker.as_user("Ann Arbor")
    key = ann.create("CAPA", "Nonconformity", {"summary": "n"})
    ann.edit(key, {"summary": "m"})
    made = tracker.state.find(key)

    assert made is not None
    assert (key, made.id, made.histories[0].id) == ("CAPA-42", 700001, 800001)
    assert ann.comment(key, "c") == "900001"


def test_histories_are_ordered_by_instant_and_id_or_by_the_file() -> None:
    """With ids, the id decides among equal instants; without ids, a newest-first list is reversed."""
    tracker = make_tracker()
    same = "2021-01-01T00:00:00.000+0000"
    with_ids = [history("3", same, "C"), history("2", same, "B"), history("1", "2020-01-01T00:00:00Z", "A")]
    without = [history(None, "2022-01-01T00:00:00Z", "C"), history(None, same, "B"), history(None, same, "A")]
    tracker.load(
        [ticket("CAPA-1", changelog={"histories": with_ids}), ticket("CAPA-2", changelog={"histories": without})]
    )

    def order(key: str) -> list[str]:
        issue = tracker.state.find(key)
        assert issue is not None
        return [entry.items[0]["toString"] for entry in issue.histories]

    assert order("CAPA-1") == order("CAPA-2") == ["A", "B", "C"]


def test_listed_objects_replace_partial_ones() -> None:
    """A status, person or option named in part becomes the listed one; a contradicting one stays as given."""
    tracker = make_tracker()
    other = {"id": "6", "name": "Closed (old)"}
    tracker.load(
        [
            ticket("CAPA-1", {"status": {"name": "Closed"}, "assignee": {"accountId": "acc-ann"}}),
            ticket("CAPA-2", {"status": other, "customfield_10002": {"value": "Major"}}),
        ]
    )

    first, second = shown(tracker, "CAPA-1")["fields"], shown(tracker, "CAPA-2")["fields"]

    assert first["status"]["statusCategory"]["key"] == "done"
    assert first["assignee"]["displayName"] == "Ann Arbor"
    assert second["status"] == other
    assert second["customfield_10002"] == {"value": "Major", "id": "21"}
    tracker.admin.set_user("Ann Arbor", {"active": False})
    assert shown(tracker, "CAPA-1")["fields"]["assignee"]["active"] is False


def test_lists_are_derived_from_tickets() -> None:
    """A site without lists gets its projects, statuses, types, people and fields from its issues."""
    tracker = JiraTracker("datacenter")
    fields = {
        "project": {"id": "77", "key": "ALOY", "name": "Alloy"},
        "status": {"id": "5", "name": "Resolved"},
        "issuetype": {"id": "1", "name": "Bug", "subtask": False},
        "reporter": {"name": "tony", "displayName": "Tony"},
        "customfield_10": {"id": "1", "value": "Yes"},
    }
    tracker.load([ticket("ALOY-1", fields)])

    assert tracker.state.projects["77"].key == "ALOY"
    assert tracker.state.statuses["5"]["name"] == "Resolved"
    assert tracker.state.users["tony"].raw["displayName"] == "Tony"
    assert tracker.state.options["customfield_10"] == [{"id": "1", "value": "Yes"}]


def test_moved_hidden_and_marked_tickets_are_loaded() -> None:
    """Former keys come from the changelog or are listed; issue security and properties are loaded too."""
    tracker = make_tracker()
    key_item = {"field": "Key", "fieldtype": "jira", "fromString": "OLD-1", "toString": "CAPA-1"}
    log = {"histories": [{"id": "1", "created": "2021-01-01T00:00:00Z", "items": [key_item]}]}
    comment = {"id": "5", "body": "w", "properties": [{"key": "capa-sync", "value": {"t": 1}}]}
    tracker.load(
        [
            ticket("CAPA-1", changelog=log, oldKeys=["OLDER-1"], properties={"p": 1}, comments=[comment]),
            ticket("CAPA-2", sandbox={"hidden": True}),
        ]
    )

    first = tracker.state.find("old-1")
    assert first is not None
    assert first is tracker.state.find("OLDER-1")
    assert (first.key, first.properties, first.comments[0].properties) == (
        "CAPA-1",
        {"p": 1},
        {"capa-sync": {"t": 1}},
    )
    second = tracker.state.find("CAPA-2")
    assert second is not None
    assert second.is_hidden


def test_data_center_items_lose_their_field_ids() -> None:
    """The Data Center API never delivers a fieldId, whatever the file says."""
    tracker = make_tracker("datacenter")
    entry = history("1", "2021-01-01T00:00:00Z", "A")
    entry["items"][0]["fieldId"] = "status"
    tracker.load([ticket("CAPA-1", changelog={"histories": [entry]})])

    assert "fieldId" not in shown(tracker, "CAPA-1")["changelog"]["histories"][0]["items"][0]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_a_file_is_read_plain_or_packed(tmp_path: Path, suffix: str) -> None:
    """JSON lines are read, also gzipped; blank lines are allowed."""
    path = tmp_path / f"site{suffix}"
    text = "\n".join(json.dumps(line) for line in [*site_lines("cloud"), ticket("CAPA-1")]) + "\n\n"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    tracker = JiraTracker("cloud")

    assert tracker.load(path) == 1
    assert tracker.state.find("CAPA-1") is not None


BROKEN = [
    ("not json", "this line is no JSON: Expecting value"),
    ('["list"]', "this line must be an object, and is a list"),
    ('{"no": "kind"}', "this line needs `kind`"),
    ('{"kind": "surprise"}', "unknown kind 'surprise'; it must be one of choice, field, issuetype"),
    ('{"kind": "status", "name": "without id"}', "this line needs `id`"),
    ('{"kind": "ticket", "issue": {"id": "1"}}', "`issue` needs `key`"),
    ('{"kind": "ticket", "issue": [1]}', "`issue` must be an object, and is a list"),
    ('{"kind": "ticket", "issue": {"key": "A-1", "fields": 3}}', "`issue.fields` must be an object, and is a number"),
    (
        '{"kind": "ticket", "issue": {"key": "A-1", "changelog": {"histories": [{}, {"items": {}}]}}}',
        "`items` of entry 2 of `issue.changelog.histories` must be a list, and is an object",
    ),
    (
        '{"kind": "ticket", "issue": {"key": "A-1", "fields": {"comment": {"comments": ["x"]}}}}',
        "entry 1 of `issue.fields.comment.comments` must be an object, and is a text",
    ),
    ('{"kind": "workflow", "transitions": [{"name": "Go"}]}', "entry 1 of `transitions` needs `to`"),
    ('{"kind": "field", "id": true}', "`id` must be a text or a number, and is true or false"),
    ('{"kind": "choice", "field": "nowhere", "id": "1"}', "a choice names a `field` that no earlier line describes"),
    ('{"kind": "user", "displayName": "nobody"}', "a user needs `accountId`, `name` or `key`"),
    ('{"kind": "ticket", "issue": {"key": "A-1", "properties": [3]}}', "has not the form that Jira gives it"),
]


@pytest.mark.parametrize(("line", "message"), BROKEN)
def test_a_broken_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    """The message is one line with file and line number, without a traceback."""
    path = tmp_path / "broken.jsonl"
    path.write_text('{"kind": "site"}\n' + line + "\n", encoding="utf-8")

    with pytest.raises(UserError) as refused:
        JiraTracker("cloud").load(path)

    assert str(refused.value).startswith(f"{path}:2: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
