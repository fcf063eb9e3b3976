"""Worker processes evaluate due tickets; the results are equal to those without workers, whatever fails."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capa_sync.cli.worker import worker_command
from capa_sync.daemon import judging
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.workers import WorkerPool
from capa_sync.model.clock import FileClock
from capa_sync.settings import load_settings
from capa_sync.store import open_register
from capa_sync.wiring import build_runtime_for_reading, configure
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness, until
from tests.daemon.runtimes import BATCH, TICKETS, Judged, create_fours, judge

pytestmark = pytest.mark.usefixtures("small_batches")


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """A tracker of two dozen mirrored tickets, judged by one rule; three more rules were added since."""
    harness = shared_harness("jira-dc", rules=["what-when-where"])
    create_fours(harness, "jira-dc", TICKETS)
    harness.sync()
    root = Path(judging.__file__).parents[2]
    for rule in ("root-cause-before-action", "action-overdue", "root-cause-substantive"):
        shutil.copy(root / "rules" / f"{rule}.yaml", harness.folder / "rules")
    return harness


@contextmanager
def _runtime(harness: Harness, folder: Path, *, workers: WorkerPool | None = None) -> Iterator[Runtime]:
    """Build a runtime on a copy of the harness's register; only the tracker is missing."""
    shutil.copytree(harness.folder, folder)
    settings = folder / "capa-sync.toml"
    configuration = configure(load_settings(settings, {}), settings, {}, with_secrets=False)
    clock = FileClock(folder / "clock")
    with open_register(configuration.register_path, clock_now=clock.now()) as register:
        runtime = build_runtime_for_reading(configuration, register, clock)
        for context in runtime.contexts.values():
            context.write = replace(context.write, mode="plan")
        if workers is not None:
            runtime.workers = workers
        yield runtime


@pytest.fixture(scope="module")
def alone(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The result of judging without a worker."""
    with _runtime(harness, tmp_path_factory.mktemp("alone") / "harness") as runtime:
        return judge(runtime)


class _CountingPool(WorkerPool):
    """A pool that counts how many batches its workers answered."""

    answered = 0

    def evaluate(self, *given: Any) -> Iterator[Any]:
        for outcomes in super().evaluate(*given):
            self.answered += outcomes is not None
            yield outcomes


def _workers(folder: Path, command: Sequence[str] = (), cores: int = 3) -> _CountingPool:
    return _CountingPool(command or worker_command(folder / "capa-sync.toml"), cores=cores, worth=1)


def test_with_workers_every_row_is_as_without(harness: Harness, alone: Judged, tmp_path: Path) -> None:
    """Verdicts, findings, register numbers, rows, due times and plans are the same, and workers computed them."""
    workers = _workers(tmp_path / "harness")
    with _runtime(harness, tmp_path / "harness", workers=workers) as runtime:
        assert judge(runtime) == alone
    assert alone[0]["judged"] == TICKETS
    assert alone[0]["opened"] >= TICKETS // 4
    assert alone[2]
    assert workers.answered == TICKETS // BATCH


@pytest.mark.usefixtures("forked_workers")
def test_the_batches_of_a_killed_worker_are_evaluated_here(
    harness: Harness, alone: Judged, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    """`kill -9` of every worker after the first answer loses nothing and doubles nothing."""
    workers = _workers(tmp_path / "harness")
    with _runtime(harness, tmp_path / "harness", workers=workers) as runtime:

        def kill(name: str) -> None:
            if name == "after-judging-commit" and started[0].poll() is None:
                for process in started:
                    process.kill()
                    process.wait()

        runtime.checkpoint = kill
        assert judge(runtime) == alone
    assert [process.returncode for process in started] == [-signal.SIGKILL, -signal.SIGKILL]


@pytest.mark.usefixtures("forked_workers")
def test_a_worker_with_other_rules_declines(harness: Harness, alone: Judged, tmp_path: Path) -> None:
    """A rule file edited after this process has read it is not evaluated, neither here nor in a worker."""
    workers = _workers(tmp_path / "harness")
    with _runtime(harness, tmp_path / "harness", workers=workers) as runtime:
        edited = tmp_path / "harness" / "rules" / "what-when-where.yaml"
        edited.write_text(edited.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        assert judge(runtime) == alone
    assert workers.answered == 0


@pytest.mark.parametrize("command", [["/nonexistent/python"], [sys.executable, "-c", "raise SystemExit(1)"]])
def test_workers_that_do_not_start_change_nothing(
    harness: Harness, alone: Judged, tmp_path: Path, command: list[str]
) -> None:
    """A program that cannot be started, or ends at once, costs only its start."""
    workers = _workers(tmp_path / "harness", command)
    with _runtime(harness, tmp_path / "harness", workers=workers) as runtime:
        assert judge(runtime) == alone
    assert workers.answered == 0


def test_a_worker_that_may_not_lower_its_priority_works_all_the_same(
    harness: Harness, alone: Judged, tmp_path: Path
) -> None:
    """Our own systemd unit forbids to change priorities."""
    command = worker_command(tmp_path / "harness" / "capa-sync.toml")
    forbid = "import os\ndef nice(_by): raise PermissionError(1, 'no')\nos.nice = nice\n"
    command[3] = forbid + command[3]
    workers = _workers(tmp_path / "harness", command, cores=2)
    with _runtime(harness, tmp_path / "harness", workers=workers) as runtime:
        assert judge(runtime) == alone
    assert workers.answered == TICKETS // BATCH


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("with_workers", [False, True])
def test_a_request_to_stop_leaves_the_rest_due(
    harness: Harness, alone: Judged, tmp_path: Path, with_workers: bool
) -> None:
    """A daemon that is asked to stop stores the current batch; the next daemon judges the others."""
    workers = _workers(tmp_path / "harness") if with_workers else None
    with _runtime(harness, tmp_path / "harness", workers=workers) as runtime:
        runtime.checkpoint = lambda name: runtime.stop.set() if name == "after-judging-commit" else None
        first = judge(runtime)[0]
        assert first["judged"] == BATCH
        assert len(runtime.register.queue.due_judging("jira-dc", NOW)) == TICKETS - BATCH
        runtime.stop.clear()
        runtime.checkpoint = lambda _name: None
        second, tables, _ = judge(runtime)
    assert second["judged"] == TICKETS - BATCH
    assert tables == alone[1]


def test_a_worker_ends_when_the_process_that_started_it_is_killed(harness: Harness, tmp_path: Path) -> None:
    """`kill -9` of the daemon leaves no worker behind."""
    shutil.copytree(harness.folder, tmp_path / "harness")
    program = (
        "import os, signal, socket, subprocess, sys\n"
        "ours, theirs = socket.socketpair()\n"
        "worker = subprocess.Popen([*sys.argv[1:], str(theirs.fileno())], pass_fds=[theirs.fileno()])\n"
        "print(worker.pid, flush=True)\n"
        "theirs.close()\n"
        "sys.stdin.readline()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, *worker_command(tmp_path / "harness" / "capa-sync.toml")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert Path(f"/proc/{worker}").exists()
        process.stdin.write("\n")
        process.stdin.flush()
    until(lambda: not _is_running(worker))


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
