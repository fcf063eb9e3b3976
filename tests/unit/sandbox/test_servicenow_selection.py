"""Pages of the sandbox ServiceNow: indexes give the same as a full scan; offset paging over ties loses rows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.servicenow.access import Caller
from capa_sync.sandbox.servicenow.filter import Filter, FilterPart
from capa_sync.sandbox.servicenow.selection import Selection, Window, select
from capa_sync.sandbox.servicenow.store import StoredRow

IDS = [f"{n:02x}" for n in range(40)]
UPDATE_TIMES = [f"2026-01-0{n} 00:00:00" for n in range(1, 5)]
ORDERS = ["", "^ORDERBYsys_id", "^ORDERBYDESCsys_id", "^ORDERBYsys_updated_on^ORDERBYsys_id"]
ORDERS += ["^ORDERBYDESCsys_updated_on^ORDERBYDESCsys_id", "^ORDERBYstate^ORDERBYsys_id"]

conditions = st.one_of(
    st.builds("sys_id{}{}".format, st.sampled_from([">", ">=", "<", "<=", "="]), st.sampled_from(IDS)),
    st.builds(
        "sys_updated_on{}{}".format, st.sampled_from([">", ">=", "<", "<=", "="]), st.sampled_from(UPDATE_TIMES)
    ),
    st.builds("state{}{}".format, st.sampled_from(["=", "!=", ">"]), st.sampled_from("123")),
    st.builds("number{}{},{}".format, st.just("IN"), st.sampled_from(IDS), st.sampled_from(IDS)),
    st.just("sys_updated_onISNOTEMPTY"),
)
queries = st.builds(
    lambda first, more, order: first + "".join(joint + part for joint, part in more) + order,
    conditions,
    st.lists(st.tuples(st.sampled_from(["^", "^", "^OR", "^NQ"]), conditions), max_size=3),
    st.sampled_from(ORDERS),
)
rows = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from(UPDATE_TIMES), st.sampled_from("123")),
    unique_by=lambda row: row[0],
)


def filled(made: list[tuple[str, str, str]]) -> ServiceNowTracker:
    """Return a tracker with these (id, update time, state) issues."""
    tracker = ServiceNowTracker(SandboxClock(datetime(2026, 3, 1, tzinfo=UTC), ticking=False))
    for sys_id, updated, state in made:
        record = {
            "sys_id": sys_id,
            "number": sys_id,
            "state": state,
            "sys_updated_on": updated,
            "sys_created_on": updated,
        }
        tracker._instance.store.add(StoredRow("sn_grc_issue", record))
    return tracker


def resolved(tracker: ServiceNowTracker, query: str) -> Filter:
    """Return a query resolved for the admin."""
    caller: Caller = tracker.accounts.caller("admin")
    return tracker._instance.resolve(query, "sn_grc_issue", caller)


def page_of(tracker: ServiceNowTracker, query: str, window: Window) -> Selection:
    """Return one page of issues."""
    return select(tracker._instance.store.view("sn_grc_issue"), resolved(tracker, query), window)


def expected_ids(tracker: ServiceNowTracker, query: str) -> list[str]:
    """Return what a full scan gives, sorted in the simplest way."""
    wanted = resolved(tracker, query)
    found = [row for row in tracker._instance.store.view("sn_grc_issue") if wanted.accepts(row)]
    for key in reversed(wanted.sort_keys):
        found.sort(key=lambda row: float(key.get(row)) if key.is_numeric else key.get(row), reverse=key.descending)
    return [row.sys_id for row in found]


@pytest.mark.slow
@settings(max_examples=300)
@given(rows, queries, st.integers(0, 5), st.integers(1, 50), st.booleans())
def test_indexes_give_the_same_as_a_full_scan(
    made: list[tuple[str, str, str]], query: str, offset: int, limit: int, counts: bool
) -> None:
    """Whatever index is chosen, page, total and has_more equal those of a full scan."""
    tracker = filled(made)
    expected = expected_ids(tracker, query)
    selection = page_of(tracker, query, Window(offset, limit, counts))
    got = [row.sys_id for row in selection.rows]
    if "ORDERBY" in query:
        assert got == expected[offset : offset + limit]
    else:
        assert set(got) <= set(expected)
        assert len(got) == len(expected[offset : offset + limit])
    assert selection.total == (len(expected) if counts else None)
    assert selection.has_more == (offset + limit < len(expected))


@settings(max_examples=60)
@given(rows, st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(UPDATE_TIMES)), max_size=8))
def test_indexes_follow_every_change(made: list[tuple[str, str, str]], touched: list[tuple[str, str]]) -> None:
    """After edits and deletions a query through the index still equals a full scan."""
    tracker = filled(made)
    store, query = tracker._instance.store, "sys_updated_on>=2026-01-02 00:00:00^ORDERBYsys_updated_on^ORDERBYsys_id"
    page_of(tracker, query, Window())  # builds the indexes
    for number, (sys_id, updated) in enumerate(touched):
        row = store.find("sn_grc_issue", sys_id)
        if row is not None and number % 3 == 2:
            store.remove(row)
        elif row is not None:
            store.change(row, {"sys_updated_on": updated})
    got = [row.sys_id for row in page_of(tracker, query, Window()).rows]
    assert got == expected_ids(tracker, query)
    assert {row.sys_id for row in store.view("task")} == {row.sys_id for row in store.view("sn_grc_issue")}


def conditions_tried(tracker: ServiceNowTracker, query: str, window: Window) -> int:
    """Return how many times a condition was evaluated on a row to make one page."""
    wanted, tried = resolved(tracker, query), 0

    def counted(part: FilterPart) -> FilterPart:
        def test(row: StoredRow) -> bool:
            nonlocal tried
            tried += 1
            return part.test(row)

        return FilterPart(test, part.condition)

    wanted.branches = [[counted(part) for part in branch] for branch in wanted.branches]
    select(tracker._instance.store.view("sn_grc_issue"), wanted, window)
    return tried


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ("sys_id>0100^ORDERBYsys_id", 0),
        (f"sys_updated_on={UPDATE_TIMES[1]}^sys_id>0100^ORDERBYsys_id", 0),
        (
            f"sys_updated_on>{UPDATE_TIMES[0]}^sys_updated_on<={UPDATE_TIMES[2]}^ORDERBYsys_updated_on^ORDERBYsys_id",
            0,
        ),
        ("sys_idIN0001,0002,0003^ORDERBYsys_id", 0),
        ("numberIN0001,0002^state=1^ORDERBYsys_id", 2),
        ("state=1^sys_id>0100^ORDERBYsys_id", 60),
    ],
)
def test_keyset_pages_read_their_own_rows_only(query: str, most: int) -> None:
    """The cost of a page of 50 does not grow with the table, so that 50,000 rows are read quickly."""
    tracker = filled([(f"{n:04x}", UPDATE_TIMES[n % 4], "1") for n in range(3000)])
    assert conditions_tried(tracker, query, Window(0, 50, counts=False)) <= most


def all_pages(tracker: ServiceNowTracker, order: str, size: int) -> list[str]:
    """Return all ids met by offset paging."""
    met: list[str] = []
    for offset in range(0, 400, size):
        met.extend(row.sys_id for row in page_of(tracker, order, Window(offset, size)).rows)
    return met


def test_offset_paging_over_ties_loses_rows_and_the_count_still_matches() -> None:
    """Rows with the same update time come in another order on each page (docs/servicenow.md 0.3)."""
    tracker = filled([(f"{n:04x}", UPDATE_TIMES[0], "1") for n in range(400)])
    met = all_pages(tracker, "ORDERBYsys_updated_on", 50)
    assert len(met) == 400
    assert len(set(met)) < 400
    assert met == all_pages(tracker, "ORDERBYsys_updated_on", 50), "the same rows are lost each run"


def test_a_unique_last_sort_key_makes_pages_complete() -> None:
    """With sys_id as the last key no row is lost or doubled."""
    tracker = filled([(f"{n:04x}", UPDATE_TIMES[0], "1") for n in range(400)])
    assert sorted(all_pages(tracker, "ORDERBYsys_updated_on^ORDERBYsys_id", 50)) == [f"{n:04x}" for n in range(400)]
