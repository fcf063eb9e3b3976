"""The lock: one daemon per register, and a dead daemon blocks no other."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Callable
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


# --- the files of the lock are taken away while it is held ------------------------------------------------------
def delete(path: Path) -> None:
    """Delete a file."""
    path.unlink()


def exchange(path: Path) -> None:
    """Put a copy in the place of a file."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


Harm = Callable[[Path], None]


@pytest.mark.parametrize("harm", [delete, exchange])
def test_a_deleted_lock_file_lets_no_second_process_in(tmp_path: Path, harm: Harm) -> None:
    """The marker is locked as well, also where it was made after the lock was taken."""
    path = tmp_path / "register.db"
    with RegisterLock(path) as lock, open_register(path, clock_now=NOW) as register:
        register.note_visit("export", {"at": ""})
        harm(lock.path)
        with pytest.raises(
            RegisterUnavailable, match=r"held by another capa-sync, whose register\.db\.lock was deleted"
        ):
            RegisterLock(path).acquire()
    lock.path.unlink(missing_ok=True)
    with RegisterLock(path), pytest.raises(RegisterUnavailable, match=rf"\(process {os.getpid()}\)$"):
        RegisterLock(path).acquire()


@pytest.mark.parametrize("ending", [".lock", ".origin"])
@pytest.mark.parametrize("harm", [delete, exchange])
def test_who_holds_the_register_notices_a_lock_that_is_gone(tmp_path: Path, harm: Harm, ending: str) -> None:
    """At the tick and before each transaction; nothing more is stored, and the register can be opened again."""
    path = tmp_path / "register.db"
    with RegisterLock(path), open_register(path, clock_now=NOW) as register:
        register.requests.leave("first", {}, NOW)
        register.check_place()
        harm(path.with_name(f"{path.name}{ending}"))
        cause = "deleted" if harm is delete else "replaced by another file"
        expected = rf"register\.db\{ending}: {cause} while capa-sync held the register"
        with pytest.raises(RegisterUnavailable, match=expected):
            register.check_place()
        with pytest.raises(RegisterUnavailable, match=expected):
            register.requests.leave("second", {}, NOW)
    with RegisterLock(path), open_register(path, clock_now=NOW) as register:
        assert [request.verb for request in register.requests.waiting()] == ["first"]
        register.requests.leave("third", {}, NOW)


def test_a_process_without_the_lock_does_not_mind_its_files(tmp_path: Path) -> None:
    """A verb that leaves a request beside a daemon has taken no lock."""
    path = tmp_path / "register.db"
    with RegisterLock(path) as lock, open_register(path, clock_now=NOW):
        lock.path.touch()
    with open_register(path, clock_now=NOW) as register:
        lock.path.unlink()
        register.check_place()
        register.requests.leave("retry", {}, NOW)


def test_a_lock_file_that_vanishes_while_it_is_taken_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is locked in the end is the file of that name, or two processes would hold two files."""
    path = tmp_path / "register.db"
    lock, real, taken = RegisterLock(path), fcntl.flock, list[int]()

    def flock(file: int, how: int) -> None:
        real(file, how)
        taken.append(file)
        if len(taken) < 3:
            lock.path.unlink()

    monkeypatch.setattr(fcntl, "flock", flock)
    lock.acquire()
    monkeypatch.undo()
    assert len(taken) == 3
    with pytest.raises(RegisterUnavailable, match="held by another capa-sync"):
        RegisterLock(path).acquire()
    lock.check()
    lock.release()


def test_a_marker_is_never_written_over_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes make the same register at once: the marker that the first has locked stays."""
    path = tmp_path / "register.db"
    open_register(path, clock_now=NOW).close()
    marker = tmp_path / "register.db.origin"
    kept = marker.stat().st_ino
    monkeypatch.setattr(Path, "exists", lambda _path: False)
    open_register(path, clock_now=NOW).close()
    assert marker.stat().st_ino == kept
    assert sorted(file.name for file in tmp_path.iterdir()) == ["register.db", "register.db.origin"]
