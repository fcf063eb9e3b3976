"""Versions of raw parts: nothing is stored twice, and the newest part reads back complete."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.store.parts import APPEND, LIST, PREPEND, WHOLE, Stored, entry_id, first_form, merged, next_version
from tests.unit.store.fake_parser import part


def grow(*contents: Any, kind: str = "history") -> list[Stored]:
    """Return the versions stored for a part that was read with these contents one after the other."""
    versions: list[Stored] = []
    for content in contents:
        versions.append(next_version(versions, part(kind, content)))
    return versions


def entry(number: int, text: str = "") -> dict[str, str]:
    """Return a list entry with its own id."""
    return {"id": str(number), "text": text}


def test_new_entries_at_the_end_are_stored_alone() -> None:
    """A history that grew by one entry stores that entry, not the whole history again."""
    first, second = grow([entry(1), entry(2)], [entry(1), entry(2), entry(3)])
    assert (first.form, second.form) == (LIST, APPEND)
    assert orjson.loads(second.body) == [entry(3)]


def test_new_entries_at_the_start_are_stored_alone() -> None:
    """A list that is delivered newest first grows at its start."""
    second = grow([entry(2), entry(1)], [entry(3), entry(2), entry(1)])[1]
    assert second.form == PREPEND
    assert orjson.loads(second.body) == [entry(3)]


def test_an_edited_entry_is_a_new_version_of_itself_only() -> None:
    """If one text of a comment list was edited, only that comment is stored again."""
    second = grow([entry(1, "a"), entry(2, "b")], [entry(1, "A"), entry(2, "b")], kind="comments")[1]
    assert orjson.loads(second.body) == [entry(1, "A")]


def test_a_removed_entry_stores_no_entry_and_is_gone_from_the_newest() -> None:
    """A deleted comment is absent from the newest part and stays in the versions."""
    versions = grow([entry(1), entry(2)], [entry(2)], kind="comments")
    assert orjson.loads(versions[1].body) == []
    assert orjson.loads(merged(versions).body) == [entry(2)]
    assert orjson.loads(merged(versions[:1]).body) == [entry(1), entry(2)]


def test_entries_without_ids_or_with_the_same_id_are_stored_whole() -> None:
    """If entries cannot be distinguished, a changed list is stored completely."""
    assert grow([{"a": 1}], [{"a": 2}])[1].form == LIST
    assert grow([entry(1, "x"), entry(1, "y")], [entry(1, "y"), entry(1, "x")])[1].form == LIST


def test_records_are_whole_versions() -> None:
    """A record is no list: each version is complete."""
    versions = grow({"id": "1", "a": 1}, {"id": "1", "a": 2}, kind="record")
    assert [stored.form for stored in versions] == [WHOLE, WHOLE]
    assert first_form("record") == WHOLE


def test_servicenow_ids_are_found_plain_and_as_pairs() -> None:
    """A sys_id identifies an entry with or without its display value."""
    assert entry_id({"sys_id": "abc"}) == "abc"
    assert entry_id({"sys_id": {"value": "abc", "display_value": "abc"}}) == "abc"
    assert entry_id(["no", "object"]) == ""


def test_a_list_in_an_envelope_grows_by_its_entries_alone() -> None:
    """An audit part says besides its rows whether it is complete; this is stored for each read."""
    first = {"complete": False, "rows": [entry(2)]}
    second = {"complete": True, "rows": [entry(1), entry(2)]}
    versions = grow(first, second, kind="audit")
    assert versions[1].form == PREPEND
    assert orjson.loads(versions[1].body) == {"complete": True, "rows": [entry(1)]}
    assert orjson.loads(merged(versions).body) == second


def test_another_envelope_is_stored_whole() -> None:
    """A list that moved, or an object with two lists, is stored undivided."""
    assert grow([entry(1)], {"rows": [entry(1)]})[1].form == LIST
    two = {"rows": [entry(1)], "more": [entry(2)]}
    assert orjson.loads(grow(two, {**two, "x": 1})[1].body) == {**two, "x": 1}


_ENTRIES = st.lists(
    st.builds(entry, st.integers(0, 9), st.sampled_from(["", "x", "y"])),
    unique_by=lambda made: made["id"],
    max_size=8,
) | st.lists(st.builds(entry, st.integers(0, 3), st.sampled_from(["", "x"])), max_size=5)


@given(st.lists(_ENTRIES, min_size=1, max_size=8), st.booleans())
def test_the_newest_part_always_reads_back(contents: list[Any], is_enveloped: bool) -> None:
    """Whatever happens to a list between reads, each of its versions reads back as it was read."""
    versions: list[Stored] = []
    for number, entries in enumerate(contents):
        content = {"complete": number % 2 == 0, "rows": entries} if is_enveloped else entries
        versions.append(next_version(versions, part("comments", content)))
        assert orjson.loads(merged(versions).body) == content
        assert merged(versions).digest == part("comments", content).digest
