"""One way to make a harness, for all tests with real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import judging
from capa_sync.daemon.workers import dispatch
from tests.daemon.fork_server import ForkedWorker, ForkServer
from tests.daemon.harness import Harness
from tests.daemon.runtimes import BATCH, RULES, TICKETS, create_fours, read, runtime_of

MakeHarness = Callable[..., Harness]


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


@pytest.fixture(scope="module")
def mirrored_harness(shared_harness: MakeHarness, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Two trackers of two dozen tickets, mirrored and never judged."""
    harness = shared_harness("jira-dc", "servicenow", rules=RULES, extra={"servicenow": "page_size = 10"})
    with runtime_of(harness, tmp_path_factory.mktemp("read") / "harness") as runtime:
        for source in harness.names:
            create_fours(harness, source, TICKETS)
            read(runtime, source)
        runtime.register.copy_to(harness.register_file)
    return harness


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of four tickets, none of which this process evaluates."""
    monkeypatch.setattr(judging, "BATCH", BATCH)
    monkeypatch.setattr(dispatch, "OWN", 0)


@pytest.fixture
def forked_workers(fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork evaluation workers instead of starting them: each start takes two seconds."""
    original = subprocess.Popen

    def popen(command: Sequence[str], **options: Any) -> Any:
        if "capa_sync.cli.worker" not in command[3]:
            return original(command, **options)
        return ForkedWorker(fork_server, command, *options["pass_fds"])

    monkeypatch.setattr(subprocess, "Popen", popen)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that the test started, in order; a worker has as long as it needs to end by itself."""
    processes: list[subprocess.Popen[bytes]] = []
    original = subprocess.Popen

    def popen(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        processes.append(original(*args, **options))
        return processes[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr("capa_sync.daemon.workers.process.END", 300.0)
    return processes
