"""Error answers of any shape: the status alone says whether a write was applied, and no shape is our own error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from capa_sync.errors import WriteRefused
from capa_sync.model.write import WriteKind
from capa_sync.sandbox.malformed import SHAPES
from capa_sync.sources.jira.answers import error_text, read_refusal, write_refusal
from capa_sync.sources.servicenow.answers import _said_by
from tests.contract.jira_source_harness import harness, populate
from tests.contract.jira_writes import write
from tests.sync.users import users_on
from tests.sync.world import open_world
from tests.unit.sources.servicenow import source_harness as servicenow

TRUE = (
    b'{"errorMessages": ["Odd"], "errors": {"comment": "Odd"}, "message": "Odd", '
    b'"error": {"message": "Odd", "detail": "Odd too"}, "status": "failure"}'
)
BODIES = {name: shape(TRUE) for name, shape in SHAPES.items()}
NAMES = ("errorMessages", "errors", "errorMessage", "message", "error_description", "error", "detail")
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


def said_by_an_instance(content: bytes) -> str:
    """What a ServiceNow says in an answer."""
    response = requests.Response()
    response._content = content
    return _said_by(response)


def check_words(content: bytes) -> None:
    """Both readers of words return a short text, and the refusals are those of their status."""
    for words in (error_text(content), said_by_an_instance(content)):
        assert len(words) <= 700
    assert isinstance(write_refusal("jira", "POST x", 400, content), WriteRefused)
    for status in (302, 400, 403, 404, 410, 500):
        assert f"({status})" in str(read_refusal("jira", "GET x", status, content))


@pytest.mark.parametrize("shape", BODIES)
def test_no_shape_of_an_error_answer_raises(shape: str) -> None:
    """Words are what is a text; the rest of the answer is left out."""
    check_words(BODIES[shape])


@given(found=anything)
def test_no_error_answer_raises(found: Any) -> None:
    """Each member may hold anything."""
    check_words(json.dumps(found).encode())


@pytest.mark.parametrize("deep", [b"[", b'{"errorMessages":', b'{"error":', b'{"errors":{"a":'])
def test_a_deep_error_answer_raises_nothing(deep: bytes) -> None:
    """Neither a parser's bound nor the one of a recursion is met."""
    for depth in (500, 1_000, 100_000):
        close = {b"[": b"]", b"{": b"}"}
        ends = b"".join(close[bytes([sign])] for sign in reversed(deep) if bytes([sign]) in close)
        check_words(deep * depth + b"1" + ends * depth)
        check_words(b'{"errorMessages": ' + b"[" * depth + b"]" * depth + b"}")


@pytest.mark.parametrize("face", ["cloud", "datacenter"])
def test_a_comment_refused_in_any_shape_is_refused(face: str) -> None:
    """It is not unknown: nothing has to be looked up, and the reason names the status."""
    with harness(face) as it:
        wanted = write(it, populate(it.tracker, 1)[0])
        for body in BODIES.values():
            for status in (400, 403, 404, 409, 413):
                it.server.faults.clear()
                answer = body.decode("utf-8", "replace")
                it.server.faults.add("answer", ("POST", "/comment"), status=status, answer=answer, times=None)
                with pytest.raises(WriteRefused, match=rf"refused \({status}\)"):
                    it.writer.deliver(wanted, "")


@pytest.mark.parametrize("kind", [WriteKind.FIELDS, WriteKind.WORK_NOTE])
def test_a_patch_refused_in_any_shape_is_refused(kind: WriteKind) -> None:
    """Only one whose words say that the instance gave up on it may have been applied."""
    with servicenow.source_harness(children=(), state_field="u_capa_sync_state") as sn:
        issue = sn.insert(short_description="one")
        fields = {"u_capa_sync_state": "warning"}
        wanted = (
            servicenow.write(kind, issue, fields=fields)
            if kind is WriteKind.FIELDS
            else servicenow.write(kind, issue)
        )
        for body in BODIES.values():
            for status in (400, 403, 404):
                sn.server.faults.clear()
                answer = body.decode("utf-8", "replace")
                sn.server.faults.add("answer", ("PATCH", ""), status=status, answer=answer, times=None)
                with pytest.raises(WriteRefused):
                    sn.writer.deliver(wanted, "")


@pytest.mark.parametrize("body", ['{"errorMessages":5}', '{"errorMessages":{"a":[1]},"errors":[7]}', "[[1]]", "null"])
def test_a_comment_refused_in_an_odd_shape_is_failed_with_its_reason(tmp_path: Path, body: str) -> None:
    """It is neither sent in each cycle nor left without a trace: `status` shows it as stuck, and why."""
    with open_world(tmp_path, "jira", rules=("owner-active", "what-when-where"), mode="on") as world:
        users_on(world.only).create("one")
        fault = world.only.server.faults.add("answer", ("POST", "/comment"), times=None, status=400, answer=body)
        for _ in range(3):
            world.try_cycle(days=30)
        comments = [row for row in world.view("v_writes") if row["kind"] == "comment"]
        assert [(row["state"], "refused (400)" in row["error"]) for row in comments] == [("failed", True)]
        assert fault.hits == 1
        assert "stuck writes: 0" not in world.status()
