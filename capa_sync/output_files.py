"""Writes files that a person named: complete under their names, or not at all."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.private_folders import private_folder_beside

_EARLIER = "earlier"
_NONE_CHANGED = "none of the files was changed"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a new private file beside `path`, which takes that name when the block ends without an error.

    Its folder is private too, so that a library may put its temporary files beside it; both vanish with the block.
    After an error, a full disk or a kill, `path` is what it was before: absent, or the whole earlier file.

    Raises UserError with one line when the file system refuses something, also inside the block, and for a name that
    is a device, pipe, link or folder: taking its name would destroy `/dev/null` or `/dev/stdout` for every program.
    """
    _demand_a_plain_name(path)
    with _in_words(path), private_folder_beside(path) as folder:
        fresh = folder / "content"
        os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        yield fresh
        _flush(fresh)
        fresh.replace(path)
        _flush(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new private folder beside `path`, which takes that name when the block ends without an error.

    Raises UserError with one line when `path` exists, or the file system refuses something, also inside the block.
    """
    if os.path.lexists(path):  # also a link that leads nowhere
        raise UserError([Problem(str(path), 0, "there is such a file or folder already", "name a new folder")])
    with _in_words(path), private_folder_beside(path) as folder:
        fresh = folder / "content"
        fresh.mkdir(mode=0o700)
        with _as_of_folder(fresh, path):
            yield fresh
        fresh.rename(path)
        _flush(path.parent)


@contextmanager
def _as_of_folder(fresh: Path, path: Path) -> Iterator[None]:
    """Tell what is wrong with a file in the private folder by the name that it would have had."""
    try:
        yield
    except UserError as error:
        raise UserError([_renamed(problem, fresh, path) for problem in error.problems]) from error


def _renamed(problem: Problem, fresh: Path, path: Path) -> Problem:
    file = Path(problem.file)
    return replace(problem, file=str(path / file.relative_to(fresh))) if file.is_relative_to(fresh) else problem


def write_together(texts: Mapping[Path, str], new_mode: int) -> None:
    """Write the text of each file, or of none; a file that exists keeps its mode, a new one gets `new_mode`.

    Every text is on the disk beside its file before the first file gets its own. After an error, a full disk too,
    each file is what it was before; a kill meanwhile leaves whole files, the first of them with the new text.

    Raises UserError with one line about the file that the file system refused.
    """
    taken: list[Path] = []
    with ExitStack() as folders:
        fresh = {path: _fresh_beside(path, text, new_mode, folders) for path, text in texts.items()}
        try:
            for path, content in fresh.items():
                with _in_words(path, _NONE_CHANGED):
                    content.replace(path)
                    taken.append(path)
                    _flush(path.parent)
        except UserError:
            for path in taken:
                _put_back(path, fresh[path].with_name(_EARLIER))
            raise


def _fresh_beside(path: Path, text: str, new_mode: int, folders: ExitStack) -> Path:
    """Write a text into a private folder beside its file, with a copy of the file as it is now."""
    with _in_words(path, _NONE_CHANGED):
        folder = folders.enter_context(private_folder_beside(path))
        if path.exists():
            shutil.copy2(path, folder / _EARLIER)
        fresh = folder / "content"
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(path.stat().st_mode & 0o777 if path.exists() else new_mode)
        _flush(fresh)
        return fresh


def _put_back(path: Path, earlier: Path) -> None:
    if earlier.exists():
        earlier.replace(path)
    else:
        path.unlink()


def _demand_a_plain_name(path: Path) -> None:
    with _in_words(path):
        if os.path.lexists(path) and not stat.S_ISREG(path.lstat().st_mode):
            raise UserError([Problem(str(path), 0, "this is no regular file", "name a new file, or a plain one")])


@contextmanager
def _in_words(path: Path, hint: str = "nothing was written under that name") -> Iterator[None]:
    """Tell what the file system refuses in one line that names the file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise UserError([Problem(str(path), 0, what, hint)]) from error


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
