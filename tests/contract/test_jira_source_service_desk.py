"""In a service project no comment is public, also where a ticket's answer leaves the kind of its project out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from capa_sync.errors import WriteRefused
from capa_sync.sandbox.messages import Reply, Request
from tests.contract.jira_source_harness import Harness, harness, populate
from tests.contract.jira_writes import ours, words, write

both_faces = pytest.mark.parametrize("face", ["cloud", "datacenter"])


def one_ticket(face: str, kind: str = "service_desk") -> tuple[Harness, str]:
    """A harness with a ticket of a project of that kind."""
    it = harness(face)
    [key] = populate(it.tracker, 1)
    for project in it.tracker.state.projects.values():
        project.raw["projectTypeKey"] = kind
    return it, key


HIDDEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "no kind": lambda fields: fields["project"].pop("projectTypeKey"),
    "no kind and no id": lambda fields: [fields["project"].pop(name) for name in ("projectTypeKey", "id")],
    "no project": lambda fields: fields.pop("project"),
    "null": lambda fields: fields.update(project=None),
    "a list": lambda fields: fields.update(project=[fields["project"]]),
    "a name": lambda fields: fields.update(project="CAPA"),
    "a kind that is no text": lambda fields: fields["project"].update(projectTypeKey={"key": "service_desk"}),
    "an id that is no id": lambda fields: fields["project"].update(projectTypeKey="", id="../myself"),
}
"""What a ticket's answer may say of its project without saying of which kind it is."""


def hide_kind(it: Harness, how: str, *, everywhere: bool = False) -> None:
    """Let answers for one ticket, or those for the project as well, not say the kind of the project."""

    def change(request: Request, reply: Reply) -> None:
        if request.method != "GET" or reply.status != 200:
            return
        body = orjson.loads(reply.body)
        if re.search(r"/issue/\d+$", request.path):
            HIDDEN[how](body["fields"])
        elif everywhere and "/project/" in request.path:
            body.pop("projectTypeKey")
        reply.body = orjson.dumps(body)

    it.server.after.append(change)


def is_public(comment: Any) -> bool:
    """Whether customers read a comment of a service project."""
    return bool(comment.properties.get("sd.public.comment") != {"internal": True} or comment.extra.get("jsdPublic"))


@both_faces
@pytest.mark.parametrize("how", HIDDEN)
def test_a_kind_that_the_ticket_does_not_say_is_asked_of_the_project(face: str, how: str) -> None:
    """An absent kind is unknown: created, edited and found again, the comment is internal."""
    it, key = one_ticket(face)
    with it:
        hide_kind(it, how)
        done = it.writer.deliver(write(it, key), "")
        it.writer.deliver(write(it, key, text=words("new")), done.remote_id)
        assert it.writer.look_up(write(it, key, text=words("new")), done.remote_id) is not None
        [comment] = ours(it, key)
        assert not is_public(comment)
        comment.properties["sd.public.comment"], comment.extra["jsdPublic"] = {"internal": False}, True
        with pytest.raises(WriteRefused, match="customers can see our comment"):
            it.writer.deliver(write(it, key, text=words("newer")), done.remote_id)


@both_faces
@pytest.mark.parametrize("how", ["no kind", "no project"])
def test_while_nothing_says_the_kind_no_comment_is_written(face: str, how: str) -> None:
    """Neither created nor edited, whatever hides the kind; the write waits, and follows once Jira says it."""
    it, key = one_ticket(face)
    with it:
        hide_kind(it, how, everywhere=True)
        for status in (200, 404, 403):
            if status != 200:
                said = '{"errorMessages": ["No project could be found."], "errors": {}}'
                it.server.faults.add("answer", ("GET", "/project/[^/]+$"), times=None, status=status, answer=said)
            with pytest.raises(WriteRefused, match="whether its project is a service desk") as waits:
                it.writer.deliver(write(it, key), "")
            assert not waits.value.permanent
            it.server.faults.clear()
        assert ours(it, key) == []
        it.server.after.clear()
        done = it.writer.deliver(write(it, key), "")
        before = ours(it, key)[0].body
        hide_kind(it, how, everywhere=True)
        with pytest.raises(WriteRefused, match="whether its project is a service desk"):
            it.writer.deliver(write(it, key, text=words("new")), done.remote_id)
        with pytest.raises(WriteRefused, match="whether its project is a service desk"):
            it.writer.look_up(write(it, key), done.remote_id)
        assert ours(it, key)[0].body == before
        assert not is_public(ours(it, key)[0])


@both_faces
def test_a_project_that_answers_for_another_is_not_believed(face: str) -> None:
    """The answer for another project would say the kind of that one: nothing is written."""
    it, key = one_ticket(face)
    with it:
        hide_kind(it, "no kind")

        def other(request: Request, reply: Reply) -> None:
            if "/project/" in request.path:
                reply.body = orjson.dumps({**orjson.loads(reply.body), "id": "10999", "projectTypeKey": "software"})

        it.server.after.append(other)
        with pytest.raises(WriteRefused, match="whether its project is a service desk"):
            it.writer.deliver(write(it, key), "")
        assert ours(it, key) == []


@both_faces
def test_a_kind_that_the_ticket_says_costs_no_request(face: str) -> None:
    """The project is asked only where the ticket's answer leaves its kind out."""
    it, key = one_ticket(face, "software")
    with it:
        done = it.writer.deliver(write(it, key), "")
        it.writer.deliver(write(it, key, text=words("new")), done.remote_id)
        assert not [entry for entry in it.server.requests if "/project" in entry.path]
