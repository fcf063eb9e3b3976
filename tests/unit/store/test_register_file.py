"""The register file: who may read it, one writer at a time, and one clear line when it cannot be used."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable
from capa_sync.model.ticket import Role
from capa_sync.store import Register, RegisterLock, open_register
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import PARSER, SOURCE, T0
from tests.unit.store.register_processes import fill, python


def is_intact(path: Path) -> bool:
    """Return whether SQLite's own check finds the file intact."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()


# --- opening -----------------------------------------------------------------------------------------------------
def test_only_the_owner_may_read_the_file_and_its_companions(tmp_path: Path) -> None:
    """This holds also if the umask would let others in, or if a restored file did."""
    path = tmp_path / "register.db"
    before = os.umask(0)
    try:
        with open_register(path, clock_now=T0) as register, RegisterLock(path):
            fill(register, 0, 1)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == {f"register.db{end}": 0o600 for end in ("", "-wal", "-shm", ".lock", ".origin")}
    path.chmod(0o644)
    open_register(path, clock_now=T0).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_register_keeps_its_id_and_a_second_register_has_another(tmp_path: Path) -> None:
    """The id is the identity in the markers on tickets."""
    with (
        open_register(tmp_path / "a.db", clock_now=T0) as opened,
        open_register(tmp_path / "b.db", clock_now=T0) as other,
    ):
        first, second = opened.id, other.id
    assert len(first) == 32
    assert first != second
    with open_register(tmp_path / "a.db", clock_now=T0) as again:
        assert again.id == first


def test_opening_an_up_to_date_file_changes_no_row(tmp_path: Path) -> None:
    """Commands that only read leave no trace."""
    path = tmp_path / "register.db"
    open_register(path, clock_now=T0).close()
    content = path.read_bytes()
    with open_register(path, clock_now=T0) as register:
        assert register.changed_rows == 0
    assert path.read_bytes() == content


def test_processes_that_make_the_same_register_at_once_agree(tmp_path: Path) -> None:
    """The daemon and a command started together on a new file open one register."""
    code = """
        import sys
        from pathlib import Path
        from capa_sync.store import open_register
        from tests.unit.store.fake_parser import T0
        print("ready", flush=True)
        sys.stdin.read()
        with open_register(Path(sys.argv[1]), clock_now=T0) as register:
            print(register.id)
        """
    processes = [python(code, tmp_path / "register.db") for _ in range(4)]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 4
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    outputs = [process.communicate(timeout=PATIENCE) for process in processes]
    assert {errors for _, errors in outputs} == {""}
    assert len({output for output, _ in outputs}) == 1


def test_a_file_that_another_process_is_just_making_is_a_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is empty at the first look, and begins to be a register before the second; both processes have it then."""
    path, opening, made = tmp_path / "register.db", os.open, list[Register]()
    path.touch(mode=0o600)

    def opened(file: Path, *how: int) -> int:
        if file == path and not made:
            monkeypatch.undo()
            made.append(open_register(path, clock_now=T0))
        return opening(file, *how)

    monkeypatch.setattr(os, "open", opened)
    with open_register(path, clock_now=T0) as second:
        assert [register.id for register in made] == [second.id]
    made[0].close()


def test_a_missing_register_is_reported_in_one_line(tmp_path: Path) -> None:
    """The cases are: no file may be made, and the folder does not exist."""
    with pytest.raises(
        RegisterUnavailable, match=r"register\.db: there is no register yet; run `capa-sync sync` first$"
    ):
        open_register(tmp_path / "register.db", clock_now=T0, create=False)
    with pytest.raises(RegisterUnavailable, match=r"there is no register yet; run `capa-sync sync` first$"):
        open_register(tmp_path / "register.db", clock_now=T0, read_only=True)
    with pytest.raises(RegisterUnavailable, match=r"cannot be opened: No such file or directory$"):
        open_register(tmp_path / "none" / "register.db", clock_now=T0)


def test_a_file_that_is_no_register_is_reported_in_one_line(tmp_path: Path) -> None:
    """A text file is left as it is."""
    path = tmp_path / "register.db"
    path.write_text("these are notes, not a register\n" * 100)
    with pytest.raises(RegisterUnavailable, match=r"not a register \(no SQLite file\)$"):
        open_register(path, clock_now=T0)
    assert path.read_text().startswith("these are notes")


def test_a_damaged_file_is_reported_in_one_line(tmp_path: Path) -> None:
    """Overwritten pages are detected when they are read."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 300, "y" * 500)
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * (path.stat().st_size - 4096 * 4))
    with (
        pytest.raises(RegisterUnavailable, match=r"register\.db: damaged; put the file aside and restore"),
        open_register(path, clock_now=T0) as register,
    ):
        list(register.tickets.tickets(SOURCE, PARSER))


def test_a_read_only_register_serves_every_view_and_refuses_to_write(tmp_path: Path) -> None:
    """The register page never writes."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 1)
        with open_register(path, clock_now=T0, read_only=True) as reader:
            assert [row["ticket_key"] for row in reader.view("v_tickets")] == ["CAPA-0"]
            with pytest.raises(RegisterUnavailable, match=r"read-only"):
                reader.requests.leave("retry", {}, T0)


# --- transactions and threads ------------------------------------------------------------------------------------
def fail_after(register: Register, verb: str, tickets: int) -> None:
    """Do some work in one transaction and fail at its end."""
    with register.transaction():
        fill(register, 0, tickets)
        register.requests.leave(verb, {}, T0)
        raise ZeroDivisionError


def test_a_transaction_is_stored_completely_or_not_at_all(register: Register) -> None:
    """An error rolls back everything of the outermost transaction."""
    with pytest.raises(ZeroDivisionError):
        fail_after(register, "retry", tickets=2)
    assert register.requests.waiting() == []
    assert register.tickets.roles(SOURCE) == {}
    fill(register, 0, 2)
    assert register.tickets.roles(SOURCE) == {"0": Role.RECORD, "1": Role.RECORD}


def test_an_inner_transaction_that_fails_rolls_back_its_own_part_only(register: Register) -> None:
    """A savepoint around one ticket keeps the rest of the page."""
    with register.transaction():
        register.requests.leave("first", {}, T0)
        with pytest.raises(ZeroDivisionError):
            fail_after(register, "second", tickets=0)
        register.requests.leave("third", {}, T0)
        assert [request.verb for request in register.requests.waiting()] == ["first", "third"]
    assert [request.verb for request in register.requests.waiting()] == ["first", "third"]


def test_other_threads_read_what_is_committed_while_one_writes(register: Register) -> None:
    """A reader neither waits for the writer nor sees half of its work."""
    seen: list[int] = []
    with register.transaction():
        register.requests.leave("retry", {}, T0)
        reader = threading.Thread(target=lambda: seen.append(len(register.requests.waiting())))
        reader.start()
        reader.join(timeout=PATIENCE)
        assert seen == [0]
        assert len(register.requests.waiting()) == 1


def test_many_threads_write_one_after_the_other(register: Register) -> None:
    """Twenty sources commit at once: every page is stored."""

    def work(number: int) -> None:
        for start in range(3):
            fill(register, number * 100 + start * 10, 10)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=PATIENCE)
    assert len(register.tickets.roles(SOURCE)) == 8 * 3 * 10


def test_a_command_stores_its_request_while_the_daemon_works(tmp_path: Path) -> None:
    """Another process writes its row without the register's lock."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register, RegisterLock(path):
        verb = python(
            """
            import sys
            from datetime import UTC, datetime
            from pathlib import Path
            from capa_sync.store import open_register
            now = datetime(2026, 3, 2, tzinfo=UTC)
            with open_register(Path(sys.argv[1]), clock_now=now, create=False) as register:
                register.requests.leave("retry", {"ticket": "CAPA-1"}, now)
            """,
            path,
        )
        assert verb.communicate(timeout=PATIENCE) == ("", "")
        assert [dict(request.args) for request in register.requests.waiting()] == [{"ticket": "CAPA-1"}]


def test_a_register_that_another_process_is_writing_to_is_reported_as_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the wait there is one clear line."""
    monkeypatch.setattr("capa_sync.store.connections.BUSY_SECONDS", 0.1)
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as writer, open_register(path, clock_now=T0) as other:
        with (
            writer.transaction(),
            pytest.raises(RegisterUnavailable, match=r"busy: another process is writing to it$"),
        ):
            other.requests.leave("retry", {}, T0)
        other.requests.leave("retry", {}, T0)


def test_a_copy_is_complete_private_and_the_same_register(register: Register, tmp_path: Path) -> None:
    """`plan` works on the copy while the original is in use."""
    fill(register, 0, 20)
    copy_path = tmp_path / "copy.db"
    register.copy_to(copy_path)
    assert stat.S_IMODE(copy_path.stat().st_mode) == 0o600
    with open_register(copy_path, clock_now=T0) as copy:
        assert copy.id == register.id
        assert copy.rows_by_table() == register.rows_by_table()
        fill(copy, 20, 1)
    assert len(register.tickets.roles(SOURCE)) == 20
    with pytest.raises(RegisterUnavailable, match="cannot be written"):
        register.copy_to(tmp_path / "none" / "copy.db")


def test_a_check_that_has_just_ended_does_not_disturb_the_end(register: Register) -> None:
    """Its thread may close the connection between the look at what runs and the interruption."""
    connections = register._db._connections
    check = connections.open(read_only=True)
    connections._checks.append(check)
    check.close()
    connections.interrupt_checks()


# --- faults ------------------------------------------------------------------------------------------------------
def test_a_full_file_system_leaves_the_last_commit(tmp_path: Path) -> None:
    """The page that does not fit is absent, the page before is stored, and the file is intact."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 10)
        pages = register._db.value("PRAGMA page_count")
        register._db.writer.execute(f"PRAGMA max_page_count = {pages + 2}")
        dump = register.rows_by_table()
        with pytest.raises(
            RegisterUnavailable,
            match=r"register\.db: the disk is full; make room, and start again; what was stored is kept$",
        ):
            fill(register, 10, 50, "z" * 3000)
        assert register.rows_by_table() == dump
        register._db.writer.execute("PRAGMA max_page_count = 1000000")
        fill(register, 10, 50)
        assert len(register.tickets.roles(SOURCE)) == 60
    assert is_intact(path)


def test_a_disk_that_takes_no_more_ends_in_one_line_and_an_intact_file(tmp_path: Path) -> None:
    """A real process runs under a real limit of file size, as on a full disk."""
    path = tmp_path / "register.db"
    code = """
        import resource, signal, sys
        from pathlib import Path
        from capa_sync.errors import RegisterUnavailable
        from capa_sync.store import open_register
        from tests.unit.store.fake_parser import T0
        from tests.unit.store.register_processes import fill
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        register = open_register(Path(sys.argv[1]), clock_now=T0)
        fill(register, 0, 10)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
        try:
            for first in range(10, 10_000, 50):
                fill(register, first, 50, "z" * 2000)
                print(first + 50)
        except RegisterUnavailable as error:
            print(error)
        """
    output, errors = python(code, path).communicate(timeout=PATIENCE)
    *committed, message = output.splitlines()
    assert errors == ""
    assert message.startswith(f"{path}: the disk ")
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4_000_000
    assert is_intact(path)
    with open_register(path, clock_now=T0) as register:
        assert len(register.tickets.roles(SOURCE)) == int(committed[-1])
        assert register.tickets.cursor(SOURCE).state == {"position": str(int(committed[-1]) - 50)}


@pytest.mark.parametrize("step", ["before the commit", "after the commit"])
def test_a_kill_leaves_the_state_of_the_last_commit(tmp_path: Path, step: str) -> None:
    """After SIGKILL within a page, tickets and cursor are those before it; after the commit, those of the page."""
    path = tmp_path / "register.db"
    code = """
        import os, signal, sys
        from pathlib import Path
        from capa_sync.store import open_register
        from tests.unit.store.fake_parser import T0
        from tests.unit.store.register_processes import fill
        register = open_register(Path(sys.argv[1]), clock_now=T0)
        fill(register, 0, 5)
        with register.transaction():
            fill(register, 5, 500, "z" * 2000)
            if sys.argv[2] == "before the commit":
                os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    process = python(code, path, step)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -9
    count, position = (5, "0") if step == "before the commit" else (505, "5")
    with open_register(path, clock_now=T0) as register:
        assert len(register.tickets.roles(SOURCE)) == count
        assert register.tickets.cursor(SOURCE).state == {"position": position}
    assert is_intact(path)
