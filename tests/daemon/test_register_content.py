"""What each verb says of a file in the register's place that is none, and the daemon of content that is not ours."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from capa_sync.store import open_register
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW
from tests.daemon.test_backup import newer as newer_copy

Harm = Callable[[Path], None]


def foreign(path: Path) -> None:
    """Put the file of another program there."""
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE mine (a)")


def unmarked_foreign(path: Path) -> None:
    """The same before a register was ever made."""
    foreign(path)
    Path(f"{path}.origin").unlink()


def newer(path: Path) -> None:
    """Put a register of a later version there."""
    (path.parent / "mine").mkdir()
    shutil.copy(path, path.parent / "mine")
    newer_copy(path.parent).replace(path)


def half(path: Path) -> None:
    """Cut its second half off."""
    os.truncate(path, path.stat().st_size // 2)


def text(path: Path) -> None:
    """Put a text there."""
    path.write_text("not a register\n" * 1000, encoding="utf-8")


def folder(path: Path) -> None:
    """Put a folder there."""
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """Put a pipe there."""
    path.unlink()
    os.mkfifo(path)


def emptied(path: Path) -> None:
    """Cut everything off."""
    os.truncate(path, 0)


def unmarked_empty(path: Path) -> None:
    """Leave an empty file where no register was ever made, as `touch` does."""
    emptied(path)
    Path(f"{path}.origin").unlink()


def exchanged(path: Path) -> None:
    """Put another register there."""
    open_register(path.parent / "other.db", clock_now=NOW).close()
    (path.parent / "other.db").replace(path)


def linked(path: Path) -> None:
    """Give it a second name."""
    os.link(path, path.parent / "second.db")


def nameless(path: Path) -> None:
    """Remove its id."""
    change(path, "DELETE FROM meta WHERE name = 'register_id'")


def change(path: Path, statement: str) -> None:
    """Change a register as another program could."""
    with closing(sqlite3.connect(path)) as file:
        file.execute(statement)
        file.commit()


VERBS = [
    "status",
    "explain KEY",
    "plan",
    "preview",
    "sync",
    "run",
    "verify",
    "rebuild",
    "history",
    "waivers",
    "serve",
]
VERBS += ["pause", "register export out.csv", "register pack KEY", "register backup copy.db", "verify --derived"]
STATES = {
    foreign: "no register, but the SQLite file of another program, and one was here",
    unmarked_foreign: "no register, but the SQLite file of another program; name another file",
    newer: "made by a newer capa-sync",
    half: "damaged; put the file aside",
    text: "not a register (no SQLite file)",
    folder: "not a regular file",
    pipe: "not a regular file",
    emptied: "the register is gone, and one was here",
    unmarked_empty: "an empty file, there is no register yet; run `capa-sync sync` first",
    exchanged: "than the one that was made here",
    linked: "a file with 2 names (hard links)",
    nameless: "its content is not what capa-sync writes (no id",
}
BEGIN_ANEW = {"plan": 0, "sync": 4}
"""The codes of verbs for which an empty file is as none; a first `sync` waits for a release."""


def state_of(path: Path) -> object:
    """Return what is at a path: its bytes, or what kind of file it is."""
    return path.read_bytes() if path.is_file() else path.lstat().st_mode


@pytest.mark.parametrize(("harm", "why"), STATES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_every_verb_ends_with_6_and_one_line_and_changes_nothing(
    make_harness: MakeHarness, harm: Harm, why: str
) -> None:
    """No verb migrates such a file, takes it for an older register, or copies it over the last good copy."""
    harness = make_harness("servicenow")
    key = harness.create_broken("servicenow")
    harness.sync()
    assert harness.run("register", "backup", "copy.db").code == 0
    with closing(sqlite3.connect(harness.register_file)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for ending in ("-wal", "-shm"):
        Path(f"{harness.register_file}{ending}").unlink(missing_ok=True)
    harm(harness.register_file)
    before = [state_of(harness.folder / name) for name in ("register.db", "copy.db")]
    for verb in VERBS:
        if harm is unmarked_empty and verb in (*BEGIN_ANEW, "run"):
            continue
        ended = harness.run(*[key if word == "KEY" else word for word in verb.split()])
        if harm is nameless and verb.startswith("verify"):
            assert (ended.code, ended.err) == (5, ""), ended.err
            assert "register_id of the register: is not as it was chained" in ended.out
            continue
        assert (ended.code, len(ended.err.splitlines())) == (6, 1), f"{verb}: {ended.code} {ended.out} {ended.err}"
        assert ended.err.startswith(f"{harness.register_file}: "), verb
        assert why in ended.err, f"{verb}: {ended.err}"
        assert [state_of(harness.folder / name) for name in ("register.db", "copy.db")] == before, verb
    if harm is unmarked_empty:
        assert {verb: harness.run(verb).code for verb in BEGIN_ANEW} == BEGIN_ANEW
    elif harm not in (folder, pipe):
        assert harness.run("register", "restore", "copy.db").code == 0
        assert harness.run("status").code == 0


@pytest.mark.parametrize(
    ("harm", "where"),
    [
        ("DROP TABLE request", "another table request, or none, OperationalError at store/requests.py"),
        (
            "INSERT INTO request (verb, args, asked_at) VALUES ('retry', 'not JSON', '2026-06-15T09:00:00.000000Z')",
            "JSON that cannot be read, JSONDecodeError at store/requests.py",
        ),
        (
            "INSERT INTO request (verb, args, asked_at) VALUES ('retry', '{}', 'not a time')",
            "an instant that cannot be read, ValueError at store/requests.py",
        ),
    ],
)
def test_content_that_is_not_ours_ends_the_daemon(make_harness: MakeHarness, harm: str, where: str) -> None:
    """The next tick meets it: `register_lost` names the kind of error and the place, then exit 6 in one line."""
    harness = make_harness("servicenow", poll_every="1h")
    harness.sync()
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        change(harness.register_file, harm)
        ended = daemon.process.wait()
    assert ended.code == 6
    assert "Traceback" not in ended.err
    (lost,) = daemon.lines("register_lost")
    assert where in lost
    assert where in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("harm", "verbs"),
    [
        ("DROP TABLE finding", ["status", "explain KEY"]),
        ("UPDATE run SET started_at = 'not a time', as_of = '1'", ["status", "explain KEY"]),
        ("UPDATE site SET facts = 'not JSON'", ["status", "explain KEY"]),
        ("UPDATE mirror SET role = 'none'", ["explain KEY", "sync"]),
    ],
)
def test_verbs_end_with_6_in_one_line_on_content_that_is_not_ours(
    make_harness: MakeHarness, harm: str, verbs: list[str]
) -> None:
    """The file is whole and a register; what is in it was changed."""
    harness = make_harness("servicenow")
    key = harness.create_broken("servicenow")
    harness.sync()
    change(harness.register_file, harm)
    for verb in verbs:
        ended = harness.run(*[key if word == "KEY" else word for word in verb.split()])
        assert ended.code == 6, f"{verb}: {ended.code} {ended.err}"
        assert "its content is not what capa-sync writes (" in ended.err.splitlines()[-1], "after what it was doing"
        assert "Traceback" not in ended.err
