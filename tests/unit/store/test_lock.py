"""The lock: one daemon per register, and a dead daemon blocks no other."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import RegisterLock, open_register
from tests.patience import PATIENCE
from tests.unit.store.register_processes import holder

NOW = datetime(2026, 6, 15, 9, tzinfo=UTC)


def test_a_second_process_is_refused_with_the_holders_number(tmp_path: Path) -> None:
    """The message says which process has the register; when that process ends the lock is free."""
    register = tmp_path / "register.db"
    process = holder(register)
    with pytest.raises(RegisterUnavailable, match=rf"held by another capa-sync \(process {process.pid}\)$"):
        RegisterLock(register).acquire()
    process.communicate(timeout=PATIENCE)
    with RegisterLock(register):
        assert (tmp_path / "register.db.lock").read_text() == f"{os.getpid()}\n"


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    """The lock ends with its process; the remaining file has no effect."""
    register = tmp_path / "register.db"
    process = holder(register)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert (tmp_path / "register.db.lock").exists()
    with RegisterLock(register):
        pass


def test_the_same_process_cannot_hold_it_twice_and_may_take_it_again(tmp_path: Path) -> None:
    """Two daemons in one process count as two daemons."""
    register = tmp_path / "register.db"
    lock = RegisterLock(register)
    with lock, pytest.raises(RegisterUnavailable):
        RegisterLock(register).acquire()
    with lock:
        pass
    lock.release()


def test_a_lock_that_cannot_be_made_is_reported_in_one_line(tmp_path: Path) -> None:
    """Causes are a missing folder, and a link, whose target would be overwritten."""
    with pytest.raises(RegisterUnavailable, match=r"register\.db: there is no folder .*/none; make it, or correct"):
        RegisterLock(tmp_path / "none" / "register.db").acquire()
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "register.db.lock").symlink_to("kept")
    with pytest.raises(RegisterUnavailable, match=r"\.lock: a symbolic link; delete it$"):
        RegisterLock(tmp_path / "register.db").acquire()
    assert (tmp_path / "kept").read_text() == "kept"


def test_a_pipe_in_the_place_of_the_marker_is_not_waited_for(tmp_path: Path) -> None:
    """A new register is refused, as with any marker, and a marker that is written follows no link."""
    os.mkfifo(tmp_path / "register.db.origin")
    with pytest.raises(RegisterUnavailable, match="the register is gone, and one was here: "):
        open_register(tmp_path / "register.db", clock_now=NOW)
    (tmp_path / "register.db.origin").unlink()
    (tmp_path / f"register.db.origin.{os.getpid()}").symlink_to("kept")
    open_register(tmp_path / "register.db", clock_now=NOW).close()
    assert not (tmp_path / "kept").exists()
    assert (tmp_path / "register.db.origin").read_text().startswith("2026-06-15")
