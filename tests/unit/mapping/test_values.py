"""A tracker value becomes a canonical value: the six states, by type."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from capa_sync.mapping.people import NOBODY
from capa_sync.mapping.people_directory import PeopleDirectory
from capa_sync.mapping.values import converter, parse_time, split_list
from capa_sync.model.catalogue import FIELDS
from capa_sync.model.values import BLANK, Raw, Value, ValueState
from tests.unit.mapping.world import option, raw

NONE = PeopleDirectory("jira", NOBODY, (), (), ())


def value(name: str, tracker_value: Raw, **options: object) -> Value:
    """Convert a tracker's value for a canonical field."""
    return converter(FIELDS[name], **options)(tracker_value, NONE)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["root_cause", "grade", "owner", "due_at", "why_chain", "training_needed"])
def test_an_absent_value_is_empty_whatever_the_type(name: str) -> None:
    """A field without a value is empty."""
    assert value(name, BLANK).state is ValueState.EMPTY


def test_text_keeps_what_a_person_reads_beside_the_normalised_text() -> None:
    """Rules get the normalised text, people get the tracker's text."""
    found = value("root_cause", raw("No\u00a0deputy \r\n named"))
    assert (found.state, found.data, found.text) == (
        ValueState.FILLED,
        "No deputy named",
        "No\u00a0deputy \r\n named",
    )


@pytest.mark.parametrize("text", ["\u200b", " \n ", "\x00"])
def test_text_of_nothing_visible_is_empty(text: str) -> None:
    """An empty paragraph is no content."""
    assert value("root_cause", raw(text)).state is ValueState.EMPTY


def test_a_placeholder_is_neither_filled_nor_empty() -> None:
    """`TBD` has a state of its own and keeps its text."""
    found = value("root_cause", raw("TBD"))
    assert (found.state, found.data, found.text) == (ValueState.PLACEHOLDER, None, "TBD")


def test_an_image_alone_is_filled_but_marked() -> None:
    """Media count as filled, and rules see that there is no text."""
    found = value("objective_evidence", Raw(media_only=True))
    assert found.is_filled
    assert found.media_only


def test_an_option_is_found_by_id_or_by_name_in_any_case() -> None:
    """The mapping can name an option either way."""
    words = {"100": "major", "Minor": "minor"}
    assert value("grade", option("100", "Schwer"), words=words).data == "major"
    assert value("grade", option("7", "MINOR"), words=words).data == "minor"


def test_an_unlisted_option_is_an_error_that_names_option_and_place() -> None:
    """An unlisted option never gets a default."""
    found = value("grade", option("-100", "Unknown"), words={"Minor": "minor"}, where="map.yaml:9")
    assert found.state is ValueState.ERROR
    assert "option 'Unknown' (-100) is not listed at map.yaml:9" in found.reason


def test_an_option_may_stand_for_no_choice() -> None:
    """An option mapped to `empty` is no value."""
    assert value("grade", option("1", "Please select"), words={"Please select": "empty"}).state is ValueState.EMPTY


def test_two_options_that_disagree_are_an_error_and_two_that_agree_are_not() -> None:
    """The field needs a single word."""
    words = {"a": "major", "b": "minor", "c": "minor"}
    assert value("grade", Raw(("a", "b"), ("A", "B"), "A, B"), words=words).state is ValueState.ERROR
    assert value("grade", Raw(("b", "c"), ("B", "C"), "B, C"), words=words).data == "minor"


def test_a_cascading_option_may_be_listed_by_its_parent() -> None:
    """The child's own line wins; the parent's line covers the other children."""
    chosen = Raw(("11",), ("Sub",), "Audit - Sub", parent="1")
    assert value("source", chosen, words={"1": "internal_audit"}).data == "internal_audit"
    assert value("source", chosen, words={"1": "internal_audit", "Sub": "supplier"}).data == "supplier"


def test_without_listed_options_our_own_words_are_taken() -> None:
    """A tracker whose choice values are ours needs no list; other values are still errors."""
    assert value("rca_method", option("five_whys", "5 Whys")).data == "five_whys"
    assert value("rca_method", option("x", "Five whys")).data == "five_whys"
    assert value("rca_method", option("x", "Crystal ball")).state is ValueState.ERROR


@pytest.mark.parametrize(("written", "word"), [("true", "yes"), ("0", "no"), ("Yes", "yes")])
def test_yes_and_no_are_understood_without_a_list(written: str, word: str) -> None:
    """Booleans of trackers are yes or no."""
    assert value("training_needed", raw(written)).data == word


def test_a_yes_no_field_does_not_guess() -> None:
    """Any other word is an error."""
    assert value("training_needed", raw("maybe")).state is ValueState.ERROR


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-06-30", date(2025, 6, 30)),
        ("2025-06-30 00:00:00.0", date(2025, 6, 30)),
        ("2025-06-30T10:00:00.000+0530", datetime(2025, 6, 30, 4, 30, tzinfo=UTC)),
        ("2025-10-26T02:30:00.000+0100", datetime(2025, 10, 26, 1, 30, tzinfo=UTC)),
        ("2025-06-30 10:00:00", datetime(2025, 6, 30, 10, tzinfo=UTC)),
        ("2025-06-30T10:00:00Z", datetime(2025, 6, 30, 10, tzinfo=UTC)),
        ("soon", None),
        ("2025-13-01", None),
    ],
)
def test_dates_and_instants_are_kept_apart(text: str, expected: date | None) -> None:
    """A date stays a date, an instant becomes UTC, a text without an offset is UTC."""
    found = parse_time(text)
    assert found == expected
    assert type(found) is type(expected)


def test_an_unreadable_time_is_an_error() -> None:
    """A date field that holds words is neither a date nor empty."""
    assert value("due_at", raw("next week")).state is ValueState.ERROR


def test_a_date_column_never_becomes_an_instant() -> None:
    """The tracker's type decides, even if the text shows a time."""
    assert value("due_at", raw("2025-06-30 00:00:00"), day_only=True).data == date(2025, 6, 30)


@pytest.mark.parametrize(
    ("text", "split", "items"),
    [
        ("A.5.18, AC-03 s4; DPA", "commas", ["A.5.18", "AC-03 s4", "DPA"]),
        ("one, two\nthree", "commas", ["one", "two", "three"]),
        ("Why 1: no deputy, no list Why 2: owner left", "lines", ["no deputy, no list", "owner left"]),
        ("1. no deputy\n2) owner left\r\n- no handover", "lines", ["no deputy", "owner left", "no handover"]),
        ("no deputy → owner left -> no handover", "lines", ["no deputy", "owner left", "no handover"]),
        ("just one reason, with a comma", "lines", ["just one reason, with a comma"]),
    ],
)
def test_a_text_is_cut_into_items(text: str, split: str, items: list[str]) -> None:
    """Lists are lines, numbered steps or words separated by commas, depending on the field."""
    assert split_list(text, split) == items


def test_a_list_drops_placeholders_and_is_a_placeholder_if_nothing_else_is_left() -> None:
    """`TBD` is no item."""
    assert value("requirement_ref", raw("A.5.18, TBD")).data == ("A.5.18",)
    assert value("requirement_ref", raw("TBD, n/a")).state is ValueState.PLACEHOLDER


def test_labels_are_the_items_of_a_list() -> None:
    """Several options are items, even if they contain commas."""
    chosen = Raw(("a", "b"), ("A.5.18, access", "A.5.15"), "…")
    assert value("requirement_ref", chosen).data == ("A.5.18, access", "A.5.15")


def test_a_list_of_options_maps_each() -> None:
    """Each option of a list is mapped by the listed words."""
    chosen = Raw(("1", "2"), ("People", "Tools"), "People, Tools")
    words = {"People": "competence", "Tools": "tooling"}
    assert value("cause_categories", chosen, words=words).data == ("competence", "tooling")


def test_several_persons_in_one_field_are_an_error() -> None:
    """It is not guessed which of them is accountable."""
    assert value("owner", Raw(("a", "b"), ("A", "B"), "A, B")).state is ValueState.ERROR


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01",
        "1899-12-31",
        "2201-01-01",
        "9999-12-31",
        "9999-12-31T23:59:59.999-1400",
        "0001-01-01T00:00:00+1400",
        "99999-01-01T00:00:00Z",
    ],
)
def test_a_date_that_no_deadline_can_be_counted_from_is_an_error(text: str) -> None:
    """Years before 1900 and after 2200, such as `9999-12-31` for "never", are neither filled nor empty."""
    found = value("due_at", raw(text))
    assert found.state is ValueState.ERROR
    assert "between 1900 and 2200" in found.reason
    assert parse_time(text) is None
