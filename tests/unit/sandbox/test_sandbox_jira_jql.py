"""JQL of the sandbox Jira: what a query finds, what it refuses, and how it sorts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.sandbox.jira.errors import JiraError
from capa_sync.sandbox.jira.jql import Clause, Junction, Operand, parse_jql
from capa_sync.sandbox.jira.tracker import JiraTracker
from tests.contract.jira_world import START, make_tracker


def ms(instant: datetime) -> int:
    """Return epoch milliseconds."""
    return int(instant.timestamp() * 1000)


@pytest.fixture(scope="module")
def tracker() -> JiraTracker:
    """Return a site with five issues: CAPA-1 to CAPA-4 an hour apart, and OPS-1."""
    made = make_tracker()
    ann = made.as_user("Ann Arbor")
    ann.create("CAPA", "Nonconformity", {"summary": "Backup disk full", "Severity": "Major", "labels": ["audit"]})
    made.clock.advance(timedelta(hours=1))
    ann.create("CAPA", "Nonconformity", {"summary": "Door left open", "Severity": "Minor", "duedate": "2026-04-01"})
    made.clock.advance(timedelta(hours=1))
    ann.create("CAPA", "Sub-task", {"summary": "Clean up", "parent": "CAPA-1", "assignee": "Ben Bow"})
    made.clock.advance(timedelta(hours=1))
    ann.create("CAPA", "Nonconformity", {"summary": 'He said "stop"', "Reference": "R-9", "Cost": 12, "Tags": ["x"]})
    ann.create("OPS", "Nonconformity", {"summary": "Backups slow", "Sites": ["London", "Leeds"], "priority": "High"})
    ann.transition("CAPA-2", "Start")
    ann.transition("CAPA-2", "Close")
    return made


def found(tracker: JiraTracker, jql: str, zone: str = "UTC") -> list[str]:
    """Return the keys in order, as the API user in a time zone finds them."""
    tracker.admin.set_user("capa-sync", {"timeZone": zone})
    viewer = tracker.site.access.viewer(tracker.state.users["capa-sync"], 3, "")
    rows = tracker.site.finder.matching(viewer, jql)
    return [tracker.state.issues[id_].key for _order, id_ in rows]


FINDS = [
    ("project = CAPA order by key", "CAPA-1 CAPA-2 CAPA-3 CAPA-4"),
    ("project in (capa, Operations) AND priority = High", "OPS-1"),
    ("project != CAPA", "OPS-1"),
    ("key = capa-2", "CAPA-2"),
    ("id in (10001, 10005) order by id desc", "OPS-1 CAPA-1"),
    ("issuekey >= CAPA-2 and project = CAPA order by key", "CAPA-2 CAPA-3 CAPA-4"),
    ("status = Closed", "CAPA-2"),
    ("status not in (Closed, 'In Action') order by key", "CAPA-1 CAPA-3 CAPA-4 OPS-1"),
    ("statusCategory = Done", "CAPA-2"),
    ("resolution = Unresolved and project = CAPA order by key", "CAPA-1 CAPA-3 CAPA-4"),
    ("resolution is EMPTY and project = CAPA order by key", "CAPA-1 CAPA-3 CAPA-4"),
    ("resolution IS NOT EMPTY", "CAPA-2"),
    ("type = Sub-task", "CAPA-3"),
    ("parent = CAPA-1", "CAPA-3"),
    ("labels = audit", "CAPA-1"),
    ("labels != audit", ""),
    ("labels is empty order by key", "CAPA-2 CAPA-3 CAPA-4 OPS-1"),
    ("NOT labels = audit", ""),
    ("NOT (project = OPS OR status = Closed) order by key", "CAPA-1 CAPA-3 CAPA-4"),
    ("assignee = 'Ben Bow'", "CAPA-3"),
    ("assignee in (acc-ben, EMPTY) order by key", "CAPA-1 CAPA-2 CAPA-3 CAPA-4 OPS-1"),
    ("reporter = currentUser()", ""),
    ("summary ~ backup", "CAPA-1"),
    ("summary ~ 'backup*' order by key", "CAPA-1 OPS-1"),
    (r'summary ~ "\"disk full\""', "CAPA-1"),
    (r'text ~ "said \"stop\""', "CAPA-4"),
    ("summary !~ backup and project = CAPA order by key", "CAPA-2 CAPA-3 CAPA-4"),
    ("Severity = Major", "CAPA-1"),
    ('"severity" in (Major, 22) order by key', "CAPA-1 CAPA-2"),
    ("cf[10002] is not empty order by key", "CAPA-1 CAPA-2"),
    ("Sites = Leeds", "OPS-1"),
    ("Reference ~ R", "CAPA-4"),
    ("Cost > 11.5", "CAPA-4"),
    ("Tags = x", "CAPA-4"),
    ("duedate <= 2026-04-01", "CAPA-2"),
    ("due is not empty", "CAPA-2"),
    ("created >= '2026-03-01 10:00' and created < '2026-03-01 12:00' order by created", "CAPA-2 CAPA-3"),
    ("created >= '2026/03/01 11:00' order by key", "CAPA-3 CAPA-4 OPS-1"),
    ("created >= -1h order by key", "CAPA-3 CAPA-4 OPS-1"),
    ("created < now() and created > '-90m' order by key", "CAPA-3"),
    ("created > startOfDay() and project = OPS", "OPS-1"),
    (f"created >= {ms(START)} && created <= {ms(START)}", "CAPA-1"),
    (f"created > {ms(START) - 1} AND created < {ms(START) + 1}", "CAPA-1"),
    ("created = '2026-03-01 09:00'", "CAPA-1"),
    ("project = CAPA order by duedate, key desc", "CAPA-2 CAPA-4 CAPA-3 CAPA-1"),
    ("project is not empty order by project desc, created asc, key desc", "OPS-1 CAPA-1 CAPA-2 CAPA-3 CAPA-4"),
    ("project is not empty order by summary desc", "CAPA-4 CAPA-2 CAPA-3 OPS-1 CAPA-1"),
    ("project = CAPA", "CAPA-4 CAPA-3 CAPA-2 CAPA-1"),
]


@pytest.mark.parametrize(("jql", "keys"), FINDS)
def test_a_query_finds_what_jira_would(tracker: JiraTracker, jql: str, keys: str) -> None:
    """The table covers operators, fields, functions, quoting, emptiness and order."""
    assert found(tracker, jql) == keys.split()


REFUSED = [
    ("nonsense = 1", "Field 'nonsense' does not exist or you do not have permission to view it."),
    ("customfield_10002 = Major", "Field 'customfield_10002' does not exist"),
    ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
    ("status = Nope", "The value 'Nope' does not exist for the field 'status'."),
    ("assignee = nobody", "The value 'nobody' does not exist for the field 'assignee'."),
    ("key = CAPA-77", "An issue with key 'CAPA-77' does not exist for field 'key'."),
    ("key = CAPA", "The issue key 'CAPA' for field 'key' is invalid."),
    ("id = 99", "A value with ID '99' does not exist for the field 'id'."),
    ("project = membersOf()", "Unable to find JQL function 'membersOf()'."),
    ("updated > later()", "Unable to find JQL function 'later()'."),
    ("updated > '2026-03-01 09:00:10'", "Date value '2026-03-01 09:00:10' for field 'updated' is invalid."),
    ("updated > '1772355600000'", "Date value '1772355600000' for field 'updated' is invalid."),
    ("created > 2026-02-30", "Date value '2026-02-30' for field 'created' is invalid."),
    ("summary = x", "The operator '=' is not supported by the 'summary' field."),
    ("labels > x", "The operator '>' is not supported by the 'labels' field."),
    ("project", "Expecting an operator before the end of the query"),
    ("project = ", "Expecting either a value, list or function before the end of the query"),
    ("project = A B", "Expecting either 'OR' or 'AND' but got 'B'. (line 1, character 13)"),
    ("project was A", "Expecting operator but got 'was'."),
    ("(project = CAPA", "Expecting ')' before the end of the query"),
    ("project = CAPA ORDER BY a, b, c, d, e, f, g, h", "The ORDER BY clause holds more than 7 fields."),
    ("project = CAPA ORDER BY nonsense", "Field 'nonsense' does not exist"),
    ("project is CAPA", "The operator 'is' takes EMPTY or NULL only."),
    ('project = "CAPA', "Found an unexpected character"),
]


@pytest.mark.parametrize(("jql", "message"), REFUSED)
def test_a_wrong_query_is_refused_in_jiras_words(tracker: JiraTracker, jql: str, message: str) -> None:
    """Nothing is silently ignored: unknown names, values, functions and bad syntax are answered with 400."""
    with pytest.raises(JiraError) as refusal:
        found(tracker, jql)

    assert refusal.value.status == 400
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("zone", "keys"),
    [("UTC", "CAPA-2"), ("Asia/Kathmandu", ""), ("Pacific/Kiritimati", ""), ("America/St_Johns", "")],
)
def test_quoted_dates_are_read_in_the_profile_zone(tracker: JiraTracker, zone: str, keys: str) -> None:
    """10:00 is another instant in each zone; the query is exact to the minute."""
    assert found(tracker, "created >= '2026-03-01 10:00' and created <= '2026-03-01 10:00'", zone) == keys.split()


@pytest.mark.parametrize(
    ("zone", "local"),
    [
        ("Asia/Kathmandu", "2026-03-01 15:45"),
        ("Pacific/Kiritimati", "2026-03-02 00:00"),
        ("America/St_Johns", "2026-03-01 06:30"),
    ],
)
def test_the_same_instant_is_found_by_its_local_time(tracker: JiraTracker, zone: str, local: str) -> None:
    """10:00 UTC in the local time of each zone finds the issue created then; epoch ms find it in every zone."""
    epoch = ms(START + timedelta(hours=1))

    assert found(tracker, f"created = '{local}'", zone) == ["CAPA-2"]
    assert found(tracker, f"created = {epoch}", zone) == ["CAPA-2"]


def test_a_query_parses_into_its_tree() -> None:
    """AND binds more tightly than OR, and NOT more tightly than both; strings are unescaped."""
    query = parse_jql(r"a = 1 OR b in ('x\'y', EMPTY) AND NOT c is not null ORDER BY d DESC, e")

    assert query.where == Junction(
        "or",
        (
            Clause("a", "=", (Operand("1"),)),
            Junction(
                "and",
                (
                    Clause("b", "in", (Operand("x'y", is_quoted=True), Operand("EMPTY", is_empty=True))),
                    Junction("not", (Clause("c", "is not", (Operand("null", is_empty=True),)),)),
                ),
            ),
        ),
    )
    assert query.order == (("d", True), ("e", False))


def test_epoch_literals_and_granularity_can_be_taken_away() -> None:
    """A site may refuse epoch milliseconds, and an index may have whole minutes only."""
    tracker = make_tracker()
    tracker.clock.set(datetime(2026, 3, 1, 9, 0, 30, tzinfo=UTC))
    tracker.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": "s"})
    exact = ms(tracker.clock.now())
    assert found(tracker, f"updated >= {exact}") == ["CAPA-1"]

    tracker.settings.index_granularity_ms = 60_000
    assert found(tracker, f"updated >= {exact}") == []
    assert found(tracker, f"updated >= {exact - 30_000}") == ["CAPA-1"]

    tracker.settings.epoch_literals = False
    with pytest.raises(JiraError, match="is invalid"):
        found(tracker, f"updated >= {exact}")


def test_missing_ids_can_be_tolerated() -> None:
    """With the setting off, an id that does not exist finds nothing."""
    tracker = make_tracker(missing_ids_are_errors=False)
    tracker.as_user("Ann Arbor").create("CAPA", "Nonconformity", {"summary": "s"})

    assert found(tracker, "id in (10001, 99999)") == ["CAPA-1"]
