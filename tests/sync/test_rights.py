"""Rights missing on ServiceNow's own tables cost labels and types, never tickets or right verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capa_sync.cli.summary import summary_of
from tests.sync.equal import assert_equal
from tests.sync.users import UserDriver, users_on
from tests.sync.world import World, open_world

TABLES = ("sys_db_object", "sys_dictionary")
SETTINGS = ("forbidden_tables", "hidden_tables")


def broken_and_calm(world: World) -> UserDriver:
    """Create one ticket with an action before its root cause, and one without a finding."""
    users = users_on(world.only)
    users.create("broken")
    users.create_part(users.records()[0], "an action")
    users.create("calm")
    return users


def verdicts(world: World) -> Any:
    """Every verdict: ticket, rule, outcome, severity."""
    return sorted(row[1:5] for row in world.runtime.register.rows_by_table()["verdict"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The verdicts of an account that may read everything."""
    with open_world(tmp_path_factory.mktemp("open"), "servicenow") as world:
        broken_and_calm(world)
        world.cycle()
        return verdicts(world)


@pytest.mark.independent
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("closed", [(table,) for table in TABLES] + [TABLES], ids="+".join)
@pytest.mark.parametrize("is_later", [False, True], ids=["from the start", "taken away later"])
def test_a_table_about_tables_that_is_closed_quarantines_no_ticket(
    closed: tuple[str, ...], setting: str, is_later: bool, expected: Any, tmp_path: Path
) -> None:
    """What the rows carry is mirrored and judged alike; each missing right is reported, with what to do."""
    with open_world(tmp_path, "servicenow") as world:
        if not is_later:
            world.only.settings(**{setting: list(closed)})
        users = broken_and_calm(world)
        world.cycle()
        if is_later:
            world.only.settings(**{setting: list(closed)})
            world.restart()
            world.cycle(days=8)
        assert [row for row in world.view("v_tickets") if row["quarantine_reason"]] == []
        assert [row[1:] for row in verdicts(world)] == [row[1:] for row in expected]
        assert_equal(world, users)
        rights = summary_of(world.runtime, list(world.last.values()))["rights"]
        assert [table for table in TABLES if any(f" {table} is closed" in right for right in rights)] == list(closed)
        assert len(rights) == len(closed)
        assert [f"servicenow: {right}" for right in world.health()["missing_rights"]] == rights
        assert all("ask the admin of the instance to give it the right to read it" in right for right in rights)
        world.only.settings(**{setting: []})
        world.restart()
        world.cycle(days=1)
        assert summary_of(world.runtime, list(world.last.values()))["rights"] == []
        assert world.health()["missing_rights"] == []
        assert [row[1:] for row in verdicts(world)] == [row[1:] for row in expected]


HISTORY = {"sys_audit": "have no history from before", "sys_journal_field": "comments and work notes are not known"}


@pytest.mark.parametrize("closed", [("sys_audit",), ("sys_journal_field",), tuple(HISTORY)], ids="+".join)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_history_that_is_closed_is_a_missing_right(closed: tuple[str, ...], setting: str, tmp_path: Path) -> None:
    """`status` and `sync` name each table, what is unknown without it and what to request, until it is readable."""
    with open_world(tmp_path, "servicenow") as world:
        users = broken_and_calm(world)
        users.save_many(users.records()[0], "a word", 1)
        users.say(users.records()[0], "a remark")
        world.only.settings(**{setting: list(closed)})
        world.cycle()
        rights = world.health()["missing_rights"]
        assert [right.partition(" ")[0] for right in rights] == list(closed)
        for table, right in zip(closed, rights, strict=True):
            assert HISTORY[table] in right
            assert "ask the admin of the instance to give it the role audit_viewer" in right
        missing = summary_of(world.runtime, list(world.last.values()))["rights"]
        assert missing == [f"servicenow: {right}" for right in rights]
        world.only.settings(**{setting: []})
        world.restart()
        world.cycle(days=1)
        assert world.health()["missing_rights"] == []
