"""A proxy or firewall answers 403 or 404 with a page of its own: nothing is gone, nothing is refused, all heals."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.model.ticket import Presence
from tests.sync.equal import assert_rebuilt, assert_same
from tests.sync.ours import ours_on
from tests.sync.test_warned import WRITES
from tests.sync.users import UserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

JIRAS = [source for source in SOURCES if source != "servicenow"]
statuses = pytest.mark.parametrize("status", [403, 404])


def _warned(world: World) -> tuple[UserDriver, str]:
    """Return the people of the tracker, and one of its tickets on which we have warned."""
    world.cycle()
    users = users_on(world.only)
    before = set(users.records())
    users.create("one")
    [ticket] = set(users.records()) - before
    users.create_part(ticket, "an action before its root cause")
    world.cycle(minutes=10)
    assert len(ours_on(users, ticket).texts) == 1
    return users, ticket


def _assert_whole(world: World, users: UserDriver, ticket: str) -> None:
    """Compare everything with the tracker, once it answers for itself; the ticket has one text of ours, and open."""
    world.only.server.faults.clear()
    for _ in range(3):
        world.cycle(hours=2)
    for id_, truth in users.truth().items():
        if truth.in_scope:
            assert_same(world, users, id_, truth)
    assert_rebuilt(world)
    ours = ours_on(users, ticket)
    assert len(ours.texts) == 1
    assert len(ours.notes) == len(set(ours.notes))
    assert world.runtime.register.outbox.deletions(world.only.name, ticket) == 0


@statuses
@pytest.mark.parametrize("method", ["GET", "GET|POST"])
@pytest.mark.parametrize("source", SOURCES)
def test_while_a_proxy_refuses_everything_nothing_is_gone(
    source: str, method: str, status: int, tmp_path: Path
) -> None:
    """Through polls and a census of two days; edits of that time are read afterwards."""
    with open_world(tmp_path, source, mode="on") as world:
        users, ticket = _warned(world)
        world.only.server.faults.add("proxy_error", (method, ""), status=status, times=None)
        present = {id_ for id_, presence in world.presences().items() if presence is Presence.PRESENT}
        for number in range(3):
            users.edit(ticket, f"edit {number}", 1)
            world.try_cycle(hours=16)
        assert {id_ for id_, presence in world.presences().items() if presence is Presence.PRESENT} == present
        _assert_whole(world, users, ticket)


@statuses
@pytest.mark.parametrize("after", range(0, 24, 3))
@pytest.mark.parametrize("source", SOURCES)
def test_a_proxy_s_refusal_at_any_read_of_a_cycle_heals(source: str, after: int, status: int, tmp_path: Path) -> None:
    """From some read of a cycle with a census on, each is refused; then the tracker answers again."""
    with open_world(tmp_path, source, mode="on") as world:
        users, ticket = _warned(world)
        users.edit(ticket, "another text", 1)
        users.say(ticket, "a word")
        world.only.server.faults.add("proxy_error", ("GET|POST", ""), status=status, after=after, times=None)
        world.try_cycle(days=1)
        assert Presence.DELETED not in world.presences().values()
        assert Presence.DELETED_OR_HIDDEN not in world.presences().values()
        _assert_whole(world, users, ticket)


@statuses
@pytest.mark.parametrize("source", JIRAS)
def test_one_refusal_of_our_comment_leaves_no_warning_behind(source: str, status: int, tmp_path: Path) -> None:
    """The all-clear follows: a comment that a proxy did not show was not deleted by a person."""
    with open_world(tmp_path, source, mode="on") as world:
        users, ticket = _warned(world)
        fault = world.only.server.faults.add("proxy_error", ("GET", r"/comment/\d+$"), status=status, times=1)
        users.delete(users.parts()[-1])
        for _ in range(3):
            world.cycle(minutes=20)
        assert fault.hits == 1
        assert "Nothing is left to do" in ours_on(users, ticket).texts[0]
        _assert_whole(world, users, ticket)


@pytest.mark.parametrize("source", SOURCES)
def test_a_write_that_a_firewall_refuses_waits_and_needs_no_person(source: str, tmp_path: Path) -> None:
    """Its 403 says nothing of our rights on that ticket: the warning is sent again by itself."""
    with open_world(tmp_path, source, mode="on") as world:
        world.cycle()
        users = users_on(world.only)
        before = set(users.records())
        users.create("one")
        [ticket] = set(users.records()) - before
        users.create_part(ticket, "an action before its root cause")
        world.only.server.faults.add("proxy_error", WRITES, status=403, times=None)
        world.try_cycle(minutes=10)
        assert not ours_on(users, ticket).texts
        assert {str(row["state"]) for row in world.view("v_writes", ticket_id=ticket)} <= {"pending", "withheld"}
        _assert_whole(world, users, ticket)


LISTS = {
    "jira": r"/(issuetype|issueLinkType|mypermissions|project/[A-Z]+/statuses|notificationscheme|editmeta)",
    "jira-dc": r"/(issuetype|issueLinkType|mypermissions|project/[A-Z]+/statuses|notificationscheme|editmeta)",
    "servicenow": r"/table/(sys_db_object|sys_dictionary|sys_choice|sys_user_has_role)\?",
}


@pytest.mark.parametrize(
    ("source", "status"), [*((source, status) for source in JIRAS for status in (403, 404)), ("servicenow", 403)]
)
def test_a_gateway_that_lets_only_some_paths_through_stops_nothing(source: str, status: int, tmp_path: Path) -> None:
    """What only informs us may be closed for good: tickets are read, and warned, all the same.

    A 404 for a table of ServiceNow is that of a wrong address.
    """
    with open_world(tmp_path, source, mode="on") as world:
        fault = world.only.server.faults.add("proxy_error", ("GET", LISTS[source]), status=status, times=None)
        users, ticket = _warned(world)
        assert fault.hits
        _assert_whole(world, users, ticket)
