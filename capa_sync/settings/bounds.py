"""Limits of a settings file, checked before the TOML reader, which has no limits of its own."""

from __future__ import annotations

import re
from pathlib import Path

from capa_sync.errors import Problem

LARGEST = 256 * 1_024
"""Bytes of a settings file."""
MOST_PROBLEMS = 50
"""Largest number of mistakes that are reported one by one."""
_LONGEST_LINE = 20_000
_MOST_LINES = 10_000
_DEEPEST = 30
_LONGEST_NUMBER = re.compile(r"[0-9_]{41}")
_ZERO = re.compile(r"\\(?:u0000|U00000000|x00)")
_BRACKETS = re.compile(r"[\[\]{}]")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|#.*""")


def beyond_bounds(file: Path, text: str) -> Problem | None:
    """Return which limit a file exceeds, with the line: Python's reader would take minutes or run out of stack."""
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        what = ""
        if number > _MOST_LINES:
            what = f"the file has more than {_MOST_LINES:,} lines"
        elif len(line) > _LONGEST_LINE:
            what = f"this line is longer than {_LONGEST_LINE:,} characters"
        bare = "" if what else _QUOTED.sub("", line)
        depth = max(0, depth + sum(1 if sign in "[{" else -1 for sign in _BRACKETS.findall(bare)))
        if depth > _DEEPEST:
            what = f"this is nested deeper than {_DEEPEST} levels"
        elif bare.partition("=")[0].count(".") > _DEEPEST:
            what = f"this name has more than {_DEEPEST} parts"
        elif _LONGEST_NUMBER.search(bare):
            what = "this is longer than 40 digits"
        elif _ZERO.search(line):
            what = "no text here holds a zero character: no file and no variable can have such a name"
        if what:
            return Problem(str(file), number, what, "put a text in quotes, and leave out what is unused")
    return None
