"""In an unchanged world nothing is written to any tracker, and no row of the register changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import ALL, FACTS, NOW, Harness

RULES = (
    "root-cause-before-action",
    "action-overdue",
    "what-when-where",
    "correction-recorded",
    "due-date-moved",
    "root-cause-substantive",
)


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """All three trackers with every kind of ticket, read and warned on until nothing is left to do."""
    harness = shared_harness(rules=RULES)
    create_world(harness)
    harness.sync()
    harness.sync()
    return harness


def create_world(harness: Harness) -> None:
    """Create tickets of every kind on each tracker."""
    for source in ALL:
        harness.create_broken(source)
        harness.create_clean(source)
        harness.clock.set(NOW - timedelta(days=5))
        harness.play_event(source, "vague", Create({"title": "Backup", "owner": "priya.nair"}))
        harness.play_event(source, "parent", Create(FACTS))
        harness.play_event(source, "parent", AddAction("Change the checklist", Day(2), "child", "tomasz.zielinski"))
        harness.clock.set(NOW)
    harness.play_event("jira", "clean", Fill({"servicenow_number": harness.key("servicenow", "clean")}))


def _dump(harness: Harness) -> dict[str, list[Any]]:
    with harness.register() as register:
        months = [tuple(row.items()) for view in ("v_months", "v_rule_months") for row in register.view(view)]
        return {**harness.tables(), "months": months, "event": [register.verify().events]}


def _checkpoint(harness: Harness) -> None:
    """Move what a process left in the write-ahead log into the file: the next one to close it would do so."""
    with closing(sqlite3.connect(harness.register_file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _unnumbered(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the tables without the row numbers of SQLite, which carry no information."""
    return {
        name: sorted((row[1:] for row in rows), key=repr) if name in ("change", "child") else rows
        for name, rows in tables.items()
    }


def test_the_world_has_something_of_everything(harness: Harness) -> None:
    """The register that stays unchanged below is not empty."""
    tables = _dump(harness)
    for table in ("mirror", "part", "finding", "write_out", "ticket", "change", "verdict", "register_row", "action"):
        assert tables[table], table
    for source in ALL:
        assert harness.picture(source, "broken")["state"] == "warning"
        assert harness.picture(source, "clean")["state"] in ("", None)
    assert tables["joined"]
    assert tables["months"]


@pytest.mark.slow
def test_twenty_more_cycles_write_nothing_and_change_no_row(harness: Harness) -> None:
    """Our own writes cause no further writes, and polls of an unchanged world change only the run ledger."""
    before, sent = _dump(harness), harness.writes()
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(20)
        assert daemon.stop().code == 0
    assert harness.writes() == sent
    after = _dump(harness)
    assert {name for name in before if before[name] != after[name]} == set()


def test_a_full_read_and_a_census_write_nothing_and_change_no_row(harness: Harness) -> None:
    """`sync --full` reads everything again, compares every id, and finds nothing to store."""
    before, sent = _dump(harness), harness.writes()
    done = harness.sync("--full")
    assert "0 judged" in done.out
    assert harness.writes() == sent
    after = _dump(harness)
    assert {name for name in before if before[name] != after[name]} - {"release", "event"} == set()
    with sqlite3.connect(harness.register_file) as connection:
        kinds = connection.execute("SELECT DISTINCT kind FROM event WHERE number > ?", before["event"]).fetchall()
    assert kinds == [("release",)]  # with which `sync` was started


def test_rebuild_gives_the_derived_tables_again(harness: Harness) -> None:
    """The derived tables are dropped and computed again with equal rows; no request reaches a tracker."""
    before = _unnumbered(_dump(harness))
    requests = [len(server.requests) for server in harness.servers.values()]
    done = harness.run("rebuild")
    assert done.code == 0
    assert done.out.startswith("rebuilt 15 tickets, ")
    assert [len(server.requests) for server in harness.servers.values()] == requests
    after = _unnumbered(_dump(harness))
    assert {name for name in before if before[name] != after[name]} == set()


def test_plan_changes_neither_the_register_nor_a_tracker(harness: Harness) -> None:
    """With a new ticket to warn on, `plan` shows the comment; register and trackers do not change."""
    key = harness.create_broken("jira", "late", days=0)
    _checkpoint(harness)
    before, file, sent = _dump(harness), harness.register_file.read_bytes(), harness.writes()
    planned = harness.run("plan")
    assert planned.code == 0
    assert any(f"jira:{key} " in line and "new comment" in line for line in planned.out.splitlines())
    assert "Rules: root-cause-before-action" in planned.out
    assert _dump(harness) == before
    assert harness.register_file.read_bytes() == file
    assert harness.writes() == sent
    harness.sync()
    lines = harness.run("plan").out.splitlines()
    assert [line for line in lines if "cannot tell" not in line] == [
        f"{name}: nothing would be written; mode on" for name in harness.names
    ]
