"""Field values and history of Jira as Raw values and changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from capa_sync.errors import Skippable
from capa_sync.model.site import FieldDef
from capa_sync.model.ticket import Part
from capa_sync.model.values import BLANK, Raw
from capa_sync.sources.jira.changes import FieldNames, HistoryReader, field_id_of, sorted_entries
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.jira.parts import history_part, record_part, split
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.jira.values import clean, field_value, history_value

CREATED = "2026-03-01T09:00:00.000+0000"
ADF = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Why"}]}]}


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (None, BLANK),
        ("", BLANK),
        ("  \r\n ", BLANK),
        ([], BLANK),
        ({"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": []}]}, BLANK),
        ("text", Raw(("text",), (), "text")),
        (ADF, Raw(("Why",), (), "Why")),
        (5.0, Raw(("5",), (), "5")),
        (2.5, Raw(("2.5",), (), "2.5")),
        (True, Raw(("true",), (), "true")),
        ("2026-03-01", Raw(("2026-03-01",), (), "2026-03-01")),
        ("2026-03-01T23:30:00.000-0330", Raw(("2026-03-02T03:00:00Z",), (), "2026-03-02T03:00:00Z")),
        ({"id": "3", "name": "To Do"}, Raw(("3",), ("To Do",), "To Do")),
        ({"id": "21", "value": "Major"}, Raw(("21",), ("Major",), "Major")),
        (
            {"id": "1", "value": "EU", "child": {"id": "2", "value": "UK"}},
            Raw(("2",), ("UK",), "EU - UK", parent="1"),
        ),
        ({"accountId": "acc", "displayName": "Ann"}, Raw(("acc",), ("Ann",), "Ann")),
        ({"name": "ann", "key": "JIRAUSER1", "displayName": "Ann"}, Raw(("ann",), ("Ann",), "Ann")),
        (["a", "b"], Raw(("a", "b"), ("a", "b"), "a, b")),
        ([{"id": "1", "value": "X"}, {"id": "2", "value": "Y"}], Raw(("1", "2"), ("X", "Y"), "X, Y")),
        ({"id": "10010", "key": "CAPA-1", "fields": {}}, Raw(("10010",), ("CAPA-1",), "CAPA-1")),
        ({"requestType": {"id": "7", "name": "Report"}}, Raw(("7",), ("Report",), "Report")),
        (
            ["com.atlassian.greenhopper.service.sprint.Sprint@1f2e[id=7,rapidViewId=1,state=ACTIVE,name=Sprint 1]"],
            Raw(("7",), ("Sprint 1",), "Sprint 1"),
        ),
        ("com.foo.Bar@1a2b3c", Raw(("com.foo.Bar",), (), "com.foo.Bar")),
        ("ask ann.bow@deadbeef.com", Raw(("ask ann.bow@deadbeef.com",), (), "ask ann.bow@deadbeef.com")),
    ],
)
def test_a_value_of_any_shape_is_read(value: Any, raw: Raw) -> None:
    """Ids are what Jira compares; names and text are what a person reads."""
    assert field_value("customfield_1", value) == raw


def test_a_running_sla_is_no_value() -> None:
    """Its value changes at every read."""
    assert field_value("customfield_1", {"name": "Time to resolution", "ongoingCycle": {"elapsedTime": {}}}) is None


@pytest.mark.parametrize(
    ("field_id", "id_", "shown", "raw"),
    [
        ("status", "3", "To Do", Raw(("3",), ("To Do",), "To Do")),
        ("status", None, None, BLANK),
        ("labels", "", "a b", Raw(("a", "b"), ("a", "b"), "a, b")),
        ("labels", None, "", BLANK),
        ("customfield_1", None, "Nobody *owned* it", Raw(("Nobody owned it",), (), "Nobody owned it")),
        ("description", '{"id":"ari:cloud:jira:x/description","version":"1"}', "Text", Raw(("Text",), (), "Text")),
        ("duedate", "2026-03-01", "2026-03-01 00:00:00.0", Raw(("2026-03-01",), (), "2026-03-01")),
        (
            "customfield_1",
            "2026-03-01T10:00:00+0100",
            "1/Mar/26",
            Raw(("2026-03-01T09:00:00Z",), (), "2026-03-01T09:00:00Z"),
        ),
        ("customfield_1", "[31, 32]", "London,Leeds", Raw(("31", "32"), ("London", "Leeds"), "London,Leeds")),
        ("customfield_1", "[31, 32]", "A, B,C", Raw(("31", "32"), (), "A, B,C")),
        ("customfield_1", "[]", "", BLANK),
        ("assignee", "JIRAUSER1", "Ann", Raw(("ann",), ("Ann",), "Ann")),
        (
            "customfield_1",
            None,
            "Parent values: EU(1)Level 1 values: UK(2)",
            Raw(("2",), ("UK",), "EU - UK", parent="1"),
        ),
        ("customfield_1", None, "5", Raw(("5",), (), "5")),
    ],
)
def test_a_side_of_a_history_item_reads_like_the_value(field_id: str, id_: Any, shown: Any, raw: Raw) -> None:
    """History and present value can therefore be compared."""
    assert history_value(field_id, id_, shown, {"JIRAUSER1": "ann"}) == raw


@pytest.mark.parametrize(
    "value",
    ["2017-07-14T02:40:00.000+0000", "2017-07-14T04:40:00+02:00", 1_500_000_000, "1500000000", 1_500_000_000_000],
)
def test_an_instant_in_any_form_is_the_same(value: Any) -> None:
    """The forms are ISO with either form of offset, seconds, and milliseconds."""
    assert read_instant(value) == datetime(2017, 7, 14, 2, 40, tzinfo=UTC)


@pytest.mark.parametrize("value", ["2026-03-01T09:00:00", "soon", None, -5, 10**18, "1066-10-14T09:00:00+0000"])
def test_what_is_no_instant_is_refused(value: Any) -> None:
    """The cases are: no offset, out of range, and no instant at all."""
    with pytest.raises((ValueError, TypeError)):
        read_instant(value)


def entry(id_: str, created: Any, *items: dict[str, Any], author: Any = None) -> dict[str, Any]:
    """Return a history entry."""
    found = {"id": id_, "created": created, "items": list(items)}
    return found if author is None else {**found, "author": author}


def item(field: str, to: str, **given: Any) -> dict[str, Any]:
    """Return a history item."""
    return {
        "field": field,
        "fieldtype": "jira",
        "from": None,
        "fromString": None,
        "to": None,
        "toString": to,
        **given,
    }


def test_entries_of_one_instant_keep_their_true_order() -> None:
    """Time decides, then the id as a number; items of one entry share an order; equal entries are separate."""
    later, same = "2026-03-01T10:00:00.000+0000", CREATED
    entries = [
        entry("101", later, item("summary", "d")),
        entry("100", same, item("summary", "c"), item("labels", "x")),
        entry("99", same, item("summary", "b")),
        entry("9", same, item("summary", "a")),
    ]
    changes = HistoryReader().read(sorted_entries(entries), {})
    assert [change.new.text for change in changes] == ["a", "b", "c", "x", "d"]
    assert [change.order for change in changes] == [0, 1, 2, 2, 3]


def test_a_deleted_author_is_nobody() -> None:
    """A missing author and missing strings are no error."""
    bare = {"id": "1", "created": CREATED, "items": [{"field": "status", "fieldtype": "jira"}]}
    change = HistoryReader().read(sorted_entries([bare]), {})[0]
    assert (change.by, change.old, change.new, change.field_id) == ("", BLANK, BLANK, "status")


def test_field_names_resolve_only_without_doubt() -> None:
    """A name that two custom fields have, or none, stays a name; system fields have their own table."""
    names = FieldNames(
        [
            FieldDef("customfield_1", "Root cause", custom=True),
            FieldDef("customfield_2", "Twice", custom=True),
            FieldDef("customfield_3", "Twice", custom=True),
            FieldDef("summary", "Zusammenfassung"),
        ]
    )
    entries = [
        entry("1", CREATED, *(item(name, "x", fieldtype="custom") for name in ("Root cause", "Twice", "Gone"))),
        entry("2", CREATED, item("Fix Version", "1"), item("Zusammenfassung", "y"), item("status", "z")),
    ]
    names.resolve(entries)
    found = [change.get("fieldId") or field_id_of(change) for saved in entries for change in saved["items"]]
    assert found == ["customfield_1", "name:Twice", "name:Gone", "fixVersions", "summary", "status"]


def issue(**fields: Any) -> dict[str, Any]:
    """Return a raw issue."""
    return {"id": "10001", "key": "CAPA-1", "fields": {"created": CREATED, "updated": CREATED, **fields}}


def parsed(raw: dict[str, Any], histories: list[Any] | None = None) -> Any:
    """Parse an issue through its parts."""
    split(raw)
    parts = [record_part(raw), history_part(histories or [], is_complete=True)]
    return JiraParser("jira", "https://x.example/").parse(parts)


def test_a_ticket_holds_what_the_answer_held_and_no_more() -> None:
    """Absent keys are absent, null is blank, bookkeeping is left out, an unknown person is nobody."""
    ticket = parsed(
        issue(summary="S", assignee=None, lastViewed=CREATED, votes={"votes": 1}, attachment=[{"id": "1"}])
    )
    assert set(ticket.values) == {"summary", "assignee", "created"}
    assert ticket.values["assignee"] is not None
    assert ticket.values["assignee"].is_blank
    assert (ticket.url, ticket.attachments, ticket.created_by) == ("https://x.example/browse/CAPA-1", 1, "")


def test_odd_characters_are_kept_raw_and_cleaned_in_text() -> None:
    """The text has CRLF, control characters, 4-byte characters and a lone surrogate."""
    raw = issue(summary="a\x00b\r\nc 🦊")
    ticket = parsed(raw)
    assert ticket.values["summary"].text == "ab\nc 🦊"
    assert b"\\u0000" in record_part(raw).body
    assert clean("x\ud800y") == "x?y"


def test_moves_leave_old_keys() -> None:
    """Each former key is listed once, the present key never."""
    moves = [
        entry("1", CREATED, item("Key", "OPS-1", fromString="CAPA-9")),
        entry("2", CREATED, item("Key", "CAPA-1", fromString="OPS-1")),
        entry("3", CREATED, item("Key", "CAPA-1", fromString="CAPA-1")),
    ]
    assert parsed(issue(), moves).old_keys == ("CAPA-9", "OPS-1")


def test_addresses_and_the_viewers_own_fields_change_no_digest() -> None:
    """Volatile values are stored and do not count; real changes do."""

    def digest(**fields: Any) -> str:
        raw = issue(**fields)
        split(raw)
        return record_part(raw).digest

    assert digest(customfield_1="com.foo.Bar@1a2b") == digest(customfield_1="com.foo.Bar@ffff")
    assert digest(customfield_1="com.foo.Bar@1a2b") != digest(customfield_1="com.foo.Baz@1a2b")
    assert digest(lastViewed=CREATED) == digest(lastViewed=None) == digest()
    assert digest(sla={"ongoingCycle": {"elapsedTime": 1}}) == digest(sla={"ongoingCycle": {"elapsedTime": 2}})
    assert digest(customfield_1="ann@1a2b.example") != digest(customfield_1="ann@ffff.example")


@pytest.mark.parametrize(
    "raw", [{"id": "1", "key": "X-1"}, {"id": "1", "key": "X-1", "fields": {}}, issue(created="never")]
)
def test_what_makes_no_ticket_is_skippable(raw: dict[str, Any]) -> None:
    """The error names the ticket and the reason."""
    with pytest.raises(Skippable, match=raw["key"]):
        JiraParser("jira", "https://x.example").parse([Part("record", orjson.dumps(raw), "")])


def test_a_ticket_without_its_history_is_not_complete() -> None:
    """Temporal rules must be able to give cannot tell."""
    part = record_part(issue())
    assert JiraParser("jira", "https://x.example").parse([part]).history_complete is False
