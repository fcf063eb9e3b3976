"""Raw parts become tickets: by a pure function, vendor-neutral, with a record of what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from capa_sync.errors import Skippable
from capa_sync.model.ticket import Part, SourceTicket
from capa_sync.model.values import BLANK, Raw
from capa_sync.sources.servicenow.cells import lean
from capa_sync.sources.servicenow.parse import ServiceNowParser
from capa_sync.sources.servicenow.parts import (
    AUDIT,
    JOURNAL,
    Reach,
    entries_part,
    labels_part,
    reach_part,
    record_part,
)

A, B = "a" * 32, "b" * 32
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
NOON = "2026-03-01 12:00:00"
ROW = {"sys_id": "c" * 32, "number": "ISS1", "sys_created_on": NOON, "sys_updated_on": NOON, "sys_created_by": "lee"}
LABELS = {
    "users": {"lee": A},
    "people": {A: "Lee Wong", B: "Kim Roy"},
    "choices": {"state": {"10": "New"}},
    "columns": {"state": "State"},
    "html": ["u_html"],
}


def both(value: str, display: str) -> dict[str, str]:
    """Return a cell as display_value=all delivers it."""
    return {"value": value, "display_value": display}


def parse(row: dict[str, Any] | None = None, past: list[dict[str, str]] | None = None, **parts: Part) -> SourceTicket:
    """Parse a ticket with these columns and this history."""
    made = {
        "record": record_part("sn_grc_issue", "", lean({**ROW, **(row or {})}), ("work_notes", "comments")),
        "audit": entries_part(AUDIT, past or []),
        "journal": entries_part(JOURNAL, []),
        "reach": reach_part(Reach.WHOLE, Reach.WHOLE, SINCE),
        "labels": labels_part(LABELS),
        **parts,
    }
    return ServiceNowParser("sn", "https://x.service-now.com/").parse(list(made.values()))


def change(field: str, old: str, new: str) -> dict[str, str]:
    """Return one audit row."""
    base = {"sys_id": "e1", "user": "lee", "sys_created_on": NOON, "record_checkpoint": "1"}
    return {**base, "fieldname": field, "oldvalue": old, "newvalue": new}


@pytest.mark.parametrize(
    ("cell", "raw"),
    [
        (both("10", "New"), Raw(ids=("10",), names=("New",), text="New")),
        (both(A, "Lee Wong"), Raw(ids=(A,), names=("Lee Wong",), text="Lee Wong")),
        (both(A, ""), Raw(ids=(A,), text=A)),
        (both(f"{A},{B}", "Lee Wong, Kim Roy"), Raw((A, B), ("Lee Wong", "Kim Roy"), "Lee Wong, Kim Roy")),
        (both(f"{A},{B}", "Roy, Kim, Lee Wong"), Raw((A, B), (), "Roy, Kim, Lee Wong")),
        (both(NOON, "01.03.2026 13:00:00"), Raw(ids=("2026-03-01T12:00:00Z",), text="2026-03-01T12:00:00Z")),
        (both("2026-03-01", "01.03.2026"), Raw(ids=("2026-03-01",), text="2026-03-01")),
        (both("plain", "plain"), Raw(ids=("plain",), text="plain")),
        (both("", ""), BLANK),
        (None, BLANK),
    ],
)
def test_a_columns_value_loses_its_vendors_shape(cell: Any, raw: Raw) -> None:
    """Choices and references keep id and name, instants are ISO and UTC, empty is blank."""
    assert parse({"u_x": cell}).values["u_x"] == raw


@pytest.mark.parametrize(
    ("markup", "raw"),
    [
        ("<p>Why 1: a &amp; b</p><p>Why 2:&nbsp;c</p>", "Why 1: a & b\nWhy 2: c"),
        ("<script>alert(1)</script>seen", "seen"),
        ("<p> </p><p><br></p>", ""),
    ],
)
def test_markup_becomes_the_text_that_people_read(markup: str, raw: str) -> None:
    """An HTML column of empty paragraphs is empty; scripts are no text."""
    found = parse({"u_html": markup}).values["u_html"]
    assert found.text == raw
    assert found.is_blank is (raw == "")


def test_markup_of_pictures_alone_is_media_only() -> None:
    """A pasted picture fills a column without any text."""
    assert parse({"u_html": '<p><img src="x.png"></p>'}).values["u_html"] == Raw(media_only=True)


def test_bookkeeping_and_journals_are_no_values() -> None:
    """Columns that each update changes, and columns without a value of their own, carry no information."""
    names = ("sys_updated_on", "sys_updated_by", "sys_mod_count", "sys_tags", "work_notes", "comments", "sys_id")
    assert not parse(dict.fromkeys(names, "x") | {"sys_updated_on": NOON}).values.keys() & set(names)


def test_an_absent_column_is_absent() -> None:
    """A column that we may not see is not an empty column."""
    assert "u_root_cause" not in parse().values


def test_past_values_have_todays_names() -> None:
    """History has raw values: choices and people get the names that the instance delivers for them."""
    rows = [
        change("state", "10", "77"),
        change("assigned_to", A, B),
        change("u_list", f"{A},{B}", ""),
        change("d", "", NOON),
    ]
    found = {c.field_id: (c.old, c.new) for c in parse(past=rows).changes}
    assert found["state"] == (Raw(("10",), ("New",), "New"), Raw(("77",), (), "77"))
    assert found["assigned_to"] == (Raw((A,), ("Lee Wong",), "Lee Wong"), Raw((B,), ("Kim Roy",), "Kim Roy"))
    assert found["u_list"][0].ids == (A, B)
    assert found["d"][1].text == "2026-03-01T12:00:00Z"


def test_changes_name_their_author_field_and_entry() -> None:
    """User names become sys_ids; an unknown one stays as it is; the change has the column's label."""
    first = parse(past=[change("state", "10", "11")]).changes[0]
    assert (first.entry, first.by, first.field_name, first.at) == (
        "e1",
        A,
        "State",
        datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    assert parse(past=[{**change("state", "1", "2"), "user": "gone"}]).changes[0].by == "gone"


def test_notes_repeated_by_the_audit_are_no_changes() -> None:
    """The audit repeats journal entries as changes of their column; they are already comments."""
    assert parse(past=[change("work_notes", "", "hello")]).changes == ()


@pytest.mark.parametrize("audit", Reach)
@pytest.mark.parametrize("journal", Reach)
def test_an_incomplete_part_makes_only_itself_unknown(audit: Reach, journal: Reach) -> None:
    """Hidden rows and closed tables all count; only a closed audit makes our own observation the history."""
    found = parse(reach=reach_part(audit, journal, SINCE))
    assert found.history_complete is (audit is Reach.WHOLE)
    assert found.unknown == (frozenset() if journal is Reach.WHOLE else {"comments"})
    assert found.history_from == (SINCE if audit is Reach.CLOSED else None)


def test_the_instant_of_the_first_reading_does_not_change_the_digest() -> None:
    """A later reading of a closed history is no new version, so the first instant stays."""
    first, later = (reach_part(Reach.CLOSED, Reach.WHOLE, datetime(2026, 3, day, tzinfo=UTC)) for day in (1, 2))
    assert first.digest == later.digest
    assert first.body != later.body


def test_digests_ignore_who_reads() -> None:
    """Dates and journals look different in each reader's zone; the record's digest does not."""

    def digest(zone: str) -> str:
        row = {**ROW, "due": both(NOON, zone), "u_notes": both("", zone), "work_notes": both("", zone)}
        return record_part("t", "", lean(row), ("work_notes",)).digest

    assert digest("01/03 in Kiritimati") == digest("28/02 in St. John's")


def test_a_child_names_its_record_and_its_link() -> None:
    """The reference column of a child table is its parent; the link opens the child under its own table."""
    part = record_part("sn_grc_task", "issue", {**ROW, "issue": both(A, "ISS9"), "sys_class_name": "sn_grc_task"}, ())
    ticket = ServiceNowParser("sn", "https://x.service-now.com/").parse([part])
    assert (ticket.parent, ticket.kind, ticket.container, ticket.key) == (A, "sn_grc_task", "sn_grc_task", "ISS1")
    assert ticket.url == f"https://x.service-now.com/nav_to.do?uri=sn_grc_task.do%3Fsys_id%3D{'c' * 32}"


def test_a_record_without_times_is_skipped_with_its_reason() -> None:
    """A row whose times we may not read makes no ticket; the reason says why."""
    with pytest.raises(Skippable, match="ISS1: sys_created_on or sys_updated_on"):
        parse({"sys_updated_on": ""})


NO_TEXTS = [5, 0, 1.5, True, False, [], ["a"], {}, {"x": "a"}, [{"value": "a"}]]


@pytest.mark.parametrize("odd", NO_TEXTS, ids=repr)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_cell_that_is_no_text_is_unknown(odd: Any, is_wrapped: bool) -> None:
    """The platform sends texts alone: `True` is not its `true`, and nothing else is empty either."""
    cell = {"value": odd, "display_value": "shown"} if is_wrapped else odd
    ticket = parse({"u_root_cause": cell, "u_grade": both("2", "Minor")})
    assert ticket.values.get("u_root_cause") is None
    assert "u_root_cause" not in list(ticket.values)
    assert ticket.values["u_grade"] == Raw(ids=("2",), names=("Minor",), text="Minor")


@pytest.mark.parametrize("odd", NO_TEXTS, ids=repr)
def test_a_label_that_is_no_text_gives_way_to_the_value(odd: Any) -> None:
    """The value is still known."""
    cell = {"value": "2", "display_value": odd}
    grade = parse({"u_grade": cell}).values["u_grade"]
    assert (grade.ids, grade.text) == (("2",), "2")


@pytest.mark.parametrize("odd", NO_TEXTS, ids=repr)
@pytest.mark.parametrize(
    "column", ["number", "sys_class_name", "sys_created_by", "sys_created_on", "sys_updated_on", "issue"]
)
def test_a_row_whose_identity_is_no_text_makes_no_ticket(column: str, odd: Any) -> None:
    """This holds also for a child whose reference column is no text."""
    row = {**ROW, "issue": "d" * 32, column: odd}
    record = record_part("sn_grc_task", "issue", row, ())
    with pytest.raises(Skippable, match=column):
        parse(record=record)


@pytest.mark.parametrize("odd", ["a^b", "a,b", "../x", "x" * 81, "\x91", "a b"])
def test_a_row_whose_class_names_no_table_makes_no_ticket(odd: str) -> None:
    """Such a name would go into a query; its ticket alone is quarantined."""
    with pytest.raises(Skippable, match="sys_class_name"):
        parse(record=record_part("sn_grc_issue", "", {**ROW, "sys_class_name": odd}, ()))


@pytest.mark.parametrize(
    "odd", ["9999-12-31 23:59:59", "2200-01-01 00:00:00", "1989-12-31 23:59:59", "0001-01-01 00:00:00"]
)
@pytest.mark.parametrize("column", ["sys_created_on", "sys_updated_on"])
def test_a_row_of_an_impossible_year_makes_no_ticket(column: str, odd: str) -> None:
    """No deadline can be counted from it, so only its ticket is quarantined."""
    with pytest.raises(Skippable, match="sys_created_on or sys_updated_on"):
        parse(record=record_part("sn_grc_issue", "", {**ROW, column: odd}, ()))
