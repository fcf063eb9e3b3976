"""The register file is removed, replaced, cut, damaged or linked under a daemon; it is never created anew."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.daemon import daemon as daemon_module
from capa_sync.daemon import scheduler
from capa_sync.daemon.damage import DamageWatch
from capa_sync.errors import RegisterUnavailable
from capa_sync.store import open_register
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness, until
from tests.patience import PATIENCE
from tests.sync.world import open_world

Harm = Callable[[Path], None]


def delete(path: Path) -> None:
    """Delete the register alone."""
    path.unlink()


def delete_log(path: Path) -> None:
    """Delete the write-ahead log."""
    path.with_name(f"{path.name}-wal").unlink()


def move_away(path: Path) -> None:
    """Rename it."""
    path.rename(path.with_name("elsewhere.db"))


def exchange(path: Path) -> None:
    """Put a copy in its place, like a person who restores a backup without stopping the daemon."""
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    copy.replace(path)


def link(path: Path) -> None:
    """Replace it by a symbolic link to its new place."""
    move_away(path)
    path.symlink_to(path.with_name("elsewhere.db"))


def cut(path: Path) -> None:
    """Cut its second half off, as a full disk or a wrong redirection does."""
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (delete, "deleted"),
        (delete_log, "deleted"),
        (move_away, "deleted"),
        (exchange, "replaced by another file"),
        (link, "replaced by another file"),
        (cut, "cut short"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_file_taken_away_under_the_daemon_ends_it_with_6(make_harness: MakeHarness, harm: Harm, cause: str) -> None:
    """The daemon notices it at the next tick, between two polls; one line says what happened and how to recover."""
    harness = make_harness("servicenow", poll_every="1h")
    harness.sync()
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        harm(harness.register_file)
        ended = daemon.process.wait()
    assert ended.code == 6
    assert "Traceback" not in ended.err
    line = ended.err.splitlines()[-1]
    assert line.startswith(f"{harness.register_file}")
    assert f"{cause} while capa-sync had it open" in line
    assert "put the last backup in its place" in line


def lose(harness: Harness) -> None:
    """Remove the register and its companion files while nothing runs."""
    for ending in ("", "-wal", "-shm"):
        harness.register_file.with_name(f"register.db{ending}").unlink(missing_ok=True)


def empty(harness: Harness) -> None:
    """Leave an empty file, as a restore onto a full disk does."""
    lose(harness)
    harness.register_file.touch()


@pytest.mark.parametrize("harm", [lose, empty], ids=lambda value: value.__name__)
def test_a_register_is_created_only_where_none_was(
    make_harness: MakeHarness, harm: Callable[[Harness], None]
) -> None:
    """Where a register was before, every verb that would create one ends with 6 and names both ways to go on."""
    harness = make_harness("servicenow")
    harness.sync()
    harm(harness)
    verbs = ("run", "sync", "rebuild", "plan") if harm is lose else ("run", "sync", "rebuild")
    for verb in verbs:
        refused = harness.run(verb)
        assert refused.code == 6, verb
        (line,) = refused.err.splitlines()
        assert f"{harness.register_file}: the register is gone, and one was here (made 2026-06-15T09:00:00Z)" in line
        assert "put the last backup in its place" in line
        assert f"remove {harness.register_file}.origin to begin a new one on purpose" in line
    assert harness.run("status").code == 6
    Path(f"{harness.register_file}.origin").unlink()
    harness.sync()


def test_an_older_register_gets_its_marker_at_the_next_start(make_harness: MakeHarness) -> None:
    """A register without a marker gets one when it is opened for writing; reading changes nothing."""
    harness = make_harness("servicenow")
    harness.sync()
    marker = Path(f"{harness.register_file}.origin")
    marker.unlink()
    assert harness.run("status").code == 0
    assert not marker.exists()
    harness.sync()
    assert marker.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("verb", ["run", "sync", "status", "plan", "explain", "serve"])
def test_a_link_or_a_pipe_is_refused_as_the_register(make_harness: MakeHarness, verb: str) -> None:
    """Every verb ends with 6 and one line; no file is created at the target of a link."""
    harness = make_harness("servicenow")
    arguments = [verb, "PRB1"] if verb == "explain" else [verb]
    harness.register_file.symlink_to(harness.folder / "target.db")
    refused = harness.run(*arguments)
    assert (refused.code, len(refused.err.splitlines())) == (6, 1), refused.err
    assert "a symbolic link" in refused.err
    assert not (harness.folder / "target.db").exists()
    harness.register_file.unlink()
    os.mkfifo(harness.register_file)
    refused = harness.run(*arguments)
    assert (refused.code, len(refused.err.splitlines())) == (6, 1), refused.err
    assert "not a regular file" in refused.err


def damage(path: Path, table: str) -> None:
    """Overwrite the first page of a table, as a bad disk does."""
    with open_register(path, clock_now=NOW, create=False) as register:
        root = register._db.value("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
        size = register._db.value("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


@pytest.mark.parametrize("verb", ["run", "sync", "plan"])
def test_damage_is_found_at_the_start_and_before_a_copy(make_harness: MakeHarness, verb: str) -> None:
    """Damage in a table that no idle cycle reads gives exit 6, one line, and no request to a tracker."""
    harness = make_harness("servicenow")
    harness.sync()
    damage(harness.register_file, "observed")
    harness.servers["servicenow"].requests.reset()
    ended = harness.run(verb)
    assert ended.code == 6
    (line,) = ended.err.splitlines()
    assert line.startswith(f"{harness.register_file}: damaged; put the file aside and restore the last backup")
    assert list(harness.servers["servicenow"].requests) == []


def test_a_backup_of_a_damaged_register_is_refused(tmp_path: Path) -> None:
    """No copy is made, and an existing copy is left alone."""
    path, target = tmp_path / "register.db", tmp_path / "backup.db"
    open_register(path, clock_now=NOW).close()
    damage(path, "observed")
    target.write_bytes(b"the good one")
    with (
        open_register(path, clock_now=NOW, create=False) as register,
        pytest.raises(RegisterUnavailable, match="damaged"),
    ):
        register.copy_to(target)
    assert target.read_bytes() == b"the good one"


def spoil_index(path: Path) -> None:
    """Add a row to a table and not to its index: a check of the structure alone does not find that."""
    line = sqlite3.connect(path, isolation_level=None)
    line.execute("PRAGMA writable_schema = ON")
    kept = line.execute("SELECT * FROM sqlite_master WHERE name = 'run_source'").fetchone()
    line.execute("DELETE FROM sqlite_master WHERE name = 'run_source'")
    line.close()
    line = sqlite3.connect(path, isolation_level=None)
    line.execute("INSERT INTO run (source, kind, started_at) VALUES ('jira', 'poll', '2026')")
    line.execute("PRAGMA writable_schema = ON")
    line.execute("INSERT INTO sqlite_master VALUES (?,?,?,?,?)", kept)
    line.close()


@pytest.mark.parametrize(("harm", "table"), [("page", "observed"), ("index", "run")])
def test_the_hourly_check_finds_damage_in_its_table(tmp_path: Path, harm: str, table: str) -> None:
    """Each check takes the next table; a broken page and an index that contradicts its table are reported."""
    path, found = tmp_path / "register.db", list[str]()
    open_register(path, clock_now=NOW).close()
    damage(path, table) if harm == "page" else spoil_index(path)
    with open_register(path, clock_now=NOW, create=False) as register:
        watch = DamageWatch(register, lambda error: found.append(str(error)))
        for _look in register.tables:
            watch.look()
            assert watch._looking is not None
            watch._looking.join()
    assert len(found) >= 1
    assert all(line.startswith(f"{path}: damaged") for line in found)


def test_the_daemon_checks_one_table_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scheduled ticks look for damage by themselves, as often as an hour has ticks."""
    assert timedelta(hours=1) == daemon_module.CHECK_EVERY * scheduler.TICK
    monkeypatch.setattr(daemon_module, "CHECK_EVERY", 2)
    monkeypatch.setattr(scheduler, "TICK", timedelta(seconds=0.05))
    looks: list[int] = []
    monkeypatch.setattr(DamageWatch, "look", lambda _watch: looks.append(running._ticks))
    with open_world(tmp_path, "servicenow") as world:
        running = daemon_module.Daemon(world.runtime)
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            until(lambda: len(looks) >= 3)
        finally:
            world.runtime.stop.set()
            thread.join(PATIENCE)
    assert looks[:3] == [2, 4, 6]


def test_checking_a_whole_register_finds_nothing_and_changes_nothing(tmp_path: Path) -> None:
    """Every table is checked, and none is damaged."""
    with open_register(tmp_path / "register.db", clock_now=NOW) as register:
        before = register.changed_rows
        for table in ("", *register.tables):
            register.check_damage(table)
        assert register.changed_rows == before


def test_a_read_error_ends_the_daemon_at_once(make_harness: MakeHarness) -> None:
    """A page that cannot be read ends the daemon when it is first needed: one line, exit 6."""
    harness = make_harness("servicenow", poll_every="1h")
    harness.sync()
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        damage_while_open(harness.register_file)
        harness.run("retry")
        ended = daemon.process.wait()
    assert ended.code == 6
    assert daemon.lines("register_lost")
    assert "damaged" in ended.err.splitlines()[-1]


def damage_while_open(path: Path) -> None:
    """Overwrite the page of waiting requests; a daemon reads it again after a commit of another process."""
    reader = sqlite3.connect(path)
    root = reader.execute("SELECT rootpage FROM sqlite_master WHERE name = 'request'").fetchone()[0]
    size = reader.execute("PRAGMA page_size").fetchone()[0]
    reader.execute("PRAGMA wal_checkpoint(PASSIVE)")
    reader.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)
