"""Long histories and long pages arrive complete, whatever the tracker embeds, hides or reorders meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capa_sync.model.ticket import Presence
from capa_sync.sandbox.messages import Reply, Request
from tests.sync.equal import assert_equal
from tests.sync.users import RECORDS, users_on
from tests.sync.world import SOURCES, World, open_world, shown

PAGE = 500 if os.environ.get("CAPA_SYNC_EVERY_PAGE") else 60
"""Rows of a page: `make pages` reads ten thousand rows, the suite an eighth of them in as many pages."""
ROWS, OF_ONE_SECOND = 20 * PAGE + 1, 12 * PAGE


def edit_at_one_instant(world: World, times: int) -> str:
    """Edit one ticket as people so many times without the clock moving; return its id."""
    users = users_on(world.only)
    if not users.ids():
        users.create("one")
    [ticket] = users.records()
    for number in range(times):
        users.edit(ticket, f"text {number}", who=0 if world.only.name == "servicenow" else 1)
    return ticket


@pytest.mark.parametrize("embedded", [20, 40, 100])
@pytest.mark.parametrize("at_once", [True, False], ids=["one instant", "spread"])
def test_a_cloud_history_of_250_entries_comes_whole(embedded: int, at_once: bool, tmp_path: Path) -> None:
    """However few the search embeds, at the first read and at a poll, all 250 changes are there in true order."""
    with open_world(tmp_path, "jira") as world:
        world.only.settings(inline_changelog_cap=embedded, changelog_page_cap=90)
        ticket = edit_at_one_instant(world, 125)
        if not at_once:
            world.later(minutes=7)
        world.cycle()
        assert len(world.changes(ticket)) == 125
        edit_at_one_instant(world, 125)
        world.cycle()
        assert len(world.changes(ticket)) == 250
        assert_equal(world, users_on(world.only))


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_data_center_history_of_250_entries_comes_whole(order: str, tmp_path: Path) -> None:
    """Data Center returns the history in one answer, in either order."""
    with open_world(tmp_path, "jira-dc") as world:
        world.only.settings(dc_history_order=order)
        ticket = edit_at_one_instant(world, 250)
        world.cycle()
        assert len(world.changes(ticket)) == 250
        assert_equal(world, users_on(world.only))


@pytest.mark.parametrize("source", SOURCES)
def test_entries_of_one_instant_keep_their_true_order(source: str, tmp_path: Path) -> None:
    """Each of sixty edits of one instant starts from the value that the edit before it set, in mirror and view."""
    with open_world(tmp_path, source) as world:
        ticket = edit_at_one_instant(world, 60)
        world.cycle()
        steps = [(shown(c.old), shown(c.new)) for c in world.ticket(ticket).changes]
        assert [new for _, new in steps] == [f"text {number}" for number in range(60)]
        assert [old for old, _ in steps[1:]] == [new for _, new in steps[:-1]]
        rows = sorted(world.view("v_changes", origin="history"), key=lambda row: row["group_no"])
        assert [row["to_value"] for row in rows] == [new for _, new in steps]


def fill_with_rows(world: World) -> list[str]:
    """Write twenty pages of issues, twelve of them within one second; return their ids, spread over all of them."""
    person = world.only.tracker.as_user("anna.lee")
    ids = []
    for number in range(ROWS):
        if number in (1, OF_ONE_SECOND + 1) or (number > OF_ONE_SECOND and number % 40 == 0):
            world.later(seconds=1)
        row = person.insert(RECORDS, {"short_description": f"row {number}", "u_track": "improvement"})
        ids.append(row["sys_id"])
    return ids


@pytest.mark.slow
def test_of_rows_on_many_pages_none_is_lost_none_doubled(tmp_path: Path) -> None:
    """Twelve of twenty pages are of one second, rows are touched between pages, and some pages are short or empty."""
    more = f"page_size = {PAGE}"
    with open_world(tmp_path, "servicenow", rules=("what-when-where",), more=more) as world:
        ids = fill_with_rows(world)
        hidden = [id_ for id_ in sorted(ids) if "5" <= id_[0] <= "6"]  # whole pages of the backfill, empty
        hidden += sorted(ids)[: 10 * PAGE : 7]  # and pages that are short
        world.only.settings(hidden_rows=hidden)
        world.later(hours=1)
        touched: list[str] = []
        person = world.only.tracker.as_user("mara.roy")

        def touch(request: Request, _reply: Reply) -> None:
            if request.path.endswith(RECORDS) and len(touched) < 400:
                for id_ in ids[len(touched) * 7 % ROWS :: 5 * PAGE]:
                    person.update(RECORDS, id_, {"short_description": f"touched {len(touched)}"})
                    touched.append(id_)

        world.only.server.after.append(touch)
        world.cycle()
        world.only.server.after.clear()
        world.cycle(minutes=10)
        mirrored = world.presences()
        assert set(mirrored) == set(ids) - set(hidden)
        assert set(mirrored.values()) == {Presence.PRESENT}
        _same_rows(world, hidden)
        world.only.settings(hidden_rows=[])
        for id_ in ids[:OF_ONE_SECOND]:  # a bulk edit within one second, and the hidden ones are shown
            person.update(RECORDS, id_, {"short_description": "bulk"})
        world.cycle(days=1)
        assert set(world.presences()) == set(ids)
        _same_rows(world, [])


def _same_rows(world: World, hidden: list[str]) -> None:
    """Every visible row has exactly its audit rows in the public view, once, and its present text."""
    tracker = world.only.tracker
    out = set(hidden)
    audit = [row for row in tracker.rows("sys_audit") if row["documentkey"] not in out]
    entries = sorted((row["ticket_id"], row["entry"]) for row in world.view("v_changes", origin="history"))
    assert entries == sorted((row["documentkey"], row["sys_id"]) for row in audit if row["tablename"] == RECORDS)
    texts = {row["sys_id"]: row["short_description"] for row in tracker.rows(RECORDS) if row["sys_id"] not in out}
    held = world.contents()
    assert {id_: ticket.values["short_description"].text for id_, (_, ticket) in held.items()} == texts
    assert world.view("v_changes", origin="observed") == []


def test_a_ticket_that_goes_before_its_history_comes_is_not_taken_for_one_without(tmp_path: Path) -> None:
    """Edited in the instant of its creation, then deleted between its page and its changelog: nothing is stored."""
    with open_world(tmp_path, "jira") as world:
        users, before = users_on(world.only), world.only.server.before
        world.later(seconds=30)
        users.create("one")
        world.cycle(seconds=0)
        [ticket] = users.ids()
        seen = world.ticket(ticket)
        users.edit(ticket, "another", 1)

        def delete(request: Request) -> None:
            if request.target.endswith("/changelog/bulkfetch") and users.ids():
                users.delete(ticket)

        before.append(delete)
        world.cycle()
        assert users.ids() == []
        assert world.ticket(ticket) == seen
