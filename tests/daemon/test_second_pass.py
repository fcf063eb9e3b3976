"""An unchanged world: nothing is written to any tracker, and no row of the register changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import ALL, FACTS, NOW, Desk

RULES = (
    "root-cause-before-action",
    "action-overdue",
    "what-when-where",
    "correction-recorded",
    "due-date-moved",
    "root-cause-substantive",
)


@pytest.fixture(scope="module")
def desk(shared_desk: MakeDesk) -> Desk:
    """All three trackers with every kind of ticket, read and warned on until nothing more is to do."""
    desk = shared_desk(rules=RULES)
    _tell_world(desk)
    desk.sync()
    desk.sync()
    return desk


def _tell_world(desk: Desk) -> None:
    for source in ALL:
        desk.tell_broken(source)
        desk.tell_clean(source)
        desk.clock.set(NOW - timedelta(days=5))
        desk.tell(source, "vague", Create({"title": "Backup", "owner": "priya.nair"}))
        desk.tell(source, "parent", Create(FACTS))
        desk.tell(source, "parent", AddAction("Change the checklist", Day(2), "child", "tomasz.zielinski"))
        desk.clock.set(NOW)
    desk.tell("jira", "clean", Fill({"servicenow_number": desk.key("servicenow", "clean")}))


def _dump(desk: Desk) -> dict[str, list[Any]]:
    return desk.tables()


def _unnumbered(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The tables without the row numbers that SQLite counts up, which say nothing."""
    return {
        name: sorted((row[1:] for row in rows), key=repr) if name in ("change", "child") else rows
        for name, rows in tables.items()
    }


def test_the_world_has_something_of_everything(desk: Desk) -> None:
    """What stays unchanged below is no empty register."""
    tables = _dump(desk)
    for table in ("mirror", "part", "finding", "write_out", "ticket", "change", "verdict", "register_row", "action"):
        assert tables[table], table
    for source in ALL:
        assert desk.picture(source, "broken")["state"] == "warning"
        assert desk.picture(source, "clean")["state"] in ("", None)
    assert tables["joined"]


def test_twenty_more_cycles_write_nothing_and_change_no_row(desk: Desk) -> None:
    """Own writes cause no further writes; a poll of an unchanged world leaves the ledger alone longer."""
    before, sent = _dump(desk), desk.writes()
    with desk.daemon() as daemon:
        daemon.wait_for_cycles(20)
        assert daemon.stop().code == 0
    assert desk.writes() == sent
    after = _dump(desk)
    assert {name for name in before if before[name] != after[name]} == set()


def test_a_whole_read_and_a_census_write_nothing_and_change_no_row(desk: Desk) -> None:
    """`sync --full` reads everything again, compares every id, and finds nothing to store."""
    before, sent = _dump(desk), desk.writes()
    told = desk.sync("--full")
    assert "0 judged" in told.out
    assert desk.writes() == sent
    after = _dump(desk)
    assert {name for name in before if before[name] != after[name]} - {"release"} == set()


def test_rebuild_gives_the_derived_tables_again(desk: Desk) -> None:
    """Dropped and made anew from the primary tables, every row is what it was; no tracker is asked."""
    before = _unnumbered(_dump(desk))
    requests = [len(server.requests) for server in desk.servers.values()]
    done = desk.run("rebuild")
    assert done.code == 0
    assert done.out.startswith("rebuilt 15 tickets, ")
    assert [len(server.requests) for server in desk.servers.values()] == requests
    after = _unnumbered(_dump(desk))
    assert {name for name in before if before[name] != after[name]} == set()


def test_plan_changes_neither_the_register_nor_a_tracker(desk: Desk) -> None:
    """With a new ticket to warn on, `plan` shows the comment; register and trackers stay as they are."""
    key = desk.tell_broken("jira", "late", days=0)
    before, file, sent = _dump(desk), desk.register_file.read_bytes(), desk.writes()
    told = desk.run("plan")
    assert told.code == 0
    assert any(f"jira:{key} " in line and "new comment" in line for line in told.out.splitlines())
    assert "Rules: root-cause-before-action" in told.out
    assert _dump(desk) == before
    assert desk.register_file.read_bytes() == file
    assert desk.writes() == sent
    desk.sync()
    told = desk.run("plan").out.splitlines()
    assert [line for line in told if "cannot tell" not in line] == [
        f"{name}: nothing would be written; mode on" for name in desk.names
    ]
