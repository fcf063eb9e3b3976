"""Finds the line of a key in a TOML file; no library returns it for a value (docs/contract.md 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_TABLE = re.compile(r"^\s*\[{1,2}([^\]]+)\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_INLINE = re.compile(r"""[{,]\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")

Key = tuple[str, ...]


def _split(dotted: str) -> Key:
    """Split a dotted TOML key into its parts, quotes removed."""
    parts = re.findall(r""""[^"]*"|'[^']*'|[^.\s]+""", dotted)
    return tuple(part.strip("\"'") for part in parts)


def _places(text: str) -> Iterator[tuple[Key, int]]:
    """Yield (path, line) of every table header and key, inline tables included."""
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _split(header[1].strip())
            yield table, number
        elif key := _KEY.match(line):
            path = table + _split(key[1])
            yield path, number
            for inner in _INLINE.findall(line[key.end() :]):
                yield (*path, inner.strip("\"'")), number


def find_line(text: str, path: Key) -> int:
    """Return the 1-based line of the key at `path`, otherwise of the nearest table that contains it; 0 if none.

    A table without a header of its own is where the first key or header names it: `[sources.jira.auth]` names two.
    """
    own: dict[Key, int] = {}
    inner: dict[Key, int] = {}
    for place, number in _places(text):
        own.setdefault(place, number)
        for length in range(1, len(place)):
            inner.setdefault(place[:length], number)
    parts = (path[:length] for length in range(len(path), 0, -1))
    return next((own.get(part) or inner[part] for part in parts if part in own or part in inner), 0)


def key_line(file: Path, path: Key) -> int:
    """Return the line of a key of a file, 0 where it is not there, as of a key that a variable sets."""
    try:
        return find_line(file.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError):
        return 0


def last_named(text: str, line: int) -> Key:
    """Return the path of the last key or table that begins in this line or above; () where there is none."""
    return next((place for place, number in reversed(list(_places(text))) if number <= line), ())


def first_of_two(text: str, line: int) -> int:
    """Return the line where the key or table of `last_named` stands first; 0 where it stands only once."""
    wanted, here = last_named(text, line), 0
    for place, number in _places(text):
        if place == wanted and number <= line:
            if here:
                return here
            here = number
    return 0
