"""One forking process and one way to make a harness, for all tests with real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.fork_server import ForkServer
from tests.daemon.harness import Harness

MakeHarness = Callable[..., Harness]


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """The forking process of this test worker."""
    with ForkServer() as server:
        yield server


@pytest.fixture
def make_harness(fork_server: ForkServer, tmp_path: Path) -> Iterator[MakeHarness]:
    """Make harnesses that are closed after the test; `Harness` has the options."""
    with ExitStack() as stack:
        yield lambda *sources, **options: stack.enter_context(Harness(fork_server, tmp_path, sources, **options))


@pytest.fixture(scope="module")
def shared_harness(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeHarness]:
    """Make harnesses that all tests of a module share."""
    with ExitStack() as stack:
        yield lambda *sources, **options: stack.enter_context(
            Harness(fork_server, tmp_path_factory.mktemp("harness"), sources, **options)
        )


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that the test started, in order."""
    processes: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def popen(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        processes.append(original(*args, **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    return processes
