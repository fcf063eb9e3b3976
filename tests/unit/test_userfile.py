"""Files that say that they are regular, and give no bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from capa_sync.errors import RegisterUnavailable, UserError
from capa_sync.model.userfile import read_user_file
from capa_sync.store import open_register
from tests.unit.store.fake_parser import T0


@pytest.fixture
def silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pipe that somebody may write into, and that says that it is a regular file, as `/proc/kmsg` does."""
    path = tmp_path / "kmsg"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    monkeypatch.setattr(stat, "S_ISREG", lambda _mode: True)
    yield path
    os.close(descriptor)


def test_a_user_s_file_that_gives_no_bytes_is_refused(silent: Path) -> None:
    """In one line, by its name."""
    with pytest.raises(UserError, match="gives no bytes"):
        read_user_file(silent, "kmsg", 100)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_register_that_gives_no_bytes_is_refused(silent: Path, read_only: bool) -> None:
    """SQLite would wait for it."""
    with pytest.raises(RegisterUnavailable, match="kmsg: no register"):
        open_register(silent, clock_now=T0, create=not read_only, read_only=read_only)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
@pytest.mark.parametrize("name", ["/proc/self/status", "/proc/self/environ"])
def test_a_register_that_is_made_as_it_is_read_is_refused(name: str) -> None:
    """It has no size, and SQLite would take it for an empty register."""
    with pytest.raises(RegisterUnavailable, match=f"{name}: no register"):
        open_register(Path(name), clock_now=T0, create=False, read_only=True)


def test_an_empty_file_becomes_a_register(tmp_path: Path) -> None:
    """As before: somebody may have made it with the mode and owner that it needs."""
    path = tmp_path / "register.db"
    path.touch(0o600)
    open_register(path, clock_now=T0).close()
    open_register(path, clock_now=T0, read_only=True).close()
