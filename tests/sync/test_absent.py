"""A key that an answer leaves out is unknown, never empty: comments, links, sub-tasks and attachments stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from capa_sync.daemon.rebuilding import rebuild_derived
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.messages import Reply, Request
from tests.sync.equal import assert_equal
from tests.sync.users import UserDriver, users_on
from tests.sync.world import JIRAS, World, open_world

PLACES = ("comment", "issuelinks", "subtasks", "attachment")


class Light:
    """Leaves keys out of issues: of search answers alone, or wherever an issue is told."""

    def __init__(self, *names: str, everywhere: bool) -> None:
        self._names = names
        self._everywhere = everywhere

    def __call__(self, request: Request, reply: Reply) -> None:
        """Look at an answer that is about to be sent."""
        is_search = "/search" in request.path
        if reply.status != 200 or reply.body[:1] != b"{" or not (is_search or self._everywhere):
            return
        body = orjson.loads(reply.body)
        for issue in body.get("issues", [body]):
            for name in self._names:
                issue.get("fields", {}).pop(name, None)
        reply.body = orjson.dumps(body)


def a_family(world: World) -> UserDriver:
    """Three records with a part and comments each."""
    users = users_on(world.only)
    for number in range(3):
        users.create(f"ticket {number}")
        world.later(minutes=11)
    for record in users.records():
        users.create_part(record, f"part of {record}")
        users.say(record, f"comment on {record}")
        world.later(minutes=11)
    return users


def told(world: World) -> dict[str, tuple[Any, ...]]:
    """What the mirror has of places that may be absent."""
    return {
        id_: (tuple(c.id for c in ticket.comments), ticket.children, ticket.attachments)
        for id_, (_, ticket) in world.contents().items()
    }


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("name", PLACES)
def test_what_a_search_leaves_out_is_asked_for(source: str, name: str, tmp_path: Path) -> None:
    """A light answer takes nothing away, and what changed behind it is known all the same."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.cycle()
        light = Light(name, everywhere=False)
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
def test_what_no_answer_delivers_stays_as_it_was_and_is_told_as_unknown(source: str, tmp_path: Path) -> None:
    """Links, sub-tasks and comments that are stored are kept over edits and a rebuild; each ticket is asked once."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        world.cycle()
        before = told(world)
        assert any(comments for comments, _, _ in before.values())
        assert any(children for _, children, _ in before.values())
        world.only.server.after.append(Light(*PLACES, everywhere=True))
        for number, record in enumerate(users.records()):
            users.edit(record, f"edit {number}", 1)
        world.cycle(minutes=20)
        assert told(world) == before
        world.only.server.requests.reset()
        world.cycle(seconds=30)
        asked = [each.request.target for each in world.only.server.requests]
        assert not [target for target in asked if "fields=updated%2C" in target or "/comment" in target]
        world.cycle(full=True)
        assert told(world) == before
        held = world.view("v_tickets"), world.view("v_actions")
        rebuild_derived(world.runtime)
        assert (world.view("v_tickets"), world.view("v_actions")) == held
        assert told(world) == before


@pytest.mark.parametrize("source", JIRAS)
def test_a_first_read_without_them_says_that_it_is_not_complete(source: str, tmp_path: Path) -> None:
    """Nothing is stored that could stay: rules over history cannot tell, and they can once the keys come."""
    with open_world(tmp_path, source) as world:
        users = a_family(world)
        light = Light("issuelinks", "subtasks", everywhere=True)
        world.only.server.after.append(light)
        world.cycle()
        assert not any(row["history_complete"] for row in world.view("v_tickets"))
        world.only.server.after.remove(light)
        world.cycle(full=True)
        assert all(row["history_complete"] for row in world.view("v_tickets"))
        assert_equal(world, users)


@pytest.mark.parametrize("hidden", ["number", "issue", "short_description"])
def test_a_column_that_an_instance_leaves_out_is_unknown(hidden: str, tmp_path: Path) -> None:
    """A task keeps its number and its record, and a text that is hidden now is unreadable and not empty."""
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
