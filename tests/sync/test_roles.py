"""Which tickets are records, which are actions, and which are both; a change of role leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import census
from capa_sync.daemon.explaining import explain_ticket
from capa_sync.errors import Retryable
from capa_sync.model.ticket import Role
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.story import ACTION_ONLY, SCOPE
from tests.sync.users import JiraUserDriver, UserDriver, users_on
from tests.sync.world import JIRAS, World, open_world


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A tracker with write-back on."""
    name = request.param
    with open_world(tmp_path, name, query=SCOPE, rules=None, mode="on") as found:
        yield found


on_jiras = pytest.mark.parametrize("world", JIRAS, indirect=True)


def record(world: World, users: UserDriver, word: str = "a word") -> str:
    """Create a nonconformity that has an action before its cause, so that it will be warned."""
    before = set(users.records())
    users.create(word)
    [made] = set(users.records()) - before
    users.save_many(made, "", 1)
    return made


def subtask(users: UserDriver, parent: str, word: str = "do it") -> str:
    """Create an action of a record: sub-task or child."""
    before = set(users.ids())
    if isinstance(users, JiraUserDriver):
        key = users.key(parent)
        users.person(1).create(key.rpartition("-")[0], "Corrective action", {"summary": word, "parent": key})
    else:
        users.create_part(parent, word)
    [made] = set(users.ids()) - before
    return made


def change(users: JiraUserDriver, word: str) -> str:
    """Create a ticket of a project that the query does not name."""
    before = set(users.ids())
    users.person(1).create("CHANGE", "Change", {"summary": word})
    [made] = set(users.ids()) - before
    return made


def traces(world: World, ticket: str) -> dict[str, Any]:
    """What the register holds of a ticket as if it were a record."""
    tables = world.runtime.register.rows_by_table()
    found = {
        table: [row for row in tables[table] if row[1] == ticket]
        for table in ("register_row", "verdict", "action", "birth", "due", "plan_due", "quarantine")
    }
    findings = world.runtime.register.findings.latest(world.only.name, ticket)
    found["open"] = [finding.rule for finding in findings if finding.cleared_at is None]
    return {name: rows for name, rows in found.items() if rows}


def role(world: World, ticket: str) -> Role:
    """The role of a ticket in the mirror."""
    return world.runtime.register.tickets.roles(world.only.name)[ticket]


def explained(world: World, users: UserDriver, ticket: str) -> str:
    """What `explain` prints of a ticket, as one text."""
    [explanation] = explain_ticket(world.runtime, ticket, world.runtime.clock.now())
    return "\n".join([explanation.headline, *explanation.notes])


@on_jiras
@pytest.mark.parametrize("link", ["Relates", "Blocks", "Resolves"])
def test_a_subtask_that_names_a_later_action_is_judged_by_nobody(world: World, link: str) -> None:
    """An action linked with another, in either direction, gets no verdict, row or comment, and `rebuild` agrees."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    parent = record(world, users)
    first, second = subtask(users, parent), subtask(users, parent)
    for outward, other in ((first, second), (second, first)):
        users.link(outward, link, other)
    world.cycle()
    for part in (first, second):
        users.edit(part, "another word", 1)
        world.cycle()
        users.say(part, "a remark")
        world.cycle()
    for part in (first, second):
        assert role(world, part) is Role.ACTION
        assert traces(world, part) == {}
        assert ours_on(users, part).texts == ()
        assert ours_on(users, part).labels == frozenset()
    assert traces(world, parent)["register_row"]
    assert_rebuilt(world)


def warned(users: UserDriver, ticket: str) -> bool:
    """Return whether a ticket carries a warning."""
    return ours_on(users, ticket).state in ("warning", "overdue")


def assert_an_action_alone(world: World, users: UserDriver, ticket: str) -> None:
    """The register holds nothing of it as a record, and it carries no warning."""
    assert role(world, ticket) is Role.ACTION
    assert traces(world, ticket) == {}
    ours = ours_on(users, ticket)
    assert ours.state in ("", "clear")
    assert ours.labels == frozenset()
    assert all("is an action" in text for text in ours.texts)


def assert_a_record(world: World, users: UserDriver, ticket: str) -> None:
    """It has a row, and the warning that it deserves."""
    assert role(world, ticket) is Role.RECORD
    assert traces(world, ticket)["register_row"]
    assert warned(users, ticket)


def settled(world: World) -> None:
    """Run cycles until everything is written, a day apart: at most one notification a day."""
    for _ in range(3):
        world.cycle()
        world.cycle(hours=25)


def actions_of(world: World, ticket: str) -> dict[str, str]:
    """Id -> text of the tickets that are its actions."""
    rows = world.runtime.register.rows_by_table()["action"]
    return {row[2]: row[6] for row in rows if row[1] == ticket and not row[2].startswith("field:")}


@on_jiras
def test_a_linked_ticket_that_the_query_names_is_a_record_and_the_others_action(world: World) -> None:
    """A ticket that is both is judged and warned, and its change makes the other record due."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    first, second = record(world, users), record(world, users)
    for ticket in (first, second):
        subtask(users, ticket)
    users.link(second, "Resolves", first)
    settled(world)
    for ticket in (first, second):
        assert_a_record(world, users, ticket)
    assert second in actions_of(world, first)
    assert first not in actions_of(world, second)
    text = explained(world, users, second)
    assert "a record: the query names it" in text
    assert f"also an action of {users.key(first)} (link “is resolved by”)" in text
    users.edit(second, "a new summary", 1)
    world.cycle()
    assert actions_of(world, first)[second] == "a new summary"
    assert_rebuilt(world)


@on_jiras
def test_with_also_record_false_a_link_takes_a_record_out_and_gives_it_back(world: World) -> None:
    """The warning is withdrawn, findings are cleared, the row goes; without the link all of it comes back."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    world.resettle(world.only.name, mapping=ACTION_ONLY)
    first, second = record(world, users), record(world, users)
    for ticket in (first, second):
        subtask(users, ticket)
    settled(world)
    for ticket in (first, second):
        assert_a_record(world, users, ticket)
    number = world.view("v_register", ticket_id=second)[0]["register_no"]
    link = users.link(second, "Resolves", first)
    settled(world)
    assert_an_action_alone(world, users, second)
    assert users.key(first) in ours_on(users, second).texts[0]
    assert f"an action of {users.key(first)} (link “is resolved by”)" in explained(world, users, second)
    assert_rebuilt(world)
    before = world.writes()
    world.cycle(full=True)
    assert world.writes() == before
    users.unlink(link)
    settled(world)
    for ticket in (first, second):
        assert_a_record(world, users, ticket)
    assert world.view("v_register", ticket_id=second)[0]["register_no"] == number
    assert_rebuilt(world)


@on_jiras
def test_a_mapping_that_changes_its_mind_changes_the_roles(world: World) -> None:
    """`also_record` is written, then removed again: no ticket has changed, and each has its new role."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    first, second = record(world, users), record(world, users)
    for ticket in (first, second):
        subtask(users, ticket)
    users.link(second, "Resolves", first)
    settled(world)
    for mapping in (ACTION_ONLY, {}, ACTION_ONLY):
        world.resettle(world.only.name, mapping=mapping)
        settled(world)
        check = assert_an_action_alone if mapping else assert_a_record
        check(world, users, second)
        assert_a_record(world, users, first)
        assert_rebuilt(world)


@on_jiras
def test_a_record_that_leaves_the_query_and_is_linked_goes_on_as_an_action(world: World) -> None:
    """The role is that of a register that begins now; back in the query the ticket is a record again."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    first, second = record(world, users), record(world, users)
    users.link(second, "Resolves", first)
    users.edit(second, "planned", 0)
    subtask(users, first)
    settled(world)
    users.leave(second, 2)
    settled(world)
    assert_an_action_alone(world, users, second)
    assert world.presence(second) == "present"
    users.edit(second, "changed outside of the query", 1)
    world.cycle()
    assert actions_of(world, first)[second] == "changed outside of the query"
    assert_rebuilt(world)
    users.leave(second, 0)
    settled(world)
    assert role(world, second) is Role.RECORD
    assert traces(world, second)["register_row"]
    assert_rebuilt(world)


@on_jiras
def test_a_query_that_changes_moves_tickets_both_ways(world: World) -> None:
    """A person narrows the query to one project, and widens it again."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    first, second, third = (record(world, users) for _ in range(3))
    for ticket in (second, third):
        users.leave(ticket, 1)
    for ticket in (first, second, third):
        subtask(users, ticket)
    users.link(second, "Resolves", first)
    settled(world)
    for ticket in (first, second, third):
        assert_a_record(world, users, ticket)
    world.resettle(world.only.name, query=f"project = {users.main}")
    settled(world)
    assert_a_record(world, users, first)
    assert_an_action_alone(world, users, second)
    assert (role(world, third), world.presence(third)) == (Role.RECORD, "out_of_scope")
    assert_rebuilt(world)
    world.resettle(world.only.name, query=SCOPE[world.only.name])
    settled(world)
    for ticket in (first, second, third):
        assert_a_record(world, users, ticket)
        assert world.presence(ticket) == "present"
    assert_rebuilt(world)


@on_jiras
def test_a_link_to_a_ticket_that_left_the_query_reads_it_again(world: World) -> None:
    """It is mirrored as it was when it left; as an action it is read in its present state at once."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    first, second = record(world, users), record(world, users)
    settled(world)
    users.leave(second, 2)
    settled(world)
    assert world.presence(second) == "out_of_scope"
    users.edit(second, "changed while nobody looked", 1)
    link = users.link(second, "Resolves", first)
    world.cycle()
    assert world.ticket(second).values["summary"].text == "changed while nobody looked"
    assert (role(world, second), world.presence(second)) == (Role.ACTION, "present")
    users.unlink(link)
    world.cycle()
    assert (role(world, second), world.presence(second)) == (Role.RECORD, "out_of_scope")
    assert_rebuilt(world)


@on_jiras
def test_subtasks_whose_parent_is_outside_are_counted_and_judged_by_nobody(world: World) -> None:
    """The query names a sub-task alone: `status` counts it, `explain` says why."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    inside = record(world, users)
    mine = subtask(users, inside)
    outside = record(world, users)
    lonely = subtask(users, outside)
    world.resettle(world.only.name, query=f"{SCOPE[world.only.name]} AND key != {users.key(outside)}")
    settled(world)
    for part in (mine, lonely):
        assert_an_action_alone(world, users, part)
    assert world.health()["actions_without_record"] == [users.key(lonely)]
    assert f"1 action of a parent outside of the query, judged with no record: {users.key(lonely)}" in world.status()
    assert f"{world.health()['tickets']} tickets (1 record, 2 actions)" in world.status()
    assert "its parent is not in scope" in explained(world, users, lonely)
    assert f"an action of {users.key(inside)} (sub-task)" in explained(world, users, mine)
    world.resettle(world.only.name, query=SCOPE[world.only.name])
    settled(world)
    assert world.health()["actions_without_record"] == []
    assert "outside of the query" not in world.status()
    assert "(2 records, 2 actions)" in world.status()
    assert_rebuilt(world)


@on_jiras
@pytest.mark.parametrize("mapping", [{}, ACTION_ONLY], ids=["both", "alone"])
def test_in_a_cycle_or_a_chain_of_links_no_ticket_is_lost(world: World, mapping: dict[str, str]) -> None:
    """Each ticket is a record, or the action of one; two that name each other are both records, and none its own."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    world.resettle(world.only.name, mapping=mapping)
    ring, other, top, middle, end = (record(world, users) for _ in range(5))
    near, far = (change(users, word) for word in ("near", "far"))
    for owner, part in ((ring, other), (other, ring), (top, middle), (middle, end), (end, near), (near, far)):
        users.link(part, "Resolves", owner)
    users.link(ring, "Resolves", ring)
    settled(world)
    assert (set(actions_of(world, ring)), set(actions_of(world, end))) == ({other}, {near})
    assert far not in world.presences(), "an action's own links are not followed"
    actions = {ticket for ticket in (ring, other, top, middle, end) if role(world, ticket) is Role.ACTION}
    assert actions == ({middle} if mapping else set())
    assert_rebuilt(world)


CHILD_OF_A_CHILD = {
    "people: people.yaml": """  - from: child
    table: problem_task
    reference: parent
    kind: corrective
    done: ["157"]

people: people.yaml"""
}
"""A second child table, whose column may name any task: a record, or another child."""


@pytest.mark.parametrize("world", ["servicenow"], indirect=True)
def test_a_child_that_other_children_name_is_judged_by_nobody(world: World) -> None:
    """A task of a record has a task of its own; whichever of them changes, neither becomes a record."""
    users = users_on(world.only)
    assert not isinstance(users, JiraUserDriver)
    world.resettle(world.only.name, mapping=CHILD_OF_A_CHILD)
    parent = record(world, users)
    child = subtask(users, parent)
    other = record(world, users)
    grandchild, second = (
        users.person(1).insert("problem_task", {"short_description": "a part of it", "parent": ticket})["sys_id"]
        for ticket in (child, other)
    )
    settled(world)
    for number in range(2):
        for table, ticket in (("problem_task", grandchild), ("problem_task", second), ("sn_grc_task", child)):
            users.person(1).update(table, ticket, {"short_description": f"other words {number}"})
            world.cycle()
    for part in (child, second):
        assert_an_action_alone(world, users, part)
    assert grandchild not in world.presences()
    for issue in (parent, other):
        assert traces(world, issue)["register_row"]
    assert (set(actions_of(world, parent)), set(actions_of(world, other))) == ({child}, {second})
    users.person(1).update("problem_task", grandchild, {"parent": parent})
    world.cycle()
    assert set(actions_of(world, parent)) == {child, grandchild}
    users.person(1).update("problem_task", grandchild, {"parent": child})
    settled(world)
    assert set(actions_of(world, parent)) == {child}
    assert_an_action_alone(world, users, grandchild)
    assert "its parent is not in scope" in explained(world, users, grandchild)
    assert_rebuilt(world)


@on_jiras
def test_a_record_that_becomes_an_action_outside_the_query_is_read_at_the_next_census(world: World) -> None:
    """It is moved while another record links it: no poll looks for the move, because its role was not known yet."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    owner, moved = record(world, users), record(world, users, "do it")
    for _ in range(3):
        world.later(minutes=10)
        world.cycle()
    users.link(moved, "Resolves", owner)
    users.leave(moved, 2)
    world.later(minutes=10)
    world.cycle()
    world.later(hours=2)
    world.cycle()
    assert role(world, moved) is Role.ACTION
    assert world.ticket(moved, world.only.name).key == users.key(moved)
    assert users.key(moved).startswith("CHANGE-")


@on_jiras
def test_a_census_that_ends_before_it_read_such_a_record_finds_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault while it is read: its scope is not noted yet, so the next census reads it."""
    users = users_on(world.only)
    assert isinstance(users, JiraUserDriver)
    owner, moved = record(world, users), record(world, users, "do it")
    for _ in range(3):
        world.later(minutes=10)
        world.cycle()
    users.link(moved, "Resolves", owner)
    users.leave(moved, 2)
    world.later(minutes=10)
    world.cycle()

    def fails(*_given: object, **_named: object) -> None:
        raise Retryable(world.only.name, "lost")

    with monkeypatch.context() as patch:
        patch.setattr(census, "read_again", fails)
        world.try_cycle(hours=2)
    assert world.ticket(moved, world.only.name).key != users.key(moved)
    world.cycle(minutes=10)
    assert role(world, moved) is Role.ACTION
    assert world.ticket(moved, world.only.name).key == users.key(moved)
    assert_rebuilt(world)
