"""The answer for another ticket or comment than the one that was asked for is refused, and decides nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from capa_sync.errors import BadAnswer
from capa_sync.model.write import WriteKind
from capa_sync.sandbox.http import Reply, Request, SandboxServer
from tests.contract.jira_source_harness import harness, populate
from tests.contract.jira_writes import ours, write
from tests.unit.sources.servicenow import source_harness as servicenow

both_faces = pytest.mark.parametrize("face", ["cloud", "datacenter"])


def altered(server: SandboxServer, path: str, alter: Callable[[Any], object]) -> None:
    """Let each JSON answer to a GET of a path be altered."""

    def after(sent: Request, reply: Reply) -> None:
        if sent.method == "GET" and path in sent.target and reply.status == 200:
            content = json.loads(reply.body)
            alter(content)
            reply.body = json.dumps(content).encode()

    server.after.append(after)


@both_faces
def test_another_issue_does_not_show_that_one_is_there(face: str) -> None:
    """Whether a ticket is gone is decided by an answer about that ticket."""
    with harness(face) as it:
        one, other = (str(it.tracker.state.find(key).id) for key in populate(it.tracker, 2))
        it.cycle()
        assert it.source.prove_gone({one: "CAPA"}) == frozenset()
        altered(it.server, f"issue/{one}?", lambda issue: issue.update(id=other))
        with pytest.raises(BadAnswer, match="another one"):
            it.source.prove_gone({one: "CAPA"})


@both_faces
def test_another_comment_is_not_ours(face: str) -> None:
    """Whether our comment is still there, and goes, is decided by an answer about that comment."""
    with harness(face) as it:
        key = populate(it.tracker, 1)[0]
        wanted = write(it, key)
        id_ = it.writer.deliver(wanted, "").remote_id
        removal = write(it, key, text=None)
        altered(it.server, f"comment/{id_}", lambda comment: comment.update(id=f"{id_}9"))
        with pytest.raises(BadAnswer, match="another one"):
            it.writer.deliver(removal, id_)
        assert [str(comment.id) for comment in ours(it, key)] == [id_]


@pytest.mark.parametrize("alter", [lambda row: row.update(sys_id="f" * 32), lambda row: row.pop("sys_id")])
def test_another_record_is_not_the_one_that_was_asked_for(alter: Callable[[Any], object]) -> None:
    """It shows neither that a record is there nor that it holds what we would write; nothing is sent."""
    with servicenow.source_harness(children=(), state_field="u_capa_sync_state") as sn:
        issue = sn.insert(short_description="one")
        sn.later(hours=1)
        sn.sync()
        assert sn.source.prove_gone({issue: "sn_grc_issue"}) == frozenset()
        altered(sn.server, f"sn_grc_issue/{issue}", lambda content: alter(content["result"]))
        with pytest.raises(BadAnswer, match="another one"):
            sn.source.prove_gone({issue: "sn_grc_issue"})
        sn.sent()
        fields = servicenow.write(WriteKind.FIELDS, issue, fields={"u_capa_sync_state": "warning"})
        note = servicenow.write(WriteKind.WORK_NOTE, issue, notifies=True)
        for wanted in (fields, note):
            with pytest.raises(BadAnswer, match="another one"):
                sn.writer.deliver(wanted, "")
        assert sn.writes() == []
