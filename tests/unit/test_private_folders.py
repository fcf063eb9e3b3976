"""Folders that vanish with their process: also when the process was killed, and never one of somebody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capa_sync import private_folders
from capa_sync.output_files import whole_file, whole_folder, write_together
from capa_sync.private_folders import MARK, private_folder, private_folder_beside
from tests.patience import PATIENCE

_HOLDER = """
import sys
from pathlib import Path
from capa_sync.private_folders import private_folder, private_folder_beside
with {call} as folder:
    (folder / "register.db").write_text("texts of tickets", encoding="utf-8")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@contextmanager
def _holder(call: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a process that holds such a folder until it is killed."""
    program = [sys.executable, "-c", _HOLDER.format(call=call)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def _killed(call: str) -> Path:
    with _holder(call) as (process, folder):
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert (folder / "register.db").exists()
    return folder


def test_it_is_private_and_goes_with_the_block() -> None:
    """Nobody else may look into it, and nothing of it is left."""
    with private_folder("plan") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.name.startswith("capa-sync-plan-")
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next_one_of_any_purpose() -> None:
    """A copy of a register does not stay for ever because `plan` was killed."""
    left = [_killed('private_folder("plan")'), _killed('private_folder("rule")')]
    with private_folder("look"):
        assert [folder for folder in left if folder.exists()] == []


def test_a_folder_in_use_stays(tmp_path: Path) -> None:
    """Two verbs run at the same time, and each keeps its copy."""
    with _holder('private_folder("plan")') as (_process, folder), private_folder("plan") as ours:
        assert (folder / "register.db").exists()
        with private_folder("plan"):
            assert ours.exists()
    assert folder.exists(), "it was killed, and nobody came after it"
    with private_folder("plan"):
        assert not folder.exists()
    assert list(tmp_path.iterdir()) == []


def _write_file(path: Path) -> None:
    with whole_file(path) as fresh:
        fresh.write_text("whole", encoding="utf-8")


def _write_folder(path: Path) -> None:
    with whole_folder(path):
        pass


def _write_text(path: Path) -> None:
    write_together({path: "whole"}, 0o600)


@pytest.mark.parametrize("write", [_write_file, _write_folder, _write_text])
def test_a_killed_export_leaves_nothing_for_long(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """The half-written file of an export that was killed goes when the same export is made again."""
    path = tmp_path / "register.xlsx"
    folder = _killed(f"private_folder_beside(Path({str(path)!r}))")
    other = _killed(f"private_folder_beside(Path({str(tmp_path / 'another.xlsx')!r}))")
    write(path)
    assert not folder.exists()
    assert other.exists(), "that of another name waits for its own export"
    assert path.exists()


def _unmarked(folder: Path, _elsewhere: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("of a person", encoding="utf-8")


def _linked(folder: Path, elsewhere: Path) -> None:
    elsewhere.mkdir()
    (elsewhere / MARK).touch()
    folder.symlink_to(elsewhere)


def _with_a_linked_mark(folder: Path, elsewhere: Path) -> None:
    folder.mkdir()
    elsewhere.touch()
    (folder / MARK).symlink_to(elsewhere)


def _with_a_pipe_as_mark(folder: Path, _elsewhere: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / MARK)


def _with_a_folder_as_mark(folder: Path, _elsewhere: Path) -> None:
    (folder / MARK).mkdir(parents=True)


def _of_another_user(folder: Path, _elsewhere: Path) -> None:
    folder.mkdir()
    (folder / MARK).touch()
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize(
    "make",
    [_unmarked, _linked, _with_a_linked_mark, _with_a_pipe_as_mark, _with_a_folder_as_mark, _of_another_user],
)
def test_what_is_not_ours_stays(tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    """A name alone proves nothing: whatever a person or another user made is left alone."""
    there, beside, elsewhere = tmp_path / "capa-sync-plan-abcdefgh", tmp_path / ".x.csv.abcdefgh", tmp_path / "other"
    make(there, elsewhere)
    beside.mkdir()
    with private_folder("plan"), private_folder_beside(tmp_path / "x.csv"):
        assert there.exists()
        assert beside.exists()
    assert there.exists()


def test_where_the_file_system_knows_no_locks_nothing_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose lock cannot be held is never taken for one that was left."""

    def refuse(_file: int, _operation: int) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(private_folders.fcntl, "flock", refuse)
    with private_folder("plan") as folder:
        monkeypatch.undo()
        with private_folder_beside(folder):
            assert not (folder / MARK).exists()
        assert folder.exists()
    assert not folder.exists()


def test_what_cannot_be_removed_is_named_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full or read-only disk: the verb does its work, and one line says what a person can do."""
    left = _killed('private_folder("plan")')

    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(private_folders.shutil, "rmtree", refuse)
    with private_folder("look") as folder:
        assert folder.exists()
        monkeypatch.undo()
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == f"{left} was left by a process that was killed and cannot be removed: Permission denied; remove it"
