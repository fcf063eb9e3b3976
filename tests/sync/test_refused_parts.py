"""What a tracker refuses of one ticket is unknown, never empty, and ends the reading of nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from capa_sync.model.ticket import Presence
from capa_sync.sandbox.messages import Reply, Request
from tests.sync.equal import assert_equal, assert_rebuilt, assert_same
from tests.sync.test_absent import Light, a_family
from tests.sync.users import UserDriver, is_ours, users_on
from tests.sync.world import JIRAS, World, open_world

REFUSALS = (403, 404)
Hook = Callable[[Request, Reply], None]


class Refusing:
    """Refuses requests whose target matches, as an access rule on one ticket's part does."""

    def __init__(self, target: str, status: int) -> None:
        self._target = re.compile(target)
        self._status = status
        self.hits = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer with the refusal."""
        if self._target.search(request.target):
            self.hits += 1
            reply.status, reply.body = self._status, b'{"errorMessages": ["You may not see this."]}'


class Short:
    """Leaves out the entries of one ticket in lists that came with a search row, or in the bulk changelog."""

    def __init__(self, ticket: str, place: str) -> None:
        self._ticket = ticket
        self._place = place

    def __call__(self, request: Request, reply: Reply) -> None:
        """Cut the list to its first entry, with the total as it was; take the ticket out of a bulk changelog."""
        if reply.status != 200 or ("/search" not in request.path and not request.path.endswith("/bulkfetch")):
            return
        body = orjson.loads(reply.body)
        for issue in body.get("issues", ()):
            if str(issue["id"]) == self._ticket:
                self._cut(issue)
        if self._place == "histories" and "issueChangeLogs" in body:
            body["issueChangeLogs"] = [log for log in body["issueChangeLogs"] if log["issueId"] != self._ticket]
        reply.body = orjson.dumps(body)

    def _cut(self, issue: dict[str, Any]) -> None:
        parent = issue.get("fields", {}).get("comment") if self._place == "comments" else issue.get("changelog")
        if parent and self._place in parent:
            parent[self._place] = parent[self._place][:1]


def refused_comments(world: World, ticket: str, status: int, way: str) -> list[Hook]:
    """The answers of a tracker that does not list one ticket's comments, from its search rows or on request."""
    light = Light("comment", everywhere=True) if way == "left out" else Short(ticket, "comments")
    hooks: list[Hook] = [light, Refusing(rf"/issue/{ticket}/comment", status)]
    world.only.server.after.extend(hooks)
    return hooks


def talk(users: UserDriver, number: int) -> None:
    """Edit and comment on every record."""
    for record in users.records():
        users.edit(record, f"edit {number} of {record}", 1)
        users.say(record, f"word {number} on {record}")


def others(users: UserDriver, victim: str) -> dict[str, Any]:
    """The true state of all tickets in scope but one."""
    return {id_: truth for id_, truth in users.truth().items() if truth.in_scope and id_ != victim}


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("way", ["left out", "short"])
def test_refused_comments_of_one_ticket_are_unknown_and_all_else_is_read(
    source: str, status: int, way: str, tmp_path: Path
) -> None:
    """Its new content is mirrored, its comments stay as they were; once they are shown, all is equal."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.cycle()
        victim = users.records()[0]
        before = world.ticket(victim).comments
        talk(users, 1)
        talk(users, 2)
        hooks = refused_comments(world, victim, status, way)
        world.cycle(minutes=20)
        mirrored = world.ticket(victim)
        assert mirrored.comments == before
        assert mirrored.unknown == {"comments"}
        assert mirrored.history_complete
        assert world.presence(victim) is Presence.PRESENT
        assert users.mirrored(mirrored)[0] == users.truth()[victim].values
        for ticket, truth in others(users, victim).items():
            assert_same(world, users, ticket, truth)
        assert_rebuilt(world)
        for hook in hooks:
            world.only.server.after.remove(hook)
        world.cycle(full=True)
        assert world.ticket(victim).unknown == frozenset()
        assert_equal(world, users)


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("way", ["left out", "short"])
def test_refused_comments_change_nothing_at_a_second_pass(source: str, status: int, way: str, tmp_path: Path) -> None:
    """Neither a poll nor a full read changes a row, and a poll of the unchanged ticket asks for nothing of it."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        talk(users, 1)
        talk(users, 2)
        victim = users.records()[-1]
        refused_comments(world, victim, status, way)
        world.cycle()
        assert world.ticket(victim).unknown == {"comments"}
        world.cycle(minutes=20)
        rows = world.runtime.register.rows_by_table()
        for full in (False, True, False):
            world.restart()
            world.only.server.requests.reset()
            world.cycle(full=full, minutes=20)
            asked = [e.path for e in world.only.server.requests if e.path.endswith(f"{victim}/comment")]
            assert full or not asked
            after = world.runtime.register.rows_by_table()
            assert {table for table in rows if rows[table] != after[table]} == set()


HISTORY = {"jira": "/issue/{}/changelog", "jira-dc": r"/issue/{}\?expand=changelog"}
"""Source -> the request for one ticket's history alone."""


@pytest.mark.parametrize("status", REFUSALS)
@pytest.mark.parametrize("source", JIRAS)
def test_a_refused_history_of_one_ticket_is_incomplete_and_all_else_is_read(
    source: str, status: int, tmp_path: Path
) -> None:
    """Mirrored changes stay, and the ticket says that some are missing; once they are shown, all is equal."""
    if (source, status) == ("jira-dc", 404):
        pytest.skip("on Data Center this is the request for the ticket itself: it is gone or hidden")
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        talk(users, 1)
        world.cycle()
        victim = users.records()[0]
        before = world.changes(victim)
        assert before
        talk(users, 2)
        short = Short(victim, "histories")
        refusing = Refusing(HISTORY[source].format(victim), status)
        world.only.server.after.extend([short, refusing])
        world.cycle(minutes=20)
        assert refusing.hits
        assert world.changes(victim) == before
        assert world.view("v_tickets", ticket_id=victim)[0]["history_complete"] == 0
        assert world.health()["gaps"] == 1
        assert users.mirrored(world.ticket(victim))[0] == users.truth()[victim].values
        for ticket, truth in others(users, victim).items():
            assert_same(world, users, ticket, truth)
        assert_rebuilt(world)
        rows = world.runtime.register.rows_by_table()
        world.restart()
        world.cycle(minutes=20)
        after = world.runtime.register.rows_by_table()
        assert {table for table in rows if rows[table] != after[table]} == set()
        for hook in (short, refusing):
            world.only.server.after.remove(hook)
        world.cycle(full=True)
        assert world.view("v_tickets", ticket_id=victim)[0]["history_complete"] == 1
        assert world.changes(victim) != before
        assert_same(world, users, victim, users.truth()[victim])


@pytest.mark.parametrize("source", JIRAS)
def test_a_ticket_first_read_with_a_refused_history_is_mirrored(source: str, tmp_path: Path) -> None:
    """It has its values and no change, and says that its history is incomplete; no other ticket lacks anything."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        talk(users, 1)
        talk(users, 2)
        victim = users.records()[0]
        world.only.server.after.append(Short(victim, "histories"))
        world.only.server.after.append(Refusing(HISTORY[source].format(victim), 403))
        world.cycle()
        assert world.view("v_tickets", ticket_id=victim)[0]["history_complete"] == 0
        assert users.mirrored(world.ticket(victim))[0] == users.truth()[victim].values
        for ticket, truth in others(users, victim).items():
            assert_same(world, users, ticket, truth)
        assert_rebuilt(world)


@pytest.mark.parametrize("source", JIRAS)
def test_a_missing_ticket_whose_own_request_is_refused_counts_as_hidden(source: str, tmp_path: Path) -> None:
    """A census that lacks it takes the refusal as its answer, and the cycle ends well."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.cycle()
        victim = users.records()[0]
        users.hide(victim)
        world.only.server.after.append(Refusing(rf"/issue/{victim}\?fields=updated", 403))
        world.cycle(days=1)
        assert world.presence(victim) is Presence.DELETED_OR_HIDDEN
        assert len([p for p in world.presences().values() if p is Presence.PRESENT]) == len(world.presences()) - 1


def warned_pair(world: World) -> tuple[UserDriver, str, str]:
    """Two tickets that get a warning, not read yet."""
    users = users_on(world.only)
    for story in ("one", "two"):
        users.create(story)
    first, second = users.records()
    for ticket in (first, second):
        users.create_part(ticket, "an action")
    return users, first, second


def ours_on(world: World, ticket: str) -> int:
    """How many comments of ours are on a ticket."""
    return sum(map(is_ours, world.only.tracker.state.issues[int(ticket)].comments))


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("status", REFUSALS)
def test_a_ticket_whose_comments_are_refused_holds_up_no_other_ones_warning(
    source: str, status: int, tmp_path: Path
) -> None:
    """Whether ours is there already is not known, so none is written; `retry` writes it once they are shown."""
    with open_world(tmp_path, source, mode="on") as world:
        _users, first, second = warned_pair(world)
        refusing = Refusing(rf"/issue/{first}/comment\?", status)
        world.only.server.after.append(refusing)
        world.cycle()
        world.cycle(hours=1)
        assert refusing.hits
        assert (ours_on(world, first), ours_on(world, second)) == (0, 1)
        [write] = world.view("v_writes", ticket_id=first, kind="comment")
        assert write["state"] == "failed"
        assert "comments" in str(write["error"])
        world.only.server.after.remove(refusing)
        world.runtime.register.outbox.retry(None)
        world.cycle(hours=1)
        world.cycle(hours=1)
        assert (ours_on(world, first), ours_on(world, second)) == (1, 1)


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("status", REFUSALS)
def test_a_comment_whose_answer_was_lost_is_not_written_again_while_the_list_is_refused(
    source: str, status: int, tmp_path: Path
) -> None:
    """A list that is not shown proves no comment absent; the other ticket's warning does not wait for it."""
    with open_world(tmp_path, source, mode="on") as world:
        _users, first, second = warned_pair(world)
        world.only.server.faults.add("drop_after", ("POST", rf"/issue/{first}/comment"))
        refusing = Refusing(rf"/issue/{first}/comment\?", status)

        def refuse_later(request: Request, reply: Reply) -> None:
            if ours_on(world, first):
                refusing(request, reply)

        world.only.server.after.append(refuse_later)
        for _ in range(4):
            world.try_cycle(hours=3)
        assert refusing.hits
        assert (ours_on(world, first), ours_on(world, second)) == (1, 1)
        [write] = world.view("v_writes", ticket_id=first, kind="comment")
        assert write["state"] == "unknown"
        world.only.server.after.remove(refuse_later)
        for _ in range(3):
            world.cycle(days=1)
        assert ours_on(world, first) == 1
        [write] = world.view("v_writes", ticket_id=first, kind="comment")
        assert write["state"] == "delivered"


CLOSED = [
    ("sys_audit", "forbidden_tables"),
    ("sys_audit", "hidden_tables"),
    ("sys_journal_field", "forbidden_tables"),
]


@pytest.mark.parametrize(("table", "setting"), [*CLOSED, ("sys_journal_field", "hidden_tables")])
def test_a_history_table_that_is_closed_later_takes_nothing_from_the_mirror(
    table: str, setting: str, tmp_path: Path
) -> None:
    """Mirrored changes and notes stay with their words, and are reported as not complete; later all is equal."""
    with open_world(tmp_path, "servicenow") as world:
        users = a_family(world)
        talk(users, 1)
        world.cycle()
        before = {id_: (world.changes(id_), world.ticket(id_).comments) for id_ in users.ids()}
        assert all(changes and comments for id_, (changes, comments) in before.items() if id_ in users.records())
        world.only.settings(**{setting: [table]})
        talk(users, 2)
        world.cycle(minutes=20)
        for record in users.records():
            changes, comments = before[record]
            mirrored, row = world.ticket(record), world.view("v_tickets", ticket_id=record)[0]
            if table == "sys_audit":
                assert world.changes(record) == changes
                assert row["history_complete"] == 0
                assert len(mirrored.comments) == len(comments) + 1
            else:
                assert mirrored.comments == comments
                assert mirrored.unknown == {"comments"}
                assert row["history_complete"] == 1
                assert len(world.changes(record)) > len(changes)
        assert_rebuilt(world)
        world.restart()
        world.cycle(minutes=20, full=True)
        rows = world.runtime.register.rows_by_table()
        world.restart()
        world.cycle(minutes=20)
        world.cycle(full=True)
        after = world.runtime.register.rows_by_table()
        assert {name for name in rows if rows[name] != after[name]} == set()
        world.only.settings(**{setting: []})
        world.restart()
        world.cycle(full=True)
        for ticket, truth in users.truth().items():
            assert_same(world, users, ticket, truth)
