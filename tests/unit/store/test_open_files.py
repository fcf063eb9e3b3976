"""An open register that somebody writes over, or whose log or index is cut, as `cp` and `>` do: the inode stays."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import Register, back_up, open_register
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.store.register_processes import fill, python

Harm = Callable[[Path], None]


def over(path: Path, content: bytes) -> None:
    """Write a file in place."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(content)


def companion(path: Path, ending: str) -> Path:
    """Return a file beside the register."""
    return path.with_name(f"{path.name}{ending}")


def older(path: Path) -> None:
    """Put the backup back, which is of before the newest commits."""
    over(path, path.with_name("old.db").read_bytes())


def older_of_its_size(path: Path) -> None:
    """Put the backup back, made as long as the register is."""
    content = path.with_name("old.db").read_bytes()
    over(path, content + bytes(path.stat().st_size - len(content)))


def other(path: Path) -> None:
    """Put another register there."""
    over(path, path.with_name("other.db").read_bytes())


def nothing(path: Path) -> None:
    """Cut it to 0 bytes."""
    os.truncate(path, 0)


def half(path: Path) -> None:
    """Cut its second half off."""
    os.truncate(path, path.stat().st_size // 2)


def notes(path: Path) -> None:
    """Write a text of the same length."""
    over(path, b"hello\n" * (path.stat().st_size // 6 + 1))


def aged(folder: Path) -> Path:
    """Make a register with a backup of its former state, and another register."""
    path = folder / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 10)
    back_up(path, folder / "old.db")
    with open_register(path, clock_now=T0) as register:
        fill(register, 10, 60, "b" * 5000)
    with open_register(folder / "other.db", clock_now=T0) as beside:
        for first in range(5):
            fill(beside, 0, 10 * (first + 1))
    return path


def refused(register: Register, cause: str) -> None:
    """Assert that the tick notices it, and that nothing more is written."""
    with pytest.raises(RegisterUnavailable, match=rf"{cause} while capa-sync had it open; nothing more is "):
        register.check_place()
    with pytest.raises(RegisterUnavailable):
        register.requests.leave("retry", {}, T0)


def tickets(path: Path) -> int:
    """Return how many tickets a register has whose structure is whole."""
    with open_register(path, clock_now=T0, create=False, check=True) as register:
        return len(register.tickets.roles(SOURCE))


# --- the register ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("has_log", [False, True], ids=["no log", "commits in the log"])
@pytest.mark.parametrize("harm", [older, older_of_its_size, other, nothing, half, notes])
def test_a_register_that_is_overwritten_in_place_is_noticed(tmp_path: Path, harm: Harm, *, has_log: bool) -> None:
    """What stands there then is left as it is, and the log of the former register too."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        if has_log:
            fill(register, 70, 20)
        register.check_place()
        log = companion(path, "-wal").read_bytes() if has_log else b""
        harm(path)
        there = path.read_bytes()
        refused(register, "register.db: (overwritten by another file|cut short)")
    assert path.read_bytes() == there
    assert not has_log or companion(path, "-wal").read_bytes() == log


@pytest.mark.parametrize("harm", [older, other, nothing])
def test_it_is_noticed_before_a_transaction_too(tmp_path: Path, harm: Harm) -> None:
    """Nothing is stored between two ticks."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        fill(register, 70, 20)
        harm(path)
        with pytest.raises(RegisterUnavailable, match=r"register\.db: (overwritten|cut)"):
            fill(register, 90, 1)


def test_the_way_back_from_an_overwritten_register_is_named(tmp_path: Path) -> None:
    """The log of the former register stands beside it, so that a mere new start would mix both."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        older(path)
        with pytest.raises(RegisterUnavailable, match=r"end every process .*`capa-sync register restore` \(docs/op"):
            register.check_place()


def test_a_new_register_is_watched_before_anything_left_its_log(tmp_path: Path) -> None:
    """Its file is a single page then; another register in its place is noticed all the same."""
    aged(tmp_path)
    path = tmp_path / "new.db"
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 5)
        register.check_place()
        other(path)
        refused(register, r"new\.db: overwritten by another file")


def test_a_copy_of_all_that_the_file_holds_changes_nothing(tmp_path: Path) -> None:
    """A backup that is newer than the last checkpoint: each page that differs is in the log."""
    backup, path = aged(tmp_path).rename(tmp_path / "first.db"), tmp_path / "register.db"
    Path(f"{path}.origin").unlink()
    back_up(backup, path)
    with open_register(path, clock_now=T0) as register:  # a restored register
        fill(register, 70, 20)
        back_up(path, tmp_path / "old.db")
        fill(register, 90, 20, "c" * 5000)
        older(path)
        register.check_place()
        fill(register, 110, 1)
    assert tickets(path) == 111


# --- the log and its index ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("harm", [nothing, half])
def test_a_log_that_is_cut_is_noticed_and_not_copied(tmp_path: Path, harm: Harm) -> None:
    """Also directly after a commit; the register stays as it was at the last checkpoint."""
    path = aged(tmp_path)
    before = path.read_bytes()
    with open_register(path, clock_now=T0) as register:
        register.check_place()
        fill(register, 70, 20, "c" * 5000)
        harm(companion(path, "-wal"))
        refused(register, r"register\.db-wal: cut short")
    assert path.read_bytes() == before


def test_a_log_that_was_written_on_after_it_was_cut_is_noticed(tmp_path: Path) -> None:
    """Another process wrote meanwhile: the log is as long as before, and begins with nothing."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        fill(register, 70, 1)
        register.check_place()
        with open_register(path, clock_now=T0) as beside:
            os.truncate(companion(path, "-wal"), 0)
            beside._db.writer.execute("INSERT INTO milestone VALUES ('', 'a', 'b')")
            refused(register, r"register\.db-wal: overwritten by another file")


def in_a_transaction(register: Register, harm: Callable[[], None]) -> None:
    """Do the harm after the look at the begin, and read past what the connection has in its memory."""
    with register.transaction():
        harm()
        register._db.writer.execute("PRAGMA shrink_memory")
        register._db.rows("SELECT * FROM part")


def in_a_query(register: Register, harm: Callable[[], None]) -> None:
    """Do the harm, and read with a connection that has nothing in its memory."""
    harm()
    register._db.rows("SELECT * FROM part")


@pytest.mark.parametrize("work", [in_a_transaction, in_a_query])
@pytest.mark.parametrize(
    ("harm", "ending"),
    [(half, ""), (notes, ""), (nothing, "-wal"), (half, "-wal")],
    ids=["register cut", "register overwritten", "log emptied", "log cut"],
)
def test_a_query_that_meets_the_harm_before_a_look_does_names_it_too(
    tmp_path: Path, harm: Harm, ending: str, work: Callable[[Register, Callable[[], None]], None]
) -> None:
    """SQLite says that the disk takes nothing, or that the file is damaged: true, and no help."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        if ending:
            fill(register, 70, 200, "c" * 5000)
        with pytest.raises(RegisterUnavailable, match=rf"register\.db{ending}: (cut|overwritten).* while capa-sync"):
            work(register, lambda: harm(companion(path, ending)))
        assert register._db._files.is_lost


def test_an_index_that_is_cut_ends_no_process_by_a_signal(tmp_path: Path) -> None:
    """The register is whole with all its commits after the next start; before, the process died of SIGBUS."""
    path = aged(tmp_path)
    code = """
        import os, sys
        from pathlib import Path
        from capa_sync.errors import RegisterUnavailable
        from capa_sync.store import open_register
        from tests.unit.store.fake_parser import T0
        from tests.unit.store.register_processes import fill
        with open_register(Path(sys.argv[1]), clock_now=T0) as register:
            fill(register, 70, 20)
            register.check_place()
            os.truncate(sys.argv[1] + "-shm", 0)
            for work in (register.check_place, lambda: fill(register, 90, 1)):
                try:
                    work()
                except RegisterUnavailable as error:
                    print(error)
        """
    process = python(code, path)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    tick, *_rest = output.splitlines()
    assert "register.db-shm: cut short while capa-sync had it open; nothing more is read or written." in tick
    assert tick.endswith("The register itself is as it was: end every process that has it open, and start again")
    assert tickets(path) == 90


# --- no false alarm ----------------------------------------------------------------------------------------------
def checkpoint(register: Register, path: Path) -> None:
    """Copy the log into the file, as SQLite does by itself."""
    register._db.writer.execute("PRAGMA wal_checkpoint(PASSIVE)")


def cut_by_another(register: Register, path: Path) -> None:
    """Have another process empty the log, as an administrator may, and write on."""
    line = sqlite3.connect(path, isolation_level=None)
    line.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    line.execute("INSERT OR REPLACE INTO milestone VALUES ('', 'a', 'b')")
    line.close()


def rewritten(register: Register, path: Path) -> None:
    """Write the file anew without free space, as an erasure does."""
    register._db.execute("DELETE FROM part WHERE nr > 30")
    register._db.rewrite()
    assert register._db.empty_log()


def rewritten_by_another(register: Register, path: Path) -> None:
    """Have another process do that."""
    line = sqlite3.connect(path, isolation_level=None)
    line.execute("DELETE FROM part WHERE nr > 30")
    line.execute("VACUUM")
    line.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    line.close()


def asked_by_a_verb(register: Register, path: Path) -> None:
    """Have another process leave a request and end."""
    with open_register(path, clock_now=T0, create=False) as verb:
        verb.requests.leave("retry", {}, T0)


def read_by_another(register: Register, path: Path) -> None:
    """Have a reader hold an early state, so that a checkpoint copies a part of the log alone."""
    with register._db.moment():
        fill(register, 200, 5)
        checkpoint(register, path)
        register.check_place()


def backed_up(register: Register, path: Path) -> None:
    """Take a backup."""
    back_up(path, path.with_name("new.db"))


def touched(register: Register, path: Path) -> None:
    """Change the file's times, and its mode."""
    os.utime(path)
    path.chmod(0o640)


@pytest.mark.parametrize(
    "work",
    [
        checkpoint,
        cut_by_another,
        rewritten,
        rewritten_by_another,
        asked_by_a_verb,
        read_by_another,
        backed_up,
        touched,
    ],
)
def test_what_sqlite_and_other_processes_do_is_no_false_alarm(
    tmp_path: Path, work: Callable[[Register, Path], None]
) -> None:
    """Looked at after each, with commits in the log and without; each is done several times."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        for turn in range(3):
            work(register, path)
            register.check_place()
            fill(register, 70 + turn, 1, "d" * 5000)
            register.check_place()
            work(register, path)
            register.check_place()
    shutil.copy(path, tmp_path / "end.db")
    assert tickets(path) >= 73


def test_many_looks_keep_the_locks_and_leave_no_file_open(tmp_path: Path) -> None:
    """To open and close the file in this process would end the locks that keep its log from being deleted."""
    path = aged(tmp_path)
    with open_register(path, clock_now=T0) as register:
        fill(register, 70, 1)
        register.check_place()
        os.utime(path)
        register.check_place()
        opened = len([*Path("/proc/self/fd").iterdir()])
        for _turn in range(20):
            os.utime(path)
            register.check_place()
        assert len([*Path("/proc/self/fd").iterdir()]) == opened
        code = """
            import sqlite3, sys
            line = sqlite3.connect(sys.argv[1])
            line.execute("SELECT * FROM meta").fetchone()
            line.close()
            """
        assert python(code, path).communicate(timeout=PATIENCE) == ("", "")
        register.check_place()  # as the last one, that process would have deleted the log
        fill(register, 71, 1)
    assert tickets(path) == 72
