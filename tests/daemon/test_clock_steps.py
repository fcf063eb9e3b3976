"""The machine's clock is set while the daemon runs: it goes on polling, and judges only by a right clock."""

from __future__ import annotations

import shutil
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apscheduler.schedulers.base
import pytest

from capa_sync.daemon import scheduler
from capa_sync.daemon.watchdog import ClockWatch
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT
from tests.daemon.harness import Harness, until
from tests.patience import PATIENCE

HOURS = 3600
SHIM = Path(__file__).with_name("wall_clock.c")
needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


class Wall:
    """The wall clock of one daemon, and that daemon."""

    def __init__(self, harness: Harness) -> None:
        self.log = harness.folder / "daemon.err"
        self._shift = harness.folder / "shift"
        self.set(0)

    def set(self, seconds: int) -> None:
        """Set the clock so many seconds away from the true time."""
        if not self._shift.exists():
            self._shift.write_bytes(bytes(8))
        with self._shift.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    def count(self, *words: str) -> int:
        """Return the number of log lines that hold all of these words."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return sum(all(word in line.split() for word in words) for line in lines)

    @contextmanager
    def daemon(self, harness: Harness) -> Iterator[subprocess.Popen[bytes]]:
        """Run the daemon by that clock."""
        library = harness.folder / "wall_clock.so"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SHIM, "-ldl"], check=True)
        env = {name: value for name, value in harness.env.items() if name != "CAPA_SYNC_TEST_CLOCK"}
        env |= {"LD_PRELOAD": str(library), "WALL_CLOCK_SHIFT": str(self._shift), "PYTHONPATH": str(ROOT)}
        with (
            self.log.open("wb") as log,
            subprocess.Popen(
                [sys.executable, "-m", "capa_sync", "run"], cwd=harness.folder, env=env, stderr=log
            ) as process,
        ):
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("step", [-2 * HOURS, 2 * HOURS], ids=["back", "ahead"])
def test_polls_go_on_and_nothing_is_judged_while_the_clock_is_wrong(make_harness: MakeHarness, step: int) -> None:
    """With a clock two hours off the daemon polls, judges nothing and logs why; it judges once it is right."""
    harness = make_harness("jira", rules=["root-cause-before-action"])
    harness.clock.set(datetime.now(UTC))
    harness.clock.resume()
    wall = Wall(harness)
    with wall.daemon(harness) as process:
        until(lambda: wall.count("action=cycle_finished") >= 2)
        wall.set(step)
        until(lambda: wall.count("action=clock_stepped"))
        seen = wall.count("action=cycle_finished")
        until(lambda: wall.count("action=cycle_finished") >= seen + 3)
        assert wall.count("action=safety_stop") >= 1
        key = harness.create_broken("jira", days=0)
        seen = wall.count("action=cycle_finished")
        until(lambda: wall.count("action=cycle_finished") >= seen + 3)
        assert harness.rows("v_findings") == []
        assert [row["ticket_key"] for row in harness.rows("v_tickets")] == [key], "it is mirrored all the same"
        wall.set(0)
        until(lambda: wall.count("action=clock_stepped") >= 2)
        until(lambda: wall.count("action=finding_opened"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    status = harness.run("status", CAPA_SYNC_TEST_CLOCK=datetime.now(UTC).isoformat()).out
    assert "safety stop: jira: our clock" not in status


class SteppedWall:
    """The wall clock of one scheduler, away from the machine's by what a test says; also stands for `datetime`."""

    def __init__(self) -> None:
        self.away = timedelta(0)

    def now(self, _zone: object = None) -> datetime:
        """The time by this clock."""
        return datetime.now(UTC) + self.away


@pytest.mark.parametrize("step", [-2 * HOURS, 2 * HOURS], ids=["back", "ahead"])
def test_jobs_are_due_again_after_a_step(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Without a compiler too: jobs planned by the clock before the step do not wait until that time comes again."""
    wall, runs = SteppedWall(), list[str]()
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", wall)
    monkeypatch.setattr(scheduler, "SystemClock", lambda: wall)
    planned = scheduler.Scheduler({"jira": timedelta(seconds=0.1)}, runs.append, lambda: None)
    planned.start()
    try:
        until(lambda: len(runs) >= 2)
        wall.away = timedelta(seconds=step)
        planned.replan()
        seen = len(runs)
        until(lambda: len(runs) >= seen + 3)
    finally:
        planned.stop()


class TwoClocks:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        """The wall clock."""
        return self.at

    def run(self, seconds: float, wall: float | None = None) -> None:
        """Let time pass; the wall clock may move by another amount."""
        self.seconds += seconds
        self.at += timedelta(seconds=seconds if wall is None else wall)


@pytest.mark.parametrize(
    ("moves", "steps"),
    [
        ([(5, 5)] * 20, 0),
        ([(5, 5), (5, -7195), (5, 5), (5, 5)], 1),
        ([(5, 7205), (5, 5), (5, -7195)], 2),
        ([(5, 25)] * 4, 1),
        ([(5, 60), (5, -50)], 0),
        ([(0, -61)], 1),
    ],
    ids=["none", "back", "there and back", "bit by bit", "small ones", "just over"],
)
def test_a_step_is_noticed_once(moves: list[tuple[float, float]], steps: int) -> None:
    """A step is a difference of more than a minute since the last step, at once or bit by bit."""
    clocks, seen = TwoClocks(), list[int]()
    watch = ClockWatch(lambda: seen.append(1), threading.Event(), clocks, lambda: clocks.seconds)
    for seconds, wall in moves:
        clocks.run(seconds, wall)
        watch.look()
    assert len(seen) == steps
