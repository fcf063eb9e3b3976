"""Which page counts as the last, and which addresses and options are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.model.address import check_address
from capa_sync.model.clock import SystemClock
from capa_sync.model.ticket import Cursor
from capa_sync.sources.servicenow.answers import TableAnswer, answer_check, read_headers
from capa_sync.sources.servicenow.cells import Row, display_of, lean, value_of
from capa_sync.sources.servicenow.keyset import Position
from capa_sync.sources.servicenow.options import ServiceNowAuth
from capa_sync.sources.servicenow.state import States, TableState


def page(
    rows: int, total: int | None, *, offset: int = 0, has_next: bool = False, has_links: bool = True
) -> TableAnswer:
    """Return a page with a limit of 10."""
    return TableAnswer([{}] * rows, 10, offset, total, has_links, has_next, None)


@pytest.mark.parametrize(
    ("answer", "is_end"),
    [
        (page(0, 0), True),
        (page(0, None), True),
        (page(3, 3), True),
        (page(10, 10), True),
        (page(3, 5), False),  # two rows are hidden, or on a later page
        (page(3, 2), False),  # the count is wrong
        (page(3, None), False),
        (page(10, 30, has_next=True), False),
        (page(0, 30, has_next=True), False),
        (page(0, 30, offset=30, has_next=True), True),
        (page(0, 30, has_links=False), False),
        (page(0, 30, offset=20, has_links=False), True),
    ],
)
def test_the_end_is_an_empty_page_or_a_count_that_is_reached(answer: TableAnswer, is_end: bool) -> None:
    """A short page proves nothing: the limit is applied before the access rules."""
    assert answer.is_end is is_end
    assert answer.is_last_by_emptiness is (is_end and not answer.rows)


def test_headers_are_read_and_prev_is_never_next() -> None:
    """The first page has a `prev` with a negative offset; only `next` counts."""
    link = '<https://x/t?sysparm_offset=-1>;rel="prev",<https://x/t?sysparm_offset=1>;rel="next"'
    total, has_links, has_next, at = read_headers(
        {"X-Total-Count": "73", "Link": link, "Date": "Sun, 01 Mar 2026 10:00:00 GMT"}
    )
    assert (total, has_links, has_next) == (73, True, True)
    assert at is not None
    assert at.utcoffset() == timedelta(0)
    assert read_headers({"X-Total-Count": "x", "Link": link.replace("next", "last"), "Date": "soon"}) == (
        None,
        True,
        False,
        None,
    )


def test_cells_are_read_in_every_form() -> None:
    """The forms are raw, with display text, absent and null."""
    row = {"a": "1", "b": {"value": "2", "display_value": "two"}, "c": None}
    assert [value_of(row, name) for name in "abcd"] == ["1", "2", "", ""]
    assert [display_of(row, name) for name in "abcd"] == ["1", "two", "", ""]


_TEXT = st.sampled_from(["", "", "1", '"', "\\", '{"display_value":"","value":""}', "2026-01-02 03:04:05", "é\n"])
_CELL = st.one_of(_TEXT, st.none(), st.fixed_dictionaries({"display_value": _TEXT, "value": _TEXT}))


@given(rows=st.lists(st.dictionaries(st.sampled_from(["a", "b", 'c"{', "d"]), _CELL), max_size=3))
def test_empty_cells_are_taken_out_of_an_answer_and_of_no_text(rows: list[Row]) -> None:
    """Empty cells are replaced before the answer is parsed; the rest of the answer must not change."""
    response = requests.Response()
    response.status_code = 200
    response.headers["Content-Type"] = "application/json"
    response.request = requests.Request("GET", "http://127.0.0.1/").prepare()
    response._content = orjson.dumps({"result": rows})
    answer_check("servicenow", SystemClock())(response)
    assert [lean(row) for row in response.json()["result"]] == [
        {column: _lean_slowly(cell) for column, cell in row.items()} for row in rows
    ]


def _lean_slowly(cell: Any) -> Any:
    """Return a cell as it is stored: its raw value, and the display text if it says more and is no date."""
    if not isinstance(cell, dict):
        return cell or ""
    value, display = cell["value"], cell["display_value"]
    if not value or not display or display == value or value.startswith("2026-"):
        return value
    return cell


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://x.service-now.com", "unencrypted"),
        ("ftp://x", "begins with https://"),
        ("x.service-now.com", "begins with https://"),
        ("https://u:p@x.service-now.com", "must not hold"),
    ],
)
def test_unusable_addresses_are_explained(url: str, word: str) -> None:
    """Plain http is for loopback alone, and no address contains a secret."""
    assert word in (check_address(url) or "")
    assert check_address("https://x.service-now.com") is None
    assert check_address("http://127.0.0.1:8080") is None


def test_a_secret_is_never_shown() -> None:
    """The options' own text hides it."""
    assert "hush" not in repr(ServiceNowAuth("basic", "me", "hush"))


def test_the_cursor_reads_back_from_its_json() -> None:
    """Every state of a table reads back as it was written; a table that is no longer configured is dropped."""
    states = [
        TableState(),
        TableState(filled_to="a", floor="2026-01-01 00:00:00", newest=Position("2025-01-01 00:00:00", "b")),
        TableState(at=Position("2026-01-01 00:00:00", "c"), anchored=True, filling=False),
    ]
    for state in states:
        stored = Cursor(state={"tables": {"t": state.to_json(), "old": TableState().to_json()}})
        read = States(stored, ("t",), full=False)
        assert read.of == {"t": state}
        assert set(read.cursor().state["tables"]) == {"t"}


def test_a_sweep_keeps_the_position_and_is_not_begun_twice() -> None:
    """`full` starts again from the beginning and keeps the position of changes; a sweep that has begun goes on."""
    done = TableState(at=Position("2026-01-01 00:00:00", "c"), anchored=True, filling=False)
    begun = States(Cursor(state={"tables": {"t": done.to_json()}}), ("t",), full=True).of["t"]
    assert (begun.at, begun.filling, begun.filled_to) == (done.at, True, "")
    midway = TableState(at=done.at, filled_to="m")
    assert States(Cursor(state={"tables": {"t": midway.to_json()}}), ("t",), full=True).of["t"].filled_to == "m"


@pytest.mark.parametrize(
    ("cell", "lean_cell"),
    [
        ({"value": "10", "display_value": "New"}, {"value": "10", "display_value": "New"}),
        ({"value": "10", "display_value": "New", "link": "https://x"}, {"value": "10", "display_value": "New"}),
        ({"value": "same", "display_value": "same"}, "same"),
        ({"value": "10", "display_value": None}, "10"),
        ({"value": "10"}, "10"),
        ({"value": "2026-03-01 12:00:00", "display_value": "01.03.2026 13:00:00"}, "2026-03-01 12:00:00"),
        ({"value": "", "display_value": "01.03.2026 13:00:00 - Lee (Work notes)"}, ""),
        ({"value": None, "display_value": None}, ""),
        ({}, {}),
        ({"x": 1}, {}),
        (0, {"value": 0}),
        (False, {"value": False}),
        (["a"], {"value": ["a"]}),
        ({"value": 0, "display_value": "0"}, {"value": 0}),
        ({"value": True, "display_value": True}, {"value": True}),
        ("plain", "plain"),
        (None, ""),
    ],
)
def test_a_lean_row_has_the_values_of_the_row(cell: object, lean_cell: object) -> None:
    """What is left out adds nothing, whatever cells stand beside it, and a lean row stays as it is."""
    pair = {"value": "1", "display_value": "one"}
    assert lean({"u_x": cell}) == {"u_x": lean_cell}
    assert lean({"a": pair, "u_x": cell, "z": "text"}) == {"a": pair, "u_x": lean_cell, "z": "text"}
    assert lean(lean({"u_x": cell})) == {"u_x": lean_cell}
    assert value_of({"u_x": lean_cell}, "u_x") == value_of({"u_x": cell}, "u_x")


@pytest.mark.parametrize("odd", [[], {}, [["deep"] * 9] * 9, {"value": ["list"]}, {"value": {"is": "odd"}}], ids=repr)
def test_a_cell_that_holds_a_structure_has_no_value(odd: Any) -> None:
    """It is not written out: that would cost seconds for megabytes."""
    assert value_of({"number": odd}, "number") == ""
