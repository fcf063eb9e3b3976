"""The lock: one daemon per register, and a dead daemon blocks no other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import RegisterLock
from tests.patience import PATIENCE
from tests.unit.store.register_processes import holder


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
    """One cause is a missing folder."""
    with pytest.raises(RegisterUnavailable, match=r"\.lock: cannot be opened: No such file or directory$"):
        RegisterLock(tmp_path / "none" / "register.db").acquire()
