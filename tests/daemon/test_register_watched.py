"""What a real daemon does when the lock of its register is taken away, or its register is overwritten in place."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.conftest import MakeHarness


@pytest.mark.parametrize("ending", [".lock", ".origin"])
def test_a_lock_that_is_deleted_ends_the_daemon_and_lets_no_second_one_in(
    make_harness: MakeHarness, ending: str
) -> None:
    """A second `run` is refused before the first looks again; then the first ends, and no comment is doubled."""
    harness = make_harness("jira")
    harness.create_broken("jira")
    harness.sync()
    written = harness.writes()
    lock = harness.register_file.with_name(f"register.db{ending}")
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        daemon.process.signal(signal.SIGSTOP)
        lock.unlink()
        second = harness.run("run")
        daemon.process.signal(signal.SIGCONT)
        ended = daemon.process.wait()
    (refused,) = second.err.splitlines()
    assert second.code == 6
    assert f"{harness.register_file}: held by another capa-sync" in refused
    assert (ended.code, "Traceback" in ended.err) == (6, False)
    line = ended.err.splitlines()[-1]
    assert line.startswith(f"{lock}: ")
    assert "while capa-sync held the register, so a second daemon may have begun" in line
    harness.sync()
    assert harness.writes() == written


def cp(source: Path, target: Path) -> None:
    """Write a file over another one in place, as `cp` does."""
    with target.open("r+b") as file:
        file.truncate(0)
        file.write(source.read_bytes())


def older(path: Path) -> None:
    """Put a backup of yesterday over the register."""
    cp(path.with_name("old.db"), path)


def nothing(path: Path) -> None:
    """Empty the register, as a wrong redirection does."""
    os.truncate(path, 0)


def log(path: Path) -> None:
    """Empty its log."""
    os.truncate(path.with_name("register.db-wal"), 0)


def index(path: Path) -> None:
    """Empty the index of its log."""
    os.truncate(path.with_name("register.db-shm"), 0)


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (older, "register.db: overwritten by another file"),
        (nothing, "register.db: cut short"),
        (log, "register.db-wal: cut short"),
        (index, "register.db-shm: cut short"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_register_overwritten_in_place_ends_the_daemon(
    make_harness: MakeHarness, harm: Callable[[Path], None], cause: str
) -> None:
    """It ends with 6 at the next tick, although the inode is the same; restored, it goes on and doubles nothing."""
    harness = make_harness("jira", poll_every="1h")
    harness.create_broken("jira")
    harness.sync()
    assert harness.run("register", "backup", "old.db").code == 0
    harness.create_broken("jira", "later")
    harness.sync()
    assert harness.run("register", "backup", "new.db").code == 0
    written = harness.writes()
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        daemon.process.signal(signal.SIGSTOP)  # in no read of what is cut off now, which would end it by SIGBUS
        harm(harness.register_file)
        daemon.process.signal(signal.SIGCONT)
        ended = daemon.process.wait()
    assert (ended.code, "Traceback" in ended.err) == (6, False)
    line = ended.err.splitlines()[-1]
    assert f"{cause} while capa-sync had it open; nothing more is read or written." in line
    assert daemon.lines("register_lost")
    if harm is not index:
        assert harness.run("register", "restore", "new.db").code == 0
    harness.sync()
    assert harness.writes() == written
    assert len(harness.rows("v_register")) == 2
