"""Rows of a table that the settings name no longer are out of scope, not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.model.ticket import Presence
from tests.sync.equal import assert_rebuilt
from tests.sync.test_absent import a_family
from tests.sync.users import PARTS, RECORDS, UserDriver, users_on
from tests.sync.world import World, open_world

PROBLEM = ("problem", "servicenow-problem.yaml")
ISSUE = ("sn_grc_issue", "servicenow-grc-issue.yaml")


def mirrored_rows(world: World, users: UserDriver) -> set[Presence]:
    """The presences of all records and tasks of the first table."""
    return {world.presence(ticket) for ticket in (*users.records(), *users.parts())}


def a_problem(world: World) -> str:
    """Create a row of the other table."""
    values = {"short_description": "a problem", "state": "102"}
    return str(world.only.tracker.as_user("anna.lee").insert("problem", values)["sys_id"])


@pytest.mark.parametrize("is_visible", [True, False], ids=["visible", "closed to us as well"])
def test_another_table_puts_the_rows_of_the_old_one_out_of_scope(is_visible: bool, tmp_path: Path) -> None:
    """No alarm, in the census and in each one after it; the new table is read; setting it back restores them."""
    with open_world(tmp_path, "servicenow") as world:
        users = a_family(world)
        world.cycle()
        problem = a_problem(world)
        if not is_visible:
            world.only.settings(forbidden_tables=[RECORDS, PARTS])
        world.retable(*PROBLEM)
        for later in ({"hours": 2}, {"hours": 2}, {"days": 2}):
            world.cycle(**later)
            assert world.problem() == ""
            assert mirrored_rows(world, users) == {Presence.OUT_OF_SCOPE}
            assert world.presence(problem) is Presence.PRESENT
            assert set(world.health()["vanished"]) == {"out_of_scope"}
        rows = world.view("v_tickets", ticket_id=users.records()[0])
        assert rows[0]["presence_proof"] == f"the settings name {RECORDS} no longer"
        assert_rebuilt(world)
        world.only.settings(forbidden_tables=[])
        world.retable(*ISSUE)
        world.cycle(hours=2)
        world.cycle(hours=2)
        assert mirrored_rows(world, users) == {Presence.PRESENT}
        assert world.presence(problem) is Presence.OUT_OF_SCOPE
        assert world.problem() == ""


def test_a_row_of_the_old_table_that_is_deleted_later_is_still_proven_deleted(tmp_path: Path) -> None:
    """The daily look at rows out of scope includes those of a table that the settings name no longer."""
    with open_world(tmp_path, "servicenow") as world:
        users = a_family(world)
        world.cycle()
        a_problem(world)
        world.retable(*PROBLEM)
        world.cycle(hours=2)
        deleted, silently, *_ = users.records()
        world.only.tracker.as_user("admin").delete(RECORDS, deleted)
        world.only.tracker.as_user("admin").delete(RECORDS, silently, workflow=False)
        world.cycle(days=2)
        assert world.presence(deleted) is Presence.DELETED
        assert world.presence(silently) is Presence.DELETED_OR_HIDDEN
        world.cycle(days=2)
        assert world.presence(silently) is Presence.DELETED_OR_HIDDEN


def test_a_table_of_actions_taken_out_of_the_mapping_puts_its_rows_out_of_scope(tmp_path: Path) -> None:
    """The same holds for the rows of a child table; the records stay."""
    with open_world(tmp_path, "servicenow") as world:
        users = users_on(world.only)
        a_family(world)
        world.cycle()
        world.resettle(
            "servicenow",
            mapping={
                "  - from: child\n    table: sn_grc_task\n    reference: issue ": (
                    "  - from: child\n    table: problem_task\n    reference: problem "
                )
            },
        )
        for later in ({"hours": 2}, {"days": 2}):
            world.cycle(**later)
            assert world.problem() == ""
            assert {world.presence(part) for part in users.parts()} == {Presence.OUT_OF_SCOPE}
            assert {world.presence(record) for record in users.records()} == {Presence.PRESENT}


def test_a_table_that_the_settings_still_name_is_access_lost_beside_it(tmp_path: Path) -> None:
    """What the settings name and nobody shows us raises the alarm, the other table does not."""
    with open_world(tmp_path, "servicenow") as world:
        users = a_family(world)
        world.cycle()
        problem = a_problem(world)
        world.retable(*PROBLEM)
        world.cycle(hours=2)
        world.only.settings(forbidden_tables=["problem", RECORDS, PARTS])
        world.try_cycle(days=1)
        assert world.presence(problem) is Presence.ACCESS_LOST
        assert "problem is no longer visible to us (1 ticket)" in world.problem()
        assert RECORDS not in world.problem()
        assert mirrored_rows(world, users) == {Presence.OUT_OF_SCOPE}
