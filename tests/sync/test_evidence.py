"""The evidence of a finding is current, also where the passing of time turns a line that does not decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.users import JiraUserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

RULE = "correction-recorded"


def evidence(world: World, ticket: str) -> str:
    """The stored evidence of the rule on a ticket."""
    [row] = [row for row in world.runtime.register.rows_by_table()["verdict"] if row[1:3] == (ticket, RULE)]
    return repr(row)


@pytest.mark.parametrize("source", SOURCES)
def test_a_deadline_that_passes_beside_a_stage_renews_the_evidence(source: str, tmp_path: Path) -> None:
    """A finding that is open because of its stage also shows later that the deadline passed; nothing is written."""
    with open_world(tmp_path, source, rules=(RULE,), mode="on") as world:
        users = users_on(world.only)
        before = set(users.records())
        users.create("a word")
        [ticket] = set(users.records()) - before
        world.cycle()
        for _ in range(9):
            if ours_on(users, ticket).state:
                break
            users.step(ticket, 0 if isinstance(users, JiraUserDriver) else 2)
            world.cycle()
        stored, writes = evidence(world, ticket), world.writes()
        assert "breach" in stored
        assert writes
        world.cycle(days=60)
        assert evidence(world, ticket) != stored
        assert world.writes() == writes
        assert_rebuilt(world)
        world.cycle(days=60)
        assert world.writes() == writes
