"""Reads users' files within limits: a regular file, not larger than allowed, in UTF-8."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from capa_sync.errors import Problem, UserError

KIB = 1_024
_MOST_NAMES = 20_000
_SUFFIXES = frozenset({".yaml", ".yml"})


def read_user_file(path: Path, shown: str, most: int) -> bytes:
    """Return the content of a file.

    Args:
        path: the file.
        shown: how the user named it, for messages.
        most: the largest allowed size in bytes.

    Raises:
        UserError: it does not exist, is no regular file (a read from a pipe or device may never end), or is larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _refused(shown, 0, "this is no regular file", "name a plain file")
            content: bytes | None = file.read(most + 1)
    except FileNotFoundError:
        raise _refused(shown, 0, "there is no such file", "look at the name and the folder") from None
    except IsADirectoryError:
        raise _refused(shown, 0, "this is no regular file", "name a plain file") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = getattr(error, "strerror", None) or "no file can have this name"
        raise _refused(shown, 0, f"this file cannot be read: {why}", "") from None
    if content is None:  # such as /proc/kmsg, which says that it is a regular file, and waits
        raise _refused(shown, 0, "this file cannot be read: it gives no bytes", "name a plain file")
    if len(content) > most:
        line = content.count(b"\n") + 1
        raise _refused(
            shown, line, f"the file is larger than {most // KIB} KiB", "split it, or leave out what is unused"
        )
    return content


def yaml_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Yield the given files and the YAML files inside the given folders, each folder in the order of paths.

    Folders inside whose names begin with a dot are left out: `.git`, or what a container's volume keeps its files in.

    Raises UserError for a folder that holds too much to be looked through, such as a home folder.
    """
    for path in map(Path, paths):
        if _is_folder(path):
            yield from sorted(file for file in _files_below(path) if file.suffix in _SUFFIXES and _counts(file))
        else:
            yield path


def _counts(file: Path) -> bool:
    """Tell whether somebody meant this to be read; a broken link or a pipe is refused when it is, not left out.

    Emacs keeps a broken link `.#NAME` beside a file that is being edited.
    """
    return not file.name.startswith(".") or file.is_file()


def _files_below(top: Path) -> Iterator[Path]:
    seen = 0
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if not name.startswith(".")]
        seen += len(folders) + len(files)
        if seen > _MOST_NAMES:
            what = f"there are more than {_MOST_NAMES:,} files and folders below it"
            raise _refused(str(top), 0, what, "name the folder of these files alone")
        yield from (Path(folder, name) for name in files)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # for example a name that is too long; it is reported as a file that cannot be read
        return False


def decoded(content: bytes, shown: str) -> str:
    """Return the text of a file. Raises UserError with the line that is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _refused(shown, line, "this is not UTF-8 text", "save the file as UTF-8") from None


def _refused(shown: str, line: int, what: str, hint: str) -> UserError:
    return UserError([Problem(shown, line, what, hint)])
