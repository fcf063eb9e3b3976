"""Finds the line of a key in a TOML file; no library returns it for a value (docs/contract.md 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TABLE = re.compile(r"^\s*\[{1,2}([^\]]+)\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_INLINE = re.compile(r"""[{,]\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")

Path = tuple[str, ...]


def _split(dotted: str) -> Path:
    """Split a dotted TOML key into its parts, quotes removed."""
    parts = re.findall(r""""[^"]*"|'[^']*'|[^.\s]+""", dotted)
    return tuple(part.strip("\"'") for part in parts)


def _places(text: str) -> Iterator[tuple[Path, int]]:
    """Yield (path, line) of every table header and key, inline tables included."""
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _split(header[1].strip())
            yield table, number
        elif key := _KEY.match(line):
            path = table + _split(key[1])
            yield path, number
            for inner in _INLINE.findall(line[key.end() :]):
                yield (*path, inner.strip("\"'")), number


def find_line(text: str, path: Path) -> int:
    """Return the 1-based line of the key at `path`, otherwise of the nearest table that contains it; 0 if none."""
    lines: dict[Path, int] = {}
    for place, number in _places(text):
        lines.setdefault(place, number)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 0
