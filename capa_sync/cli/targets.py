"""Where a verb may write a file: nowhere that would take one of capa-sync's own files away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.settings import Settings
from capa_sync.settings.named_files import named_files
from capa_sync.store import is_own_file

_HINT = "name another file; nothing was written"
_READ_IN_FOLDERS = frozenset({".yaml", ".yml"})
"""Endings of the files that are read in a folder which the settings name."""
_LARGEST = 1_000_000


def beside(file: Path, ending: str) -> Path:
    """Return the file that is written beside another one. Raises UserError when that names no file."""
    if not file.name:
        raise UserError(
            [Problem(str(file), 0, "this names no file", "name a file in that folder; nothing was written")]
        )
    return file.with_name(f"{file.name}{ending}")


def refuse_own_files(config: Path, settings: Settings, *files: Path) -> None:
    """Raise UserError when a file to write is one of the register's own, or `refuse_named_files` refuses it."""
    register = config.resolve().parent / settings.register_file
    for file in files:
        if is_own_file(register, file):
            raise UserError([Problem(str(file), 0, "a file of the register itself", _HINT)])
    refuse_named_files(config, settings, *files)


def refuse_named_files(config: Path, settings: Settings, *files: Path) -> None:
    """Raise UserError when a file to write is the settings file, or one that the settings or a mapping name.

    However the path is spelt: `..` and links count as what they lead to.
    """
    for file in files:
        if _is_same(file, config):
            raise UserError([Problem(str(file), 0, "the settings file itself", _HINT)])
        for what, named in _named(config.resolve().parent, settings):
            if _is_same(file, named) or _is_read_in(file, named):
                raise UserError([Problem(str(file), 0, f"a file that {what} names", _HINT)])


def _named(folder: Path, settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield what names a file or folder, and its path."""
    for key, path in named_files(settings):
        yield f"`{key}` of the settings", folder / path
        if key.endswith(".mapping") and (people := _people_of(folder / path)):
            yield f"`people` of the mapping {path}", (folder / path).parent / people


def _people_of(mapping: Path) -> str:
    """Return the people file that a mapping names, "" for none; a mapping with mistakes is read all the same."""
    try:
        with mapping.open(encoding="utf-8", errors="replace") as content:
            lines = content.read(_LARGEST).splitlines()
    except (OSError, ValueError):
        return ""
    values = (line.partition(":")[2] for line in lines if line.partition(":")[0].strip("\"' ") == "people")
    return next((value.partition(" #")[0].strip().strip("\"'") for value in values), "")


def _is_same(file: Path, other: Path) -> bool:
    try:
        if os.path.realpath(file) == os.path.realpath(other):
            return True
        return file.exists() and other.exists() and file.samefile(other)
    except (OSError, ValueError):  # no file can have such a name: who writes it says so
        return False


def _is_read_in(file: Path, folder: Path) -> bool:
    """Return whether a file would be read as one of a folder that the settings name."""
    if file.suffix.lower() not in _READ_IN_FOLDERS or not folder.is_dir():
        return False
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))
