"""Which register a file is: an empty, foreign or exchanged one is refused by every user, and nothing is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import back_up, check_register, open_copy, open_register, register_exists, restore
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.store.register_processes import fill


def made(path: Path) -> Path:
    """Make a register with a few tickets."""
    path.parent.mkdir(exist_ok=True)
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 3)
    return path


def marker(path: Path) -> Path:
    """Return the marker beside a register."""
    return Path(f"{path}.origin")


def foreign(path: Path, *, wal: bool = False) -> None:
    """Put the file of another program in a register's place, whose library for migrations may be ours."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
        file.execute("CREATE TABLE mine (a)")
        file.execute("CREATE VIEW mine_v AS SELECT a FROM mine")
        file.execute("CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set, name, applied_at)")
        file.execute("INSERT INTO _sqlite_migrations VALUES (1, 'theirs', 'first', '')")
        file.commit()


def foreign_wal(path: Path) -> None:
    """The same with a write-ahead log."""
    foreign(path, wal=True)


def emptied(path: Path) -> None:
    """Cut everything off, as a restore onto a full disk does."""
    path.unlink()
    path.touch()


def without_tables(path: Path) -> None:
    """Leave a SQLite file that holds nothing."""
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 1")


def exchanged(path: Path) -> None:
    """Put another register there, and leave the marker."""
    shutil.rmtree(path.parent / "other", ignore_errors=True)
    made(path.parent / "other" / "register.db").replace(path)


def unmarked(harm: Callable[[Path], None]) -> Callable[[Path], None]:
    """Do the same where no marker is."""

    def harm_and_unmark(path: Path) -> None:
        harm(path)
        marker(path).unlink()

    harm_and_unmark.__name__ = f"{harm.__name__}_unmarked"
    return harm_and_unmark


GONE = "the register is gone, and one was here (made 2026-03-02T09:00:00Z): put the last backup in its place"
NONE_YET = "an empty file, there is no register yet; run `capa-sync sync` first"
NOT_OURS = "no register, but the SQLite file of another program"
STATES = [
    (emptied, GONE),
    (without_tables, GONE),
    (foreign, f"{NOT_OURS}, and one was here"),
    (foreign_wal, f"{NOT_OURS}, and one was here"),
    (exchanged, "than the one that was made here"),
    (unmarked(emptied), NONE_YET),
    (unmarked(without_tables), NONE_YET),
    (unmarked(foreign), f"{NOT_OURS}; name another file as `register` in the settings"),
    (unmarked(foreign_wal), f"{NOT_OURS}; name another file as `register` in the settings"),
]


def to_copy(path: Path) -> None:
    """Copy it over an earlier good copy."""
    back_up(path, path.parent / "copy.db")


def to_work_on_a_copy(path: Path) -> None:
    """Open a private copy, as `plan` does."""
    open_copy(path, path.parent / "private.db", clock_now=T0, now=lambda: T0).close()


def to_write(path: Path) -> None:
    """Leave something in it, as `waive` does."""
    open_register(path, clock_now=T0, create=False).close()


def to_read(path: Path) -> None:
    """Read it, as `status` does."""
    open_register(path, clock_now=T0, read_only=True).close()


def to_start(path: Path) -> None:
    """Start on it, as `run` does."""
    open_register(path, clock_now=T0, check=True).close()


USERS = [to_copy, to_work_on_a_copy, to_write, to_read, check_register, to_start]


@pytest.mark.parametrize("use", USERS, ids=lambda use: use.__name__)
@pytest.mark.parametrize(("harm", "why"), STATES, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_not_the_register_is_refused_and_stays(
    tmp_path: Path, harm: Callable[[Path], None], why: str, use: Callable[[Path], None]
) -> None:
    """Each user gets one line with the way on; the file, its journal mode and an earlier copy are what they were."""
    path = made(tmp_path / "register.db")
    back_up(path, tmp_path / "copy.db")
    harm(path)
    if use is to_start and why == NONE_YET:
        use(path)  # nothing is lost: a person made it, or a process that was killed before its first commit
        check_register(path)
        return
    before = {name: (tmp_path / name).read_bytes() for name in ("register.db", "copy.db")}
    with pytest.raises(RegisterUnavailable) as refused:
        use(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not (tmp_path / "private.db").exists()


@pytest.mark.parametrize("use", USERS, ids=lambda use: use.__name__)
def test_a_file_with_a_second_name_is_refused_under_both(tmp_path: Path, use: Callable[[Path], None]) -> None:
    """The open one goes on and loses no commit; a copy under the second name is a register of its own."""
    path, second = made(tmp_path / "register.db"), tmp_path / "second.db"
    back_up(path, tmp_path / "copy.db")
    kept = (tmp_path / "copy.db").read_bytes()
    with open_register(path, clock_now=T0) as register:
        os.link(path, second)
        for name in (path, second):
            with pytest.raises(RegisterUnavailable, match=r"^\S+: a file with 2 names .* copy the file"):
                use(name)
        register.check_place()
        fill(register, 3, 3)
    assert sorted(file.name for file in tmp_path.glob("second*")) == ["second.db"]
    assert (tmp_path / "copy.db").read_bytes() == kept
    shutil.copy(second, tmp_path / "renamed")
    (tmp_path / "renamed").replace(second)
    for name in (path, second):
        use(name)
        with open_register(name, clock_now=T0) as register:
            assert len(register.tickets.roles(SOURCE)) == 6


def test_a_log_beside_an_empty_file_is_kept(tmp_path: Path) -> None:
    """SQLite would delete it at the first look, and the newest commits with it; a register of old has no marker."""
    path = made(tmp_path / "register.db")
    with open_register(path, clock_now=T0) as register:
        fill(register, 3, 3)
        shutil.copy(f"{path}-wal", tmp_path / "kept")
    emptied(path)
    marker(path).unlink()
    log = (tmp_path / "kept").replace(f"{path}-wal").read_bytes()
    for use in USERS:
        with pytest.raises(RegisterUnavailable, match="emptied, with the log of a register beside it: put the last"):
            use(path)
    assert Path(f"{path}-wal").read_bytes() == log


def test_an_empty_file_is_no_register_yet(tmp_path: Path) -> None:
    """Verbs that ask first begin as where there is no file: a mistake in the rules leaves none behind."""
    path = tmp_path / "register.db"
    path.touch()
    assert not register_exists(path)
    open_register(path, clock_now=T0).close()
    assert register_exists(path)
    os.truncate(path, 0)
    with pytest.raises(RegisterUnavailable, match="the register is gone"):
        register_exists(path)


def test_another_register_is_used_where_a_person_says_so(tmp_path: Path) -> None:
    """Without the marker of the former it is the register of this place; the next marker names it."""
    path = made(tmp_path / "register.db")
    exchanged(path)
    with pytest.raises(RegisterUnavailable, match=f"remove {marker(path)}$"):
        to_start(path)
    marker(path).unlink()
    to_start(path)
    exchanged(path)
    with pytest.raises(RegisterUnavailable, match="than the one that was made here"):
        to_read(path)


def test_what_people_do_with_a_register_goes_on_working(tmp_path: Path) -> None:
    """A moved folder, file and marker copied together, a copy put back by hand, a file alone, a short marker."""
    path = made(tmp_path / "first" / "register.db")
    back_up(path, tmp_path / "copy.db")
    moved = path.parent.rename(tmp_path / "moved") / "register.db"
    copied = Path(shutil.copytree(moved.parent, tmp_path / "copied")) / "register.db"
    alone = tmp_path / "alone.db"
    shutil.copy(moved, alone)
    short = made(tmp_path / "short" / "register.db")
    marker(short).write_text("2026-03-02T09:00:00Z\n", encoding="utf-8")
    for place in (moved, copied, alone, short):
        for use in (to_read, to_write, to_start, to_copy):
            use(place)
    shutil.copy(tmp_path / "copy.db", moved)
    to_start(moved)


@pytest.mark.parametrize(("harm", "why"), STATES[:5], ids=lambda value: getattr(value, "__name__", ""))
def test_a_backup_is_restored_over_what_is_refused(tmp_path: Path, harm: Callable[[Path], None], why: str) -> None:
    """That is the way back that the line names; what the lost register had erased is said to be unknown."""
    path = made(tmp_path / "register.db")
    back_up(path, tmp_path / "copy.db")
    harm(path)
    done = restore(path, tmp_path / "copy.db", T0)
    assert why in done.doubt
    to_start(path)


def test_a_kill_while_a_register_is_made_leaves_what_the_next_start_takes(tmp_path: Path) -> None:
    """A journal beside a file without content is played back, as SQLite does; then the register is made."""
    path = tmp_path / "register.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA user_version = 1")
        file.execute("BEGIN IMMEDIATE")
        file.execute("PRAGMA cache_spill = 1")
        file.execute("CREATE TABLE half (a)")
        file.execute("PRAGMA cache_size = 1")
        file.executemany("INSERT INTO half VALUES (?)", [("x" * 3000,)] * 200)
        shutil.copy(path, tmp_path / "killed.db")
        shutil.copy(f"{path}-journal", tmp_path / "killed.db-journal")
    to_start(tmp_path / "killed.db")
