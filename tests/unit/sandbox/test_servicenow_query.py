"""Encoded queries of the sandbox ServiceNow: parsing, operators, scripts, and what is silently dropped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.servicenow.query import Order, QueryCondition, parse_query

ROWS = [
    {
        "number": "ISS1",
        "short_description": "Lost Laptop",
        "priority": "2",
        "u_grade": "minor",
        "assigned_to": "u-lee",
    },
    {
        "number": "ISS2",
        "short_description": "lost badge",
        "priority": "10",
        "u_grade": "major",
        "assigned_to": "u-kim",
    },
    {"number": "ISS3", "short_description": "Door open", "priority": "3"},
]


@pytest.fixture
def tracker() -> ServiceNowTracker:
    """Return a tracker with three issues and two people with managers."""
    found = ServiceNowTracker(SandboxClock(datetime(2026, 3, 1, tzinfo=UTC), ticking=False))
    people: list[dict[str, object]] = [
        {"kind": "user", "sys_id": "u-lee", "user_name": "lee", "name": "Lee", "manager": "u-kim"},
        {"kind": "user", "sys_id": "u-kim", "user_name": "kim", "name": "Kim"},
    ]
    tickets = [
        {"kind": "ticket", "table": "sn_grc_issue", "record": {**row, "sys_id": row["number"]}} for row in ROWS
    ]
    found.load([*people, *tickets])
    return found


def numbers(tracker: ServiceNowTracker, query: str) -> list[str]:
    """Return the numbers of the issues that a query matches."""
    return [row["number"] for row in tracker.rows("sn_grc_issue", query)]


def test_a_query_is_parsed_into_conjuncts_alternatives_and_branches() -> None:
    """`^OR` binds to the condition before it, `^NQ` starts a new filter."""
    query = parse_query("a=1^b>2^ORc<3^NQd!=4")
    assert query.branches == (
        ((QueryCondition("a", "=", "1"),), (QueryCondition("b", ">", "2"), QueryCondition("c", "<", "3"))),
        ((QueryCondition("d", "!=", "4"),),),
    )


def test_orderby_is_no_alternative() -> None:
    """`^ORDERBY` begins with OR and is still a sort key."""
    query = parse_query("active=true^ORDERBYsys_updated_on^ORDERBYDESCsys_id")
    assert query.orders == (Order("sys_updated_on"), Order("sys_id", descending=True))
    assert query.branches == (((QueryCondition("active", "=", "true"),),),)


def test_the_end_marker_of_the_list_view_is_no_condition() -> None:
    """A query copied from a list ends in `^EQ`."""
    assert parse_query("a=1^EQ").unreadable == ()


def test_a_caret_in_a_value_becomes_another_condition() -> None:
    """There is no escape: a caret in a user's text changes the query (docs/servicenow.md 7.2)."""
    assert parse_query("short_description=a^ORb=c").branches == (
        ((QueryCondition("short_description", "=", "a"), QueryCondition("b", "=", "c")),),
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("u_grade=minor", ["ISS1"]),
        ("u_grade!=minor", ["ISS2", "ISS3"]),
        ("u_gradeINminor,major", ["ISS1", "ISS2"]),
        ("u_gradeNOT INminor", ["ISS2", "ISS3"]),
        ("u_gradeISEMPTY", ["ISS3"]),
        ("u_gradeISNOTEMPTY", ["ISS1", "ISS2"]),
        ("u_gradeANYTHING", ["ISS1", "ISS2", "ISS3"]),
        ("u_grade=", ["ISS3"]),
        ("u_grade>=minor", ["ISS1"]),
        ("u_grade<minor", ["ISS2"]),
        ("u_grade<=minor", ["ISS1", "ISS2"]),
        ("priority>2", ["ISS2", "ISS3"]),
        ("priority<=3", ["ISS1", "ISS3"]),
        ("short_descriptionLIKElost", ["ISS2"]),
        ("short_descriptionNOT LIKElost", ["ISS1", "ISS3"]),
        ("short_descriptionSTARTSWITHLost", ["ISS1"]),
        ("short_descriptionENDSWITHopen", ["ISS3"]),
        ("numberBETWEENISS2@ISS3", ["ISS2", "ISS3"]),
        ("u_grade=minor^ORu_grade=major^priority>5", ["ISS2"]),
        ("u_grade=minor^NQpriority=3", ["ISS1", "ISS3"]),
        ("assigned_to.user_name=lee", ["ISS1"]),
        ("assigned_to.manager.name=Kim", ["ISS1"]),
        ("assigned_to.nameISEMPTY", ["ISS3"]),
        ("sys_class_name=sn_grc_issue^number=ISS3", ["ISS3"]),
    ],
)
def test_operators_select_what_the_platform_selects(
    tracker: ServiceNowTracker, query: str, expected: list[str]
) -> None:
    """Each operator selects the rows that the platform selects; empty differs from every value, but has no order."""
    assert numbers(tracker, query) == expected


@pytest.mark.parametrize("query", ["nonsense=1", "u_gradeRESEMBLESx", "assigned_to.nonsense=1", "what is this"])
def test_an_unknown_part_is_dropped_and_everything_comes(tracker: ServiceNowTracker, query: str) -> None:
    """An invalid part is ignored, so ALL rows are returned: the most dangerous trap."""
    assert len(numbers(tracker, query)) == len(ROWS)
    assert tracker.ignored_parts


def test_a_property_turns_an_invalid_query_into_nothing(tracker: ServiceNowTracker) -> None:
    """`glide.invalid_query.returns_no_rows` is the platform's own guard."""
    tracker.set_property("glide.invalid_query.returns_no_rows", "true")
    assert numbers(tracker, "nonsense=1^u_grade=minor") == []
    assert numbers(tracker, "u_grade=minor") == ["ISS1"]


def test_a_dropped_alternative_leaves_the_others(tracker: ServiceNowTracker) -> None:
    """Only the invalid part is dropped, not its whole group."""
    assert numbers(tracker, "nonsense=1^ORu_grade=minor") == ["ISS1"]


def test_range_operators_need_their_right(tracker: ServiceNowTracker) -> None:
    """Without `query_range` the part is dropped; equality still works."""
    tracker.settings.query_range_denied = ["sn_grc_issue.number"]
    assert len(numbers(tracker, "number>ISS2")) == 3
    assert numbers(tracker, "number=ISS2") == ["ISS2"]


@pytest.mark.parametrize(
    ("zone", "literal", "expected"),
    [
        ("GMT", "2026-03-01 00:00:00", ["ISS9"]),
        ("Pacific/Kiritimati", "2026-03-01 00:00:00", ["ISS9"]),
        ("GMT", "javascript:gs.dateGenerate('2026-03-01','00:00:00')", ["ISS9"]),
        ("Pacific/Kiritimati", "javascript:gs.dateGenerate('2026-03-01','00:00:00')", ["ISS8", "ISS9"]),
        ("America/St_Johns", 'javascript:gs.dateGenerate("2026-03-01","00:00:00")', []),
        ("GMT", "2026-03-01", ["ISS9"]),
    ],
)
def test_plain_literals_are_utc_and_scripts_the_users_zone(zone: str, literal: str, expected: list[str]) -> None:
    """A plain time literal means UTC; `gs.dateGenerate` means the session user's zone (docs/servicenow.md 2.2)."""
    tracker = ServiceNowTracker(SandboxClock(datetime(2026, 3, 2, tzinfo=UTC), ticking=False))
    tracker.settings.user_time_zone = zone
    for number, updated in (("ISS8", "2026-02-28 18:00:00"), ("ISS9", "2026-03-01 01:00:00")):
        record = {"sys_id": number, "number": number, "sys_updated_on": updated, "sys_created_on": updated}
        tracker.load([{"kind": "ticket", "table": "sn_grc_issue", "record": record}])
    assert numbers(tracker, f"sys_updated_on>{literal}") == expected


def test_a_script_that_is_not_understood_is_dropped(tracker: ServiceNowTracker) -> None:
    """An unknown function makes the part invalid, with the same consequence."""
    assert len(numbers(tracker, "sys_updated_on>javascript:gs.launch()")) == 3
    assert numbers(tracker, "assigned_to=javascript:gs.getUserID()") == []
