"""A statement whose one call of a function takes minutes holds up neither the next one nor the end of the server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.fork_server import ROOT
from tests.journey.harness import open_harness
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

_LONG = "printf('%.*c', 18000000, 'b')"
_PART = "printf('%.*c', {0}, 'b')"
ENDLESS = {
    "like": f"SELECT {_LONG} LIKE '%' || {_PART.format(24_000)} || 'c'",
    "glob": f"SELECT {_LONG} GLOB '*' || {_PART.format(24_000)} || 'c'",
    "like, often": "SELECT 1" + f" + ({_LONG} LIKE '%b_{'b' * 180}c')" * 80,
    "replace": f"SELECT length(replace({_LONG}, {_PART.format(9_000_000)} || 'c', ''))",
    "instr": f"SELECT instr({_LONG}, {_PART.format(9_000_000)} || 'c')",
    "trim": f"SELECT length(trim({_LONG}, printf('%.*c', 900000, 'a') || 'b'))",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings and an empty register."""
    place = tmp_path_factory.mktemp("bounded")
    with open_harness("jira", place, "2025-06-02 09:00") as harness:
        harness.cycle("2025-06-02 12:00")
    return place


class Talk:
    """Speaks the protocol by hand: the SDK's client ends a server by a signal where it does not end by itself."""

    def __init__(self, server: subprocess.Popen[bytes]) -> None:
        self.server = server
        about = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        self.send({"id": 1, "method": "initialize", "params": about})
        self.received()
        self.send({"method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.server.stdin.flush()

    def received(self) -> dict[str, Any]:
        """Return the next message."""
        assert self.server.stdout is not None
        answer: dict[str, Any] = json.loads(self.server.stdout.readline())
        return answer

    def ask(self, sql: str) -> None:
        """Call the tool `query` and do not wait."""
        self.send({"id": 2, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": sql}}})

    def answer(self, sql: str) -> tuple[bool, str]:
        """Call the tool `query`; return whether it was refused, and its text."""
        self.ask(sql)
        found = self.received()["result"]
        return bool(found.get("isError")), found["content"][0]["text"]


@contextmanager
def talking(place: Path) -> Iterator[Talk]:
    """Start the server, and kill it at the end if it still runs."""
    words = [sys.executable, "-m", "capa_sync", "mcp", "--config", str(place / "capa-sync.toml")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as server:
        try:
            yield Talk(server)
        finally:
            server.kill()


@pytest.mark.timeout(240)
def test_no_call_of_a_function_outlasts_the_time_of_a_statement(folder: Path) -> None:
    """Each is refused in time, in one line that says what to do; the next statement is answered."""
    with talking(folder) as talk:
        for name, sql in ENDLESS.items():
            refused, text = talk.answer(sql)
            assert refused, name
            assert "took longer than 5 seconds" in text or "pattern too complex" in text, (name, text)
            answers = (talk.answer("SELECT 42")[1] for _ in range(10))  # on a busy machine even this takes seconds
            assert any("[42]" in "".join(answer.split()) for answer in answers), name


@pytest.mark.parametrize("name", ["replace", "trim"])
def test_the_server_ends_with_its_input_while_a_statement_runs(folder: Path, name: str) -> None:
    """Closed input ends it at once; nothing that it started holds its output open."""
    with talking(folder) as talk:
        talk.ask(ENDLESS[name])
        time.sleep(1)
        assert talk.server.stdin is not None
        assert talk.server.stdout is not None
        talk.server.stdin.close()
        assert b"Connection closed" in talk.server.stdout.read()
        assert talk.server.wait(PATIENCE) == 0
