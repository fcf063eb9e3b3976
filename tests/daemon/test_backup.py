"""`register backup` and `register restore`: what was written after the copy is found again, and never doubled."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable, UserError
from capa_sync.store import back_up, open_register, restore
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW
from tests.daemon.test_erasing import leave_free_space


def test_a_restored_register_doubles_no_comment(make_harness: MakeHarness) -> None:
    """A comment and a note are written after the backup; after the restore and a sync nothing is doubled."""
    harness = make_harness("jira", "servicenow")
    stories = [(source, story) for source in harness.names for story in ("broken", "later")]
    for source in harness.names:
        harness.create_broken(source)
    harness.sync()
    assert harness.run("register", "backup", "copy.db").code == 0
    for source in harness.names:
        harness.create_broken(source, "later", days=0)
    harness.sync()
    before = {story: harness.picture(*story) for story in stories}
    assert all(picture.get("comments") or picture.get("notes") for picture in before.values())
    with harness.daemon():
        refused = harness.run("register", "restore", "copy.db")
    assert (refused.code, "held by another capa-sync" in refused.err) == (6, True)
    restored = harness.run("register", "restore", "copy.db")
    assert (restored.code, restored.err) == (0, "")
    assert "before-restore-20260615T090000Z" in restored.out
    assert len(harness.rows("v_register")) == len(harness.names), "the register of the moment of the backup"
    harness.sync()
    harness.sync()
    assert {story: harness.picture(*story) for story in stories} == before
    assert len(harness.rows("v_register")) == len(stories)


def test_a_restore_brings_back_nothing_that_was_erased(make_harness: MakeHarness) -> None:
    """The copy has the ticket; the restored register has its tombstone, the hold, and a chain that is whole."""
    harness = make_harness("jira")
    keys = [harness.create_broken("jira", story) for story in ("broken", "other")]
    harness.sync()
    leave_free_space(harness.register_file)
    assert harness.run("register", "backup", "copy.db").code == 0
    assert "copy.db (by " in harness.run("register", "erase", keys[0], "--reason", "case 17", "--yes").out
    assert harness.run("register", "hold", keys[1], "--reason", "case 18").code == 0
    restored = harness.run("register", "restore", "copy.db")
    assert (restored.code, restored.err) == (0, f"erased again, as the former one had: jira:{keys[0]}\n")
    assert harness.run("register", "erase", keys[1], "--reason", "case 17", "--yes").code == 2
    harness.sync()
    assert [row["ticket_key"] for row in harness.rows("v_register")] == [keys[1]]
    assert harness.run("verify").code == 0


def new_register(folder: Path) -> Path:
    """Create a register in a folder of its own."""
    folder.mkdir()
    open_register(folder / "register.db", clock_now=NOW).close()
    return folder / "register.db"


def damaged(folder: Path) -> Path:
    """A backup with an overwritten page."""
    backup = folder / "damaged.db"
    back_up(folder / "mine" / "register.db", backup)
    content = backup.read_bytes()
    backup.write_bytes(content[:16384] + b"\xa5" * 16384 + content[32768:])
    return backup


def newer(folder: Path) -> Path:
    """A backup of a later version."""
    backup = folder / "newer.db"
    back_up(folder / "mine" / "register.db", backup)
    connection = sqlite3.connect(backup)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('capa_sync', '0999_later', '')"
    )
    connection.commit()
    connection.close()
    return backup


def of_another(folder: Path) -> Path:
    """A backup of another register."""
    back_up(new_register(folder / "other"), folder / "other.db")
    return folder / "other.db"


def another_database(folder: Path) -> Path:
    """A database of another program."""
    connection = sqlite3.connect(folder / "notes.db")
    connection.execute("CREATE TABLE note (text TEXT)")
    connection.close()
    return folder / "notes.db"


def no_database(folder: Path) -> Path:
    """A file of text."""
    (folder / "notes.txt").write_text("not a register\n" * 100, encoding="utf-8")
    return folder / "notes.txt"


def absent(folder: Path) -> Path:
    """A name that no file has."""
    return folder / "absent.db"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (damaged, "damaged"),
        (newer, "made by a newer capa-sync"),
        (of_another, "a copy of another register"),
        (another_database, "not a register"),
        (no_database, "not a register"),
        (absent, "there is no such file"),
    ],
)
def test_a_file_that_is_no_good_backup_changes_nothing(tmp_path: Path, make: object, why: str) -> None:
    """One line names the file and the reason; the register stays as it is, and no other file is left."""
    register = new_register(tmp_path / "mine")
    backup: Path = make(tmp_path)  # type: ignore[operator]
    before = {file.name: file.read_bytes() for file in register.parent.iterdir()}
    with pytest.raises(RegisterUnavailable, match=why) as refused:
        restore(register, backup, NOW)
    assert str(refused.value).startswith(f"{backup}: ")
    left = {file.name: file.read_bytes() for file in register.parent.iterdir() if file.suffix != ".lock"}
    assert left == before


def test_a_long_restore_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of the copy but the last is reported with the number of all; the copy is the whole backup."""
    register = new_register(tmp_path / "mine")
    back_up(register, tmp_path / "copy.db")
    reported: list[tuple[int, int]] = []
    size = (tmp_path / "copy.db").stat().st_size
    monkeypatch.setattr("capa_sync.store.backup._MEGABYTE", size // 3)
    restore(register, tmp_path / "copy.db", NOW, lambda done, total: reported.append((done, total)))
    assert reported == [(1, 3), (2, 3)]
    assert register.stat().st_size == size


def test_a_backup_overwrites_no_file_of_the_register_and_needs_its_folder(tmp_path: Path) -> None:
    """The register, its log and its marker are refused as names; so is a folder that does not exist."""
    register = new_register(tmp_path / "mine")
    for name in ("register.db", "register.db-wal", "register.db.origin"):
        with pytest.raises(RegisterUnavailable, match="a file of the register itself"):
            back_up(register, register.with_name(name))
    (tmp_path / "link").symlink_to(register.parent)
    (tmp_path / "to").symlink_to(register)
    spelt = (
        tmp_path / "mine" / ".." / "mine" / "register.db",
        tmp_path / "link" / "register.db-wal",
        tmp_path / "to",
    )
    for target in spelt:
        with pytest.raises(RegisterUnavailable, match="a file of the register itself"):
            back_up(register, target)
        with pytest.raises(RegisterUnavailable):  # neither is it a backup to restore
            restore(register, target, NOW)
    with pytest.raises(UserError, match="No such file or directory; nothing was written under that name"):
        back_up(register, tmp_path / "absent" / "copy.db")
