"""Tables of which one contains the rows of another: no ticket is a record and an action; the fault is reported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sync import world as worlds
from tests.sync.users import ServiceNowUserDriver, users_on
from tests.sync.world import World, open_world

PARENT_OF_ISSUES = {"table: sn_grc_task\n    reference: issue": "table: task\n    reference: parent"}
TWO_CHILDREN = {
    "people: people.yaml": """  - from: child
    table: task
    reference: parent
    kind: corrective
    done: ["157"]

people: people.yaml"""
}
CASES: dict[str, tuple[str, Mapping[str, str], str, str]] = {
    "records": ("task", {}, "the table task contains the rows of sn_grc_task", "`table` in the settings"),
    "actions": (
        "sn_grc_issue",
        PARENT_OF_ISSUES,
        "the table task contains the rows of sn_grc_issue",
        "`table:` under `actions:` in the mapping",
    ),
    "two places of actions": (
        "sn_grc_issue",
        TWO_CHILDREN,
        "the table task contains the rows of sn_grc",
        "`table:` under `actions:` in the mapping",
    ),
}
"""Which table is too large -> the records' table, the mapping's pieces, the reported problem, where to mend it."""


def filled(world: World) -> None:
    """A record that would be warned, with its action."""
    users = users_on(world.only)
    assert isinstance(users, ServiceNowUserDriver)
    users.create("a record")
    users.create_part(users.records()[0], "an action")


@pytest.mark.parametrize("closed", [[], ["sys_db_object"]], ids=["classes known", "classes unknown"])
@pytest.mark.parametrize("case", CASES)
def test_a_table_that_contains_another_is_the_sources_fault_and_nothing_is_judged(
    case: str, closed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without the right to read which table extends which; after mending it, everything is read."""
    table, mapping, words, where = CASES[case]
    more_settings = worlds._MORE["servicenow"]
    with open_world(tmp_path, "servicenow", rules=None) as world:
        world.only.settings(forbidden_tables=closed)
        filled(world)
        monkeypatch.setitem(worlds._MORE, "servicenow", more_settings.replace("sn_grc_issue", table))
        world.resettle("servicenow", mapping=mapping)
        for _ in range(2):
            [result] = world.try_cycle().values()
            assert words in result.problem
            assert where in result.problem
            assert words in world.problem()
            assert world.view("v_register") == world.view("v_findings") == []
            assert world.runtime.register.rows_by_table()["verdict"] == []
        monkeypatch.setitem(worlds._MORE, "servicenow", more_settings)
        world.resettle("servicenow", mapping={})
        world.cycle(hours=2)
        assert len(world.view("v_register")) == 1


@pytest.mark.parametrize("closed", [[], ["sys_db_object"]], ids=["classes known", "classes unknown"])
def test_a_table_that_is_exchanged_later_judges_nothing_either(
    closed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was mirrored before keeps its role, its findings and its presence."""
    more_settings = worlds._MORE["servicenow"]
    with open_world(tmp_path, "servicenow", rules=None) as world:
        world.only.settings(forbidden_tables=closed)
        filled(world)
        world.cycle()
        before = (world.view("v_findings"), world.presences(), world.runtime.register.tickets.roles("servicenow"))
        monkeypatch.setitem(worlds._MORE, "servicenow", more_settings.replace("sn_grc_issue", "task"))
        world.resettle("servicenow")
        for full in (False, True):
            [result] = world.try_cycle(full=full).values()
            assert "the table task contains the rows of sn_grc_task" in result.problem
            assert before == (
                world.view("v_findings"),
                world.presences(),
                world.runtime.register.tickets.roles("servicenow"),
            )
