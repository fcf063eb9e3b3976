"""Writes a file that a person named: complete under its name, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capa_sync.errors import Problem, UserError

_UNTOUCHED = "nothing was written under that name"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a new private file beside `path`, which takes that name when the block ends without an error.

    Its folder is private too, so that a library may put its temporary files beside it; both vanish with the block.
    After an error, a full disk or a kill, `path` is what it was before: absent, or the whole earlier file.

    Raises UserError with one line when the file system refuses something, also inside the block.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name[:40]}.", dir=path.parent) as folder:
            fresh = Path(folder) / "content"
            os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
            yield fresh
            _flush(fresh)
            fresh.replace(path)
            _flush(path.parent)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused(path, error) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new private folder beside `path`, which takes that name when the block ends without an error.

    Raises UserError with one line when `path` exists, or the file system refuses something, also inside the block.
    """
    if path.exists():
        raise UserError([Problem(str(path), 0, "there is such a file or folder already", "name a new folder")])
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name[:40]}.", dir=path.parent) as folder:
            fresh = Path(folder) / "content"
            fresh.mkdir(mode=0o700)
            yield fresh
            fresh.rename(path)
            _flush(path.parent)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> UserError:
    return UserError([Problem(str(path), 0, f"cannot be written: {error.strerror or error}", _UNTOUCHED)])


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
