"""Where output leads nowhere (a full disk, a reader that ended), the work is done and the exit code says how."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
import structlog

from capa_sync.daemon.log import LogAction, configure_logs, log
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT
from tests.daemon.harness import Harness

MAIN = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from capa_sync.cli.app import main; main()"


@pytest.fixture
def failing(make_harness: MakeHarness) -> Harness:
    """A Jira that refuses our sign-in: `sync` ends with 3."""
    harness = make_harness("jira")
    harness.env["JIRA_TOKEN"] = "wrong-token"
    return harness


def run(harness: Harness, *verb: str, out: IO[str] | int | None = None, err: IO[str] | int | None = None) -> int:
    """Run a verb as a process of its own with these outputs; return its exit code."""
    command = [sys.executable, "-c", MAIN, *verb]
    env = {**os.environ, **harness.env}
    return subprocess.run(command, cwd=harness.folder, stdout=out, stderr=err, env=env, check=False).returncode


def test_the_code_of_a_cycle_survives_its_outputs(failing: Harness) -> None:
    """A reader that ends early hides no 3, nor does a log that takes no line; a result that is lost is a mistake."""
    reading, writing = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("w") as full:
        assert run(failing, "sync", out=writing, err=subprocess.DEVNULL) == 3
        assert run(failing, "sync", out=subprocess.DEVNULL, err=full) == 3
        done = subprocess.PIPE
        assert run(failing, "sync", out=full, err=done) == 2
    os.close(writing)


class Full(io.StringIO):
    """A stream on a full disk, until there is room again."""

    is_full = True

    def write(self, text: str) -> int:
        """Take a text, or refuse it."""
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


@pytest.fixture
def full() -> Iterator[Full]:
    """The log leads to a full disk."""
    before, stream = structlog.get_config(), Full()
    configure_logs(stream)
    yield stream
    structlog.configure(**before)


def test_a_log_that_takes_no_line_ends_no_work(full: Full) -> None:
    """The daemon goes on without its log, and writes it again when there is room."""
    log(LogAction.CYCLE_STARTED, source="jira")
    full.is_full = False
    log(LogAction.CYCLE_FINISHED, source="jira")
    assert "action=cycle_finished" in full.getvalue()
    assert "cycle_started" not in full.getvalue()
