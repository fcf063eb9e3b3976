"""Audit rows of one second are put into their true order, one group per update."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from capa_sync.sources.servicenow.order import in_true_order

SECOND = "2026-01-01 10:00:00"


def entry(field: str, old: str, new: str, **more: str) -> dict[str, str]:
    """Return one audit row."""
    return {"fieldname": field, "oldvalue": old, "newvalue": new, "user": "lee", "sys_created_on": SECOND, **more}


def shape(rows: list[dict[str, str]]) -> list[list[str]]:
    """Return the new values by update."""
    return [sorted(row["newvalue"] for row in update) for update in in_true_order(rows)]


def test_the_checkpoint_decides_within_a_second() -> None:
    """Rows with a checkpoint are grouped and ordered by it, numerically."""
    rows = [
        entry("state", "11", "12", record_checkpoint="10"),
        entry("cause", "", "c", record_checkpoint="9"),
        entry("state", "10", "11", record_checkpoint="9"),
    ]
    assert shape(rows) == [["11", "c"], ["12"]]


def test_without_a_checkpoint_values_are_chained() -> None:
    """Each change of a column starts from the value that the previous one left, in whatever order the rows came."""
    rows = [
        entry("state", "12", "13"),
        entry("state", "10", "11"),
        entry("cause", "", "c"),
        entry("state", "11", "12"),
    ]
    assert shape(rows) == [["11", "c"], ["12"], ["13"]]


def test_a_column_that_returns_to_its_value_loses_no_row() -> None:
    """Both rows of a change and its reversal within one second are kept."""
    assert len(shape([entry("state", "1", "2"), entry("state", "2", "1")])) == 2


def test_two_people_in_one_second_are_two_updates() -> None:
    """Rows of different users are never one update."""
    rows = [entry("state", "1", "2"), entry("cause", "", "c", user="kim")]
    assert len(shape(rows)) == 2


def test_identical_rows_are_entries_of_their_own() -> None:
    """Two equal rows stay two."""
    assert sum(map(len, shape([entry("state", "1", "2"), entry("state", "1", "2")]))) == 2


@given(st.permutations([str(number) for number in range(7)]), st.booleans())
def test_any_arrival_order_gives_the_true_order(arrival: list[str], has_checkpoint: bool) -> None:
    """Seven updates of one second, in any order of arrival, are put into their sequence."""
    more = (lambda n: {"record_checkpoint": n}) if has_checkpoint else (lambda n: {})
    rows = [entry("state", f"s{n}", f"s{int(n) + 1}", **more(n)) for n in arrival]
    assert shape(rows) == [[f"s{number + 1}"] for number in range(7)]
