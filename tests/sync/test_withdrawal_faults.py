"""Whatever happens to a request of a withdrawal: nothing of ours is left, and nothing of others is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.leaving import content_left
from capa_sync.daemon.requests import WITHDRAW, carry_out_requests, release
from capa_sync.model.halt import Halt, HaltKind
from tests.sync.ours import ours_on
from tests.sync.users import JiraUserDriver, UserDriver, is_ours, users_on
from tests.sync.world import SOURCES, World, open_world

FAULTS = {
    "a firewall's 403": ("proxy_error", {"status": 403}),
    "a proxy's 404": ("proxy_error", {"status": 404}),
    "no answer": ("drop_before", {}),
    "a lost answer": ("drop_after", {}),
    "a fault after it": ("status_after", {"status": 500}),
    "half an answer": ("truncate", {}),
    "too many requests": ("rate_limit", {"retry_after": 20}),
}


def _warned(world: World) -> tuple[UserDriver, list[str]]:
    """Return the people of the tracker, and two of its tickets on which we have warned and somebody has answered."""
    world.cycle()
    users = users_on(world.only)
    before = set(users.records())
    users.create("one")
    users.create("two")
    tickets = sorted(set(users.records()) - before)
    for ticket in tickets:
        users.create_part(ticket, "an action before its root cause")
    world.cycle(minutes=10)
    for ticket in tickets:
        assert len(ours_on(users, ticket).texts) == 1
        users.say(ticket, "Thank you; we look at it.")
    world.cycle(minutes=10)
    return users, tickets


def _theirs(users: UserDriver, ticket: str) -> int:
    """Count what other people wrote on a ticket; ServiceNow's notes are in its journal."""
    if isinstance(users, JiraUserDriver):
        return sum(not is_ours(comment) for comment in users.tracker.state.issues[int(ticket)].comments)
    rows = users.tracker.rows("sys_journal_field", f"element_id={ticket}")
    return sum("[capa-sync " not in row["value"] for row in rows)


@pytest.mark.parametrize("after", range(0, 20, 2))
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_withdrawal_ends_after_any_fault(source: str, fault: str, after: int, tmp_path: Path) -> None:
    """Two requests in a row meet the fault, wherever the withdrawal is; it goes on by itself."""
    kind, options = FAULTS[fault]
    with open_world(tmp_path, source, mode="on") as world:
        users, tickets = _warned(world)
        theirs = [_theirs(users, ticket) for ticket in tickets]
        register = world.runtime.register
        register.halts.set(source, Halt(HaltKind.WITHDRAWN, world.clock.now(), "tester"))
        register.requests.leave(WITHDRAW, {"source": source}, world.clock.now())
        carry_out_requests(world.runtime)
        release(world.runtime, [source], None)
        world.only.server.faults.add(kind, (".*", ""), times=2, after=after, **options)
        world.try_cycle(minutes=10)
        world.only.server.faults.clear()
        for _ in range(3):
            world.cycle(hours=2)
        for ticket in tickets:
            ours = ours_on(users, ticket)
            assert (ours.texts, ours.state, ours.labels) == ((), "", frozenset())
        assert content_left(register, source) == (0, 0)
        assert [_theirs(users, ticket) for ticket in tickets] == theirs
        assert not [row for row in world.view("v_writes") if row["state"] in {"failed", "unknown"}]
