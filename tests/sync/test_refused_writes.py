"""Writes on tickets that seem gone: a refused one is planned again, and one without an answer stays unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.requests import WITHDRAW, carry_out_requests, release
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.ticket import Presence
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.test_warned import WRITES
from tests.sync.users import UserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

NOT_THERE = {
    "tracker": '{"errorMessages": ["Not found"], "error": {"message": "No Record found"}, "status": "failure"}',
    "proxy": "<html><body>404 Not Found</body></html>",
}


def _states(world: World, ticket: str) -> set[str]:
    return {str(row["state"]) for row in world.view("v_writes", ticket_id=ticket) if row["error"] != "replaced"}


def _broken(world: World, users: UserDriver) -> str:
    """Create a ticket that breaks a rule at once, after a first cycle; return its id."""
    world.cycle()
    before = set(users.records())
    users.create("one")
    [ticket] = set(users.records()) - before
    users.create_part(ticket, "an action before its root cause")
    return ticket


@pytest.mark.parametrize("said_by", NOT_THERE)
@pytest.mark.parametrize("source", SOURCES)
def test_a_404_while_the_ticket_is_there_costs_an_hour_and_no_warning(
    source: str, said_by: str, tmp_path: Path
) -> None:
    """Such an answer comes from a proxy, or from a permission that was wrong for a moment."""
    with open_world(tmp_path, source, mode="on") as world:
        users, faults = users_on(world.only), world.only.server.faults
        ticket = _broken(world, users)
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
        _assert_delivered_once(world, users, ticket)
        sent = world.writes()
        world.cycle(minutes=10)
        assert world.writes() == sent


def _assert_delivered_once(world: World, users: UserDriver, ticket: str) -> None:
    assert _states(world, ticket) == {"delivered"}
    ours = ours_on(users, ticket)
    assert len(ours.texts) == 1
    assert len(ours.notes) == len(set(ours.notes))


def _hidden_after_a_lost_answer(world: World, users: UserDriver) -> str:
    """Lose the answer to the first write on a ticket, then hide the ticket for a day; return its id."""
    ticket = _broken(world, users)
    world.only.server.faults.add("drop_after", WRITES, times=1)
    world.try_cycle()
    assert "unknown" in _states(world, ticket)
    users.hide(ticket)
    for _ in range(3):
        world.try_cycle(hours=9)
    assert world.presence(ticket) is not Presence.PRESENT
    assert "unknown" in _states(world, ticket), "it may be on the ticket"
    users.show_all()
    return ticket


@pytest.mark.parametrize("source", SOURCES)
def test_a_lost_answer_is_looked_up_when_a_hidden_ticket_is_there_again(source: str, tmp_path: Path) -> None:
    """The text is there once; nothing that may be on a ticket counts as never sent."""
    with open_world(tmp_path, source, mode="on") as world:
        users = users_on(world.only)
        ticket = _hidden_after_a_lost_answer(world, users)
        for _ in range(4):
            world.cycle(hours=9)
        _assert_delivered_once(world, users, ticket)


@pytest.mark.parametrize("source", SOURCES)
def test_a_withdrawal_takes_back_what_a_lost_answer_left_on_a_hidden_ticket(source: str, tmp_path: Path) -> None:
    """Our text does not stay behind on a ticket that is shown to us again."""
    with open_world(tmp_path, source, mode="on") as world:
        users = users_on(world.only)
        ticket = _hidden_after_a_lost_answer(world, users)
        register = world.runtime.register
        register.halts.set(source, Halt(HaltKind.WITHDRAWN, world.clock.now(), ""))
        register.requests.leave(WITHDRAW, {"source": source}, world.clock.now())
        carry_out_requests(world.runtime)
        for _ in range(4):
            release(world.runtime, [source], None)
            world.cycle(hours=9)
        assert ours_on(users, ticket).texts == ()
