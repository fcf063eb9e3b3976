"""A key that an answer leaves out is unknown, never empty: comments, links, sub-tasks and attachments stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from capa_sync.daemon.rebuilding import rebuild_derived
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Day, Fill
from tests.sync.equal import assert_equal, assert_rebuilt
from tests.sync.users import UserDriver, users_on
from tests.sync.world import JIRAS, World, open_world

PLACES = ("comment", "issuelinks", "subtasks", "attachment")


ABSENT = "absent"
SHAPES: dict[str, dict[str, Any]] = {
    "null": dict.fromkeys(PLACES),
    "object": {**{name: {} for name in PLACES}, "comment": {}},
    "text": dict.fromkeys(PLACES, ""),
    "number": {**dict.fromkeys(PLACES, 0), "comment": []},
    "no list": {**dict.fromkeys(PLACES), "comment": {"total": 0, "maxResults": 0, "startAt": 0}},
    "null as list": {**dict.fromkeys(PLACES, False), "comment": {"comments": None, "total": 0}},
    "no total": {**dict.fromkeys(PLACES, "x"), "comment": {"comments": []}},
    "null as total": {**dict.fromkeys(PLACES), "comment": {"comments": [], "total": None}},
    "text as total": {**dict.fromkeys(PLACES), "comment": {"comments": [], "total": "0"}},
}
"""Values that no Jira gives these fields when it shows them; the key is there."""


class Light:
    """Removes keys from issues, or their values: in search answers alone, or in every answer that holds an issue."""

    def __init__(self, *names: str, everywhere: bool, shape: str = ABSENT) -> None:
        self._names = names
        self._everywhere = everywhere
        self._shape = shape

    def __call__(self, request: Request, reply: Reply) -> None:
        """Change an answer that is about to be sent."""
        is_search = "/search" in request.path
        if reply.status != 200 or reply.body[:1] != b"{" or not (is_search or self._everywhere):
            return
        body = orjson.loads(reply.body)
        for issue in body.get("issues", [body]):
            fields = issue.get("fields", {})
            for name in [name for name in self._names if name in fields]:
                del fields[name]
                if self._shape != ABSENT:
                    fields[name] = SHAPES[self._shape][name]
        reply.body = orjson.dumps(body)


def a_family(world: World) -> UserDriver:
    """Create three records, each with an action and comments."""
    users = users_on(world.only)
    for number in range(3):
        users.create(f"ticket {number}")
        world.later(minutes=11)
    for record in users.records():
        users.create_part(record, f"part of {record}")
        users.say(record, f"comment on {record}")
        world.later(minutes=11)
    return users


def mirrored_places(world: World) -> dict[str, tuple[Any, ...]]:
    """What the mirror has in the places that an answer may leave out."""
    return {
        id_: (tuple(c.id for c in ticket.comments), ticket.children, ticket.attachments)
        for id_, (_, ticket) in world.contents().items()
    }


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize(
    ("names", "shape"), [*(((name,), ABSENT) for name in PLACES), *((PLACES, shape) for shape in SHAPES)]
)
def test_what_a_search_leaves_out_is_asked_for(
    source: str, names: tuple[str, ...], shape: str, tmp_path: Path
) -> None:
    """An answer without them, or with a value of another form, removes nothing; what changed is still found."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.cycle()
        light = Light(*names, everywhere=False, shape=shape)
        world.only.server.after.append(light)
        for number, record in enumerate(users.records()):
            users.edit(record, f"edit {number}", 1)
            users.say(record, f"another on {record}")
            world.later(minutes=11)
        world.cycle(minutes=20)
        assert_equal(world, users)
        world.cycle(full=True)
        assert_equal(world, users)


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("shape", [ABSENT, *SHAPES])
def test_what_no_answer_delivers_stays_as_it_was_and_is_reported_as_unknown(
    source: str, shape: str, tmp_path: Path
) -> None:
    """Stored links, sub-tasks and comments are kept over edits and a rebuild; each ticket is requested once."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.cycle()
        before = mirrored_places(world)
        assert any(comments for comments, _, _ in before.values())
        assert any(children for _, children, _ in before.values())
        world.only.server.after.append(Light(*PLACES, everywhere=True, shape=shape))
        for number, record in enumerate(users.records()):
            users.edit(record, f"edit {number}", 1)
        world.cycle(minutes=20)
        assert mirrored_places(world) == before
        world.only.server.requests.reset()
        world.cycle(seconds=30)
        asked = [exchange.request.target for exchange in world.only.server.requests]
        assert not [target for target in asked if "fields=updated%2C" in target or "/comment" in target]
        world.cycle(full=True)
        assert mirrored_places(world) == before
        held = world.view("v_tickets"), world.view("v_actions")
        rebuild_derived(world.runtime)
        assert (world.view("v_tickets"), world.view("v_actions")) == held
        assert mirrored_places(world) == before


@pytest.mark.parametrize("source", JIRAS)
def test_a_first_read_without_them_says_what_is_unknown(source: str, tmp_path: Path) -> None:
    """The change history is complete without them; once the keys are delivered, everything is known."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        light = Light("issuelinks", "subtasks", everywhere=True)
        world.only.server.after.append(light)
        world.cycle()
        assert {(row["history_complete"], row["unknown"]) for row in world.view("v_tickets")} == {
            (1, "links, subtasks")
        }
        count = len(world.view("v_tickets"))
        assert world.health()["undelivered"] == {"links": count, "subtasks": count}
        assert world.health()["gaps"] == 0
        assert_rebuilt(world)
        world.only.server.after.remove(light)
        world.cycle(full=True)
        assert {(row["history_complete"], row["unknown"]) for row in world.view("v_tickets")} == {(1, "")}
        assert world.health()["undelivered"] == {}
        assert_equal(world, users)


def a_closed_case(world: World) -> None:
    """Three records: one closed and edited since, one whose date was moved, one with actions of all kinds."""
    for story in ("closed", "moved", "acted"):
        world.only.play(story, Create({"title": story, "grade": "minor", "owner": "anna.lee", "due_at": Day(-20)}))
        world.only.play(story, Fill({"root_cause": "Nobody was named as deputy for the owner of the list"}))
        world.later(hours=1)
    for place in ("field", "child", "link"):
        world.only.play("acted", AddAction(f"Name a deputy ({place})", Day(-9), place))
    world.only.play("moved", Fill({"due_at": Day(-40)}))
    world.only.play("closed", AddAction("Name a deputy", Day(-9)))
    world.only.play("closed", ChangeStage("closed"))
    world.later(hours=1)
    world.only.play("closed", Fill({"root_cause": "Nobody knew who the owner of the list of leavers was"}))
    world.later(hours=1)


def no_comments(request: Request, reply: Reply) -> None:
    """Hide the list of comments from our account; nothing else of the ticket."""
    if request.path.endswith("/comment"):
        reply.status, reply.body = 404, b'{"errorMessages": ["no"]}'


def outcomes(world: World) -> dict[tuple[str, str], tuple[str, str]]:
    """(ticket, rule) -> (outcome, reason) of every verdict."""
    rows = world.runtime.register.rows_by_table()["verdict"]
    reasons = {(row["ticket_id"], row["rule"]): row["message"] for row in world.view("v_findings")}
    return {(row[1], row[2]): (row[3], reasons.get((row[1], row[2]), "")) for row in rows}


READERS = {
    "comment": {"edited-after-close", "due-date-moved"},
    "attachment": {"objective-evidence"},
}
"""Left-out field -> shipped rules that read it; links and sub-tasks are read by every rule on actions."""
OVER_FIELDS = {"what-when-where", "root-cause-substantive", "correction-recorded"}
"""Shipped rules that read fields and their history, and neither comments nor actions."""


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("name", PLACES)
def test_only_rules_that_read_what_is_unknown_cannot_tell(source: str, name: str, tmp_path: Path) -> None:
    """All other rules reach the verdict that they reach with the complete answer; the reason says what to do."""
    with open_world(tmp_path, source, rules=None) as world:
        a_closed_case(world)
        hidden: list[Callable[[Request, Reply], None]] = [Light(name, everywhere=True)]
        hidden += [no_comments] if name == "comment" else []
        world.only.server.after.extend(hidden)
        world.cycle()
        unsure = outcomes(world)
        assert {row["history_complete"] for row in world.view("v_tickets")} == {1}
        assert_rebuilt(world)
        for hook in hidden:
            world.only.server.after.remove(hook)
        world.cycle(full=True)
        sure = outcomes(world)
        differing = {pair for pair in sure if sure[pair][0] != unsure[pair][0]}
        assert {unsure[pair][0] for pair in differing} <= {"cannot_tell"}
        assert all("sync --full" in unsure[pair][1] for pair in differing)
        assert {rule for _, rule in differing} & OVER_FIELDS == set()
        assert {rule for _, rule in differing} <= READERS.get(name, {rule for _, rule in differing})
        assert differing
        assert_rebuilt(world)


def requested_alone(world: World) -> list[str]:
    """Tickets (or their comments) that were requested alone since the log was last read, in order."""
    places = [
        exchange.path.partition("/issue/")[2] for exchange in world.only.server.requests if exchange.method == "GET"
    ]
    world.only.server.requests.reset()
    return [place for place in places if place[:1].isdigit()]


MANY = 115
LIGHT = [("issuelinks", False), ("comment", True)]
"""Left-out field, and whether all answers about tickets leave it out."""


def many_tickets(world: World) -> UserDriver:
    """More tickets than a cycle may request one by one; the last one has an action and a comment."""
    users = users_on(world.only)
    for number in range(MANY):
        users.create(f"ticket {number}")
    last = users.records()[-1]
    users.create_part(last, "a part")
    users.say(last, "a comment")
    world.later(minutes=30)
    return users


@pytest.mark.slow
@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize(("name", "everywhere"), LIGHT)
def test_more_tickets_than_requests_wait_over_restarts(
    source: str, name: str, everywhere: bool, tmp_path: Path
) -> None:
    """At most a hundred requests in a cycle, the rest in later cycles; no ticket twice and none lost."""
    with open_world(tmp_path, source) as world:
        users = many_tickets(world)
        world.only.server.after.append(Light(name, everywhere=everywhere))
        world.cycle()
        requests = requested_alone(world)
        assert len(requests) == 100
        waiting = {row["ticket_id"] for row in world.view("v_tickets") if row["unknown"]}
        assert len(waiting) == world.health()["to_request"] == MANY + 1 - 100
        assert {place.partition("/")[0] for place in requests} == set(users.ids()) - waiting
        assert_rebuilt(world)
        while left := world.health()["to_request"]:
            world.restart()
            world.cycle(minutes=5)
            assert world.health()["to_request"] < left
            later = requested_alone(world)
            assert len(later) <= 100
            requests += later
        assert len(requests) == len(set(requests))
        assert {row["unknown"] for row in world.view("v_tickets")} == {""}
        assert_equal(world, users)
        assert_rebuilt(world)


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize(("name", "everywhere"), [("issuelinks", False), *((name, True) for name in PLACES)])
def test_a_second_pass_requests_nothing_and_changes_nothing(
    source: str, name: str, everywhere: bool, tmp_path: Path
) -> None:
    """Neither a poll nor a full read changes a row, each in a new process."""
    with open_world(tmp_path, source) as world:
        a_family(world)
        world.only.server.after.append(Light(name, everywhere=everywhere))
        world.cycle()
        world.cycle(minutes=20)
        rows = world.runtime.register.rows_by_table()
        for full in (False, True, False):
            world.restart()
            world.only.server.requests.reset()
            world.cycle(full=full, minutes=20)
            targets = [exchange.request.target for exchange in world.only.server.requests]
            assert not [target for target in targets if "fields=updated%2C" in target or "/comment" in target]
            after = world.runtime.register.rows_by_table()
            assert {table for table in rows if rows[table] != after[table]} == set()


@pytest.mark.parametrize("source", JIRAS)
def test_what_a_source_does_not_deliver_is_remembered_over_a_restart(source: str, tmp_path: Path) -> None:
    """One ticket is requested for it, none after a restart; `status` says what is missing and how often."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.only.server.after.append(Light("issuelinks", everywhere=True))
        world.cycle()
        asked = [e for e in world.only.server.requests if "fields=updated%2C" in e.request.target]
        assert len(asked) == 1
        world.restart()
        world.only.server.requests.reset()
        for number, record in enumerate(users.records()):
            users.edit(record, f"edit {number}", 1)
        world.cycle(minutes=20)
        assert not [e for e in world.only.server.requests if "fields=updated%2C" in e.request.target]
        assert world.health()["undelivered"] == {"links": len(world.view("v_tickets"))}
        assert world.health()["to_request"] == 0


@pytest.mark.parametrize("hidden", ["number", "issue", "short_description"])
def test_a_column_that_an_instance_leaves_out_is_unknown(hidden: str, tmp_path: Path) -> None:
    """A task keeps its number and its record; a text that is hidden now is unreadable and not empty."""
    with open_world(tmp_path, "servicenow") as world:
        users = a_family(world)
        world.cycle()
        before = {id_: ticket for id_, (_, ticket) in world.contents().items()}
        world.only.settings(hidden_fields=[hidden])
        for ticket in users.ids():
            users.step(ticket, 1)
        world.cycle(minutes=20)
        world.cycle(full=True)
        world.cycle(hours=1)
        for id_, (presence, ticket) in world.contents().items():
            assert presence is Presence.PRESENT
            assert (ticket.key, ticket.parent) == (before[id_].key, before[id_].parent)
            assert len(ticket.comments) == len(before[id_].comments)
            if hidden == "short_description":
                assert hidden in ticket.lost
        held = world.view("v_tickets"), world.view("v_actions")
        rebuild_derived(world.runtime)
        assert (world.view("v_tickets"), world.view("v_actions")) == held
