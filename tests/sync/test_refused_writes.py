"""A write that was refused because its ticket seemed gone is planned again after an hour, though nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.test_warned import WRITES
from tests.sync.users import users_on
from tests.sync.world import SOURCES, World, open_world

NOT_THERE = {
    "tracker": '{"errorMessages": ["Not found"], "error": {"message": "No Record found"}, "status": "failure"}',
    "proxy": "<html><body>404 Not Found</body></html>",
}


def _states(world: World, ticket: str) -> set[str]:
    return {str(row["state"]) for row in world.view("v_writes", ticket_id=ticket) if row["error"] != "replaced"}


@pytest.mark.parametrize("said_by", NOT_THERE)
@pytest.mark.parametrize("source", SOURCES)
def test_a_404_while_the_ticket_is_there_costs_an_hour_and_no_warning(
    source: str, said_by: str, tmp_path: Path
) -> None:
    """Such an answer comes from a proxy, or from a permission that was wrong for a moment."""
    with open_world(tmp_path, source, mode="on") as world:
        users, faults = users_on(world.only), world.only.server.faults
        world.cycle()
        before = set(users.records())
        users.create("one")
        [ticket] = set(users.records()) - before
        users.create_part(ticket, "an action before its root cause")
        faults.add("answer", WRITES, status=404, answer=NOT_THERE[said_by], times=None)
        world.try_cycle()
        faults.clear()
        assert "delivered" not in _states(world, ticket)
        assert_rebuilt(world)
        if "failed" in _states(world, ticket):
            world.cycle(minutes=55)
            assert "failed" in _states(world, ticket), "until a census nothing tells whether the ticket is there"
        for _ in range(4):
            world.cycle(minutes=10)
        assert _states(world, ticket) == {"delivered"}
        ours = ours_on(users, ticket)
        assert len(ours.texts) == 1
        assert len(ours.notes) == len(set(ours.notes))
        sent = world.writes()
        world.cycle(minutes=10)
        assert world.writes() == sent
