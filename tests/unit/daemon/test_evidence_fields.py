"""What a pack says of each field of a record: its whole value as people read it, and who set it last and when."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.evidence_fields import field_rows
from capa_sync.exports.record_fields import what_it_says
from capa_sync.mapping import BoundMapping
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.field_titles import FIELD_TITLES
from capa_sync.model.light import altered
from capa_sync.model.ticket import SourceTicket
from tests.unit.mapping.world import MAJOR, MAPPING, MINOR, T0, bound_to, option, record, ticket, user

LATER = T0 + timedelta(days=3)
LONG = "Nobody owned the calendar of the reviews.\n\n" * 900
"""Longer than any cell of a spreadsheet."""


@pytest.fixture
def bound(tmp_path: Path) -> BoundMapping:
    """The mapping of the small site."""
    return bound_to(tmp_path)


def fields(bound: BoundMapping, given: SourceTicket) -> dict[str, dict[str, Any]]:
    """Return the rows of a ticket's record by field."""
    rows = field_rows(record(bound, given))
    assert [row["field"] for row in rows] == [name for name in FIELDS if name in {row["field"] for row in rows}]
    return {row["field"]: row for row in rows}


def test_every_field_of_the_catalogue_has_a_title_of_its_own() -> None:
    """No two are alike, so that nobody takes one for another."""
    assert list(FIELD_TITLES) == list(FIELDS)
    assert len({title.casefold() for title in FIELD_TITLES.values()}) == len(FIELDS)


def test_a_text_is_whole_and_a_field_without_content_is_left_out(bound: BoundMapping) -> None:
    """With its lines, whatever its length; an empty field and one that is not mapped have no row."""
    found = fields(bound, ticket({"c2": LONG, "c8": ""}))
    assert found["correction"]["text"] == LONG
    assert "requirement_ref" not in found
    assert "impact" not in found


def test_values_are_shown_as_people_read_them(bound: BoundMapping) -> None:
    """The tracker's own words; our word where it is another one; a person's name; each item of a list."""
    values = {"c3": MAJOR, "assignee": user("acc-roy"), "duedate": "2025-06-02", "c8": "A.5.18, AC-03"}
    found = fields(bound, ticket(values | {"c7": "Why 1: late\nWhy 2: no owner"}))
    assert {name: row["text"] for name, row in found.items() if name not in ("title", "location")} == {
        "track": "nonconformity",
        "grade": "Major",
        "owner": "Mara Roy",
        "due_at": "2025-06-02",
        "requirement_ref": "A.5.18, AC-03",
        "why_chain": "Why 1: late\nWhy 2: no owner",
    }
    assert (found["due_at"]["value"], found["owner"]["value"]) == (date(2025, 6, 2), "roy")
    assert found["owner"]["label"] == "Assignee"


def test_an_option_with_another_word_of_ours_has_both(tmp_path: Path) -> None:
    """What rules read is what an auditor compares with."""
    text = "Major: major, Minor: minor, Not graded: empty"
    other = bound_to(tmp_path, text=MAPPING.replace(text, "Sev 1: major"))
    assert fields(other, ticket({"c3": option("100", "Sev 1")}))["grade"]["text"] == "Sev 1 (major)"


def test_who_set_a_value_last_is_what_the_history_says(bound: BoundMapping) -> None:
    """Its last change; else the creation, by who created the ticket."""
    history = [
        (T0 + timedelta(days=1), "acc-lee", {"c3": (MINOR, MAJOR)}),
        (LATER, "acc-roy", {"c3": (MAJOR, MINOR), "c2": (None, "Done by hand")}),
    ]
    found = fields(bound, ticket({"c3": MINOR, "c2": "Done by hand"}, history))
    last = {name: (row["how"], row["set_at"], row["set_by"]) for name, row in found.items()}
    assert last["grade"] == last["correction"] == ("change", LATER, "Mara Roy")
    assert last["title"] == ("created", T0, "Anna Lee")
    assert last["track"] == ("", None, ""), "the mapping's constant was set by nobody"


def test_a_value_that_the_history_does_not_explain_was_only_seen(bound: BoundMapping) -> None:
    """The tracker does not say who made it."""
    found = fields(bound, ticket({"c2": "Something else"}, [(LATER, "acc-roy", {"c2": (None, "Done by hand")})]))
    assert (found["correction"]["how"], found["correction"]["set_by"]) == ("observed", "")
    (row,) = what_it_says([found["correction"]], "UTC").rows or ()
    assert row == ["Correction", "Something else", "seen 8 May 2025, 08:00:00; the tracker does not say by whom"]


@pytest.mark.parametrize(
    ("begins", "how"),
    [
        (None, {"title": "", "correction": ""}),
        (LATER, {"title": "", "correction": "change"}),
        (T0, {"title": "created", "correction": "change"}),
    ],
)
def test_of_a_history_that_begins_late_nothing_is_told_of_the_creation(
    bound: BoundMapping, begins: Any, how: dict[str, str]
) -> None:
    """From where it begins on, its changes count; one from the creation on is whole."""
    history = [(LATER, "acc-roy", {"c2": (None, "Done by hand")})]
    given = ticket({"c2": "Done by hand"}, history, history_complete=False, history_from=begins)
    found = fields(bound, given)
    assert {name: found[name]["how"] for name in how} == how


def test_a_field_whose_history_is_ambiguous_was_set_by_nobody_knows(bound: BoundMapping) -> None:
    """As rules over it cannot tell."""
    made = record(bound, ticket({"c2": "Done by hand"}))
    (row,) = [
        row for row in field_rows(altered(made, history_gaps={"correction": "x"})) if row["field"] == "correction"
    ]
    assert (row["how"], row["set_at"]) == ("", None)


def test_what_is_no_plain_value_says_so(bound: BoundMapping) -> None:
    """A placeholder, an option that is not listed, a field that cannot be read, and an instant in the zone."""
    given = ticket({"c2": "TBD", "c3": option("7", "Odd"), "c6": "2025-05-01T22:30:00Z"})
    given = ticket(dict(given.values), lost=frozenset({"c8"}))
    section = what_it_says(list(fields(bound, given).values()), "Europe/London")
    shown = {row[0]: row[1] for row in section.rows or ()}
    assert shown["Correction"] == "TBD (a placeholder: it does not count as filled)"
    assert shown["Grade"].startswith("Odd (not known: option 'Odd' (7) is not listed at ")
    assert shown["Requirement not fulfilled (Requirement)"].startswith("not known: 'Requirement' is missing from ")
    assert shown["Happened (Occurred)"] == "1 May 2025, 23:30:00"


def test_a_record_that_could_not_be_mapped_says_nothing_and_points_to_why() -> None:
    """The section is there all the same."""
    section = what_it_says([], "UTC")
    assert (section.rows, section.says) == (None, ("Nothing: what is missing in this pack says why.",))
