"""An answer of Jira that leaves out what every issue has: the ticket stays what it is, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from capa_sync.sandbox.http import Reply, Request
from capa_sync.sandbox.stories.script import AddAction, Create, Day
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.users import users_on
from tests.sync.world import World, open_world

ALL_STATUSES = {
    "    Open: identified": (
        "    Open: identified\n    To Do: identified\n    In Progress: planned\n    Done: implemented"
    ),
    "    field: Issue Type\n    values:\n      Nonconformity: nonconformity\n      Improvement: improvement\n"
    "      Preventive action: preventive\n      Observation: observation": "    constant: nonconformity",
}
"""Changes of the starter's mapping by which a sub-task, were it a record, would be judged and not quarantined."""
Spoil = Callable[[dict[str, Any]], object]


def _fields(change: Spoil) -> Spoil:
    return lambda issue: change(issue["fields"])


LACKS: dict[str, tuple[Spoil, str]] = {
    "no parent": (_fields(lambda fields: fields.pop("parent", None)), "its parent, although it is a sub-task"),
    "null for the parent": (_fields(lambda fields: fields.update(parent=None)), "its parent"),
    "a parent without an id": (_fields(lambda fields: fields.update(parent={"key": "X-1"})), "its parent"),
    "no type": (_fields(lambda fields: fields.pop("issuetype", None)), "its issue type"),
    "a type without a name": (_fields(lambda fields: fields["issuetype"].pop("name")), "its issue type"),
    "a type that may be a sub-task's": (_fields(lambda fields: fields["issuetype"].pop("subtask")), "its issue type"),
    "no key": (lambda issue: issue.pop("key", None), "its key"),
    "a number for the key": (lambda issue: issue.update(key=issue["id"]), "its key"),
}


@contextmanager
def spoilt(world: World, spoil: Spoil, only: str = "", having: str = "issuetype") -> Iterator[list[set[str]]]:
    """Spoil the issues of each answer that have a field, or that of one ticket; yields each answer's members."""
    members: list[set[str]] = []

    def change(_request: Request, reply: Reply) -> None:
        body = orjson.loads(reply.body) if reply.status == 200 and reply.body[:1] == b"{" else {}
        members.append(set(body))
        for issue in body.get("issues", [body] if "fields" in body else []):
            if having in issue.get("fields", {}) and (not only or issue["id"] == only):
                spoil(issue)
        if body:
            reply.body = orjson.dumps(body)

    world.only.server.after.append(change)
    try:
        yield members
    finally:
        world.only.server.after.remove(change)


@contextmanager
def warned(source: str, folder: Path) -> Iterator[World]:
    """One record that is warned, with a sub-task as its action."""
    with open_world(folder, source, rules=None, mode="on") as world:
        world.resettle(source, mapping=ALL_STATUSES)
        world.only.play("x", Create({"title": "Access review missed", "grade": "minor", "due_at": Day(-5)}))
        world.only.play("x", AddAction("Name a deputy", Day(-5), "child", "anna.lee"))
        world.later(days=9)
        world.cycle()
        world.cycle(hours=1)
        yield world


@pytest.fixture(name="world", params=["jira", "jira-dc"])
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with warned(request.param, tmp_path) as world:
        yield world


def roles_in(world: World) -> dict[str, str]:
    """Return ticket id -> role."""
    return {id_: str(role) for id_, role in world.runtime.register.tickets.roles(world.only.name).items()}


def places(world: World) -> Any:
    """Return roles, keys and numbers of everything."""
    rows = [(row["register_no"], row["ticket_key"]) for row in world.view("v_register")]
    return roles_in(world), rows, [(row["ticket_key"], row["action_key"]) for row in world.view("v_actions")]


@pytest.mark.parametrize("lack", LACKS)
def test_an_action_stays_one_and_nothing_is_written(world: World, lack: str) -> None:
    """A sub-task without its parent is not a record; a ticket without its key keeps the one that is mirrored."""
    users, before, written = users_on(world.only), places(world), len(world.writes())
    record = world.only.id_of("x")
    [part] = [id_ for id_, role in before[0].items() if role == "action"]
    spoil, says = LACKS[lack]
    with spoilt(world, spoil, part):
        users.say(record, "a remark")
        users.say(part, "a remark")
        world.cycle(minutes=10)
        assert places(world) == before
        [row] = [row for row in world.view("v_tickets") if row["quarantine_reason"]]
        assert (row["ticket_id"], says in row["quarantine_reason"]) == (part, True)
        assert ours_on(users, part).texts == ()
        assert_rebuilt(world)
        assert places(world) == before
    world.cycle(hours=25, full=True)
    assert places(world) == before
    assert [row for row in world.view("v_tickets") if row["quarantine_reason"]] == []
    assert ours_on(users, part).texts == ()
    assert len(world.writes()) == written


def test_an_answer_that_is_wrong_once_costs_one_request(world: World) -> None:
    """The ticket is read by id, and then judged as it is."""
    users, before, record = users_on(world.only), places(world), world.only.id_of("x")
    answers: list[int] = []

    def once(issue: dict[str, Any]) -> None:
        if not answers:
            issue["fields"].pop("issuetype")
        answers.append(1)

    users.say(record, "a remark")
    with spoilt(world, once, record):
        world.cycle(minutes=10)
    assert places(world) == before
    assert [row for row in world.view("v_tickets") if row["quarantine_reason"]] == []
    assert len(answers) > 1
    assert "a remark" in [comment.text for comment in world.ticket(record).comments]


@pytest.mark.parametrize("value", ["left out", "null"])
def test_labels_that_an_answer_leaves_out_are_not_written_again(world: World, value: str) -> None:
    """Ours are on the ticket; a poll whose answers have no labels changes nothing, nor does the next with them."""
    users, record, written = users_on(world.only), world.only.id_of("x"), len(world.writes())
    labels = ours_on(users, record).labels
    assert labels
    spoil = _fields(lambda fields: fields.pop("labels") if value == "left out" else fields.update(labels=None))
    with spoilt(world, spoil, having="labels"):  # also where a write looks at them
        users.say(record, "a remark")
        world.cycle(minutes=10)
        world.cycle(hours=25)
    world.cycle(minutes=10)
    world.cycle(hours=25, full=True)
    assert ours_on(users, record).labels == labels
    assert len(world.writes()) == written


def test_an_answer_for_the_ticket_alone_is_looked_at_too(tmp_path: Path) -> None:
    """Data Center's row is whole but for its history: the ticket is read alone, and that answer lacks the parent."""
    with warned("jira-dc", tmp_path) as world:
        users, before = users_on(world.only), places(world)
        [part] = [id_ for id_, role in before[0].items() if role == "action"]

        def spoil(issue: dict[str, Any]) -> None:
            if "issues" in seen[-1]:
                issue.get("changelog", {"total": 0})["total"] += 1
            else:
                issue["fields"].pop("parent")

        with spoilt(world, spoil, part) as seen:
            users.say(part, "a remark")
            world.cycle(minutes=10)
            world.cycle(minutes=10)
            assert places(world) == before
            [row] = [row for row in world.view("v_tickets") if row["quarantine_reason"]]
            assert (row["ticket_id"], "its parent" in row["quarantine_reason"]) == (part, True)
        assert ours_on(users, part).texts == ()


def test_a_row_that_lacks_something_else_is_read_once_more_only_once(world: World) -> None:
    """The newest ticket is in the answer to each poll; its refusal is stored with the other answer's content."""
    users, record = users_on(world.only), world.only.id_of("x")
    alone: list[str] = []

    def spoil(issue: dict[str, Any]) -> None:
        is_search = not seen[-1].isdisjoint({"nextPageToken", "isLast", "startAt"})
        if not is_search:
            alone.append(issue["id"])
        issue["fields"]["summary" if is_search else "description"] = "other"
        issue["fields"].pop("issuetype")

    with spoilt(world, spoil, record) as seen:
        users.say(record, "a remark")
        for _poll in range(4):
            world.cycle(minutes=1)
    assert alone == [record]
