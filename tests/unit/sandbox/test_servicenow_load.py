"""The sandbox ServiceNow loads files of the contract's form, tolerantly, and reports what it cannot read."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capa_sync.errors import UserError
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.servicenow import ServiceNowTracker

SITE = {"kind": "site", "face": "servicenow", "properties": {"glide.sys.default.tz": "Europe/London"}}
TICKET: dict[str, Any] = {
    "kind": "ticket",
    "table": "sn_grc_issue",
    "record": {
        "sys_id": "a" * 32,
        "number": "ISS7",
        "short_description": "x" * 300,
        "state": "99",
        "assigned_to": {"link": "https://x.service-now.com/api/now/table/sys_user/u1", "value": "u1"},
        "opened_by": {"display_value": "Lee", "value": "u2"},
        "priority": 3,
        "active": True,
        "closed_at": None,
        "sys_created_on": "2026-01-01 10:00:00",
        "sys_mod_count": "17",
    },
    "audit": [
        {
            "fieldname": "state",
            "oldvalue": "1",
            "newvalue": "99",
            "user": "lee",
            "sys_created_on": "2026-01-02 10:00:00",
        }
    ],
    "journal": [
        {"element": "work_notes", "value": "hi", "sys_created_by": "kim", "sys_created_on": "2026-01-03 10:00:00"}
    ],
}


@pytest.fixture
def tracker() -> ServiceNowTracker:
    """Return an empty frozen tracker."""
    return ServiceNowTracker(SandboxClock(datetime(2026, 3, 1, 9, tzinfo=UTC), ticking=False))


def test_a_record_stays_as_the_api_gave_it(tracker: ServiceNowTracker) -> None:
    """Values are stored verbatim, references as their sys_id, without defaults or truncation."""
    tracker.load([SITE, TICKET])
    row = tracker.rows("sn_grc_issue")[0]
    assert (row["state"], row["priority"], row["active"], row["sys_mod_count"]) == ("99", "3", "true", "17")
    assert (row["assigned_to"], row["opened_by"], len(row["short_description"])) == ("u1", "u2", 300)
    assert "closed_at" not in row
    assert "u_track" not in row
    assert row["sys_updated_on"] == "2026-01-01 10:00:00"


def test_audit_and_journal_rows_point_at_their_record(tracker: ServiceNowTracker) -> None:
    """Table, record and author are filled in where the file omits them."""
    assert tracker.load([TICKET]) == {"sn_grc_issue": 1, "sys_audit": 1, "sys_journal_field": 1}
    (audit,) = tracker.rows("sys_audit")
    assert (audit["tablename"], audit["documentkey"], audit["sys_created_by"]) == ("sn_grc_issue", "a" * 32, "lee")
    (entry,) = tracker.rows("sys_journal_field")
    assert (entry["name"], entry["element_id"], entry["sys_created_by"]) == ("sn_grc_issue", "a" * 32, "kim")


def test_unknown_tables_and_columns_are_added_to_the_dictionary(tracker: ServiceNowTracker) -> None:
    """A table that the sandbox does not ship is served as well; a linked value makes a reference column."""
    link = {"link": "https://x/api/now/table/sys_user/u1", "value": "u1"}
    tracker.load([{"kind": "ticket", "table": "u_vendor_case", "record": {"u_who": link, "u_text": "t"}}])
    (row,) = tracker.rows("u_vendor_case")
    assert row["u_who"] == "u1"
    columns = {
        r["element"]: r["internal_type"]
        for r in tracker.rows("sys_dictionary", "name=u_vendor_case^elementISNOTEMPTY")
    }
    assert (columns["u_who"], columns["u_text"]) == ("reference", "string")
    assert tracker.rows("sys_db_object", "name=u_vendor_case")


def test_fields_choices_and_users_replace_the_shipped_ones(tracker: ServiceNowTracker) -> None:
    """A dictionary row for a shipped column replaces it; the audit flag of a table is in its own row."""
    tracker.load(
        [
            {"kind": "field", "name": "sn_grc_issue", "element": "u_grade", "internal_type": "integer"},
            {"kind": "field", "name": "sn_grc_issue", "internal_type": "collection", "audit": "false"},
            {"kind": "choice", "name": "sn_grc_issue", "element": "state", "value": "10", "label": "Fresh"},
            {"kind": "user", "user_name": "admin", "name": "Root", "active": "true"},
        ]
    )
    assert [r["internal_type"] for r in tracker.rows("sys_dictionary", "name=sn_grc_issue^element=u_grade")] == [
        "integer"
    ]
    assert [r["label"] for r in tracker.rows("sys_choice", "name=sn_grc_issue^element=state^value=10")] == ["Fresh"]
    assert [r["name"] for r in tracker.rows("sys_user", "user_name=admin")] == ["Root"]
    made = tracker.as_user("admin").insert("sn_grc_issue", {})
    tracker.as_user("admin").update("sn_grc_issue", made["sys_id"], {"u_impact": "x"})
    assert tracker.rows("sys_audit") == []


def test_classes_may_be_described_by_the_site(tracker: ServiceNowTracker) -> None:
    """A described class extends its parent: it has its columns and appears in its queries."""
    tables = [{"name": "sn_audit_task", "label": "Audit task", "super_class": "task", "prefix": "AUT"}]
    tracker.load([{**SITE, "tables": tables}])
    made = tracker.as_user("admin").insert("sn_audit_task", {"short_description": "x"})
    assert made["number"].startswith("AUT")
    assert [row["sys_id"] for row in tracker.rows("task")] == [made["sys_id"]]


def test_a_user_may_come_with_an_account(tracker: ServiceNowTracker) -> None:
    """Password and roles are no columns; they create an account."""
    tracker.load(
        [{"kind": "user", "user_name": "bot", "password": "pw", "roles": ["audit_viewer"], "active": "true"}]
    )
    assert tracker.accounts.passwords["bot"] == "pw"
    assert tracker.accounts.caller("bot").roles == {"audit_viewer"}
    assert "password" not in tracker.rows("sys_user", "user_name=bot")[0]


def test_the_same_lines_make_the_same_rows(tracker: ServiceNowTracker) -> None:
    """A row without a sys_id gets one from its content, so that two sandboxes agree."""
    other = ServiceNowTracker(SandboxClock(tracker.clock.now(), ticking=False))
    lines = [{"kind": "ticket", "table": "sn_grc_issue", "record": {"number": "ISS1"}}, TICKET]
    for loaded in (tracker, other):
        loaded.load(lines)
    assert tracker.rows("sn_grc_issue") == other.rows("sn_grc_issue")
    assert tracker.rows("sys_audit") == other.rows("sys_audit")


def test_a_record_loaded_again_replaces_itself_whatever_its_class(tracker: ServiceNowTracker) -> None:
    """The later line of the same sys_id wins; the old class loses the row."""
    old, new = ({"sys_id": "s", "number": number} for number in ("INC1", "PRB1"))
    tracker.load([{"kind": "ticket", "table": "incident", "record": old}])
    assert len(tracker.rows("task", "ORDERBYsys_id")) == 1
    tracker.load([{"kind": "ticket", "table": "problem", "record": new}])
    assert tracker.rows("incident") == []
    assert [row["number"] for row in tracker.rows("task", "sys_id>a^ORDERBYsys_id")] == ["PRB1"]


@pytest.mark.parametrize("is_packed", [False, True])
def test_files_may_be_packed(tracker: ServiceNowTracker, tmp_path: Path, is_packed: bool) -> None:
    """A path is read as JSON lines, gzipped if its name says so; empty lines are ignored."""
    text = "\n".join([json.dumps(SITE), "", json.dumps(TICKET), ""])
    path = tmp_path / ("x.jsonl.gz" if is_packed else "x.jsonl")
    path.write_bytes(gzip.compress(text.encode()) if is_packed else text.encode())
    assert tracker.load(path)["sn_grc_issue"] == 1


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{not json", "not JSON"),
        ("[1]", "this line must be an object"),
        (
            '{"kind": "ticket", "table": "task", "record": {"a": {"link": 3}}}',
            "has not the form that the Table API gives",
        ),
        ('{"kind": "tickets"}', "unknown kind 'tickets'"),
        ('{"kind": "ticket", "table": "task"}', "needs `table` and `record`"),
        ('{"kind": "site", "face": "cloud"}', "the site's face is 'cloud'"),
        ('{"kind": "ticket", "table": "task", "record": {}, "audit": [{}]}', "needs `fieldname`"),
        ('{"kind": "ticket", "table": "task", "record": {}, "journal": [1]}', "must be a list of objects"),
        ('{"kind": "site", "face": "servicenow", "properties": 3}', "must be an object"),
    ],
)
def test_a_broken_line_is_named(tracker: ServiceNowTracker, tmp_path: Path, line: str, what: str) -> None:
    """The message is one sentence with file and line, without a traceback."""
    path = tmp_path / "broken.jsonl"
    path.write_text(json.dumps(SITE) + "\n" + line + "\n")
    with pytest.raises(UserError) as caught:
        tracker.load(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert what in str(caught.value)


def test_a_file_that_is_not_there_is_named(tracker: ServiceNowTracker, tmp_path: Path) -> None:
    """The message has the path and the system's reason."""
    with pytest.raises(UserError, match="cannot be read"):
        tracker.load(tmp_path / "absent.jsonl")
