"""Which files and folders the settings name: a verb that writes a file keeps away from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

PATH_KEYS = frozenset({"rules", "mapping", "file", "tokens", "texts"})
"""Last parts of the keys that hold paths; those that end with `_file` do, too."""
_REGISTER = "register_file"


def named_files(settings: BaseModel) -> Iterator[tuple[str, str]]:
    """Yield the key and the path of each file or folder that the settings name, but for the register."""
    yield from _of_table(settings, "")


def holds_paths(key: str) -> bool:
    """Return whether a key, by its last part, holds a path or several."""
    return key in PATH_KEYS or (key.endswith("_file") and key != _REGISTER)


def _of_table(table: BaseModel, before: str) -> Iterator[tuple[str, str]]:
    for key in type(table).model_fields:
        yield from _of_value(getattr(table, key), f"{before}{key}", is_path=holds_paths(key))


def _of_value(value: Any, key: str, *, is_path: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from _of_table(value, f"{key}.")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of_value(inner, f"{key}.{name}", is_path=is_path)
    elif is_path:
        yield from ((key, path) for path in ([value] if isinstance(value, str) else value) if path)
