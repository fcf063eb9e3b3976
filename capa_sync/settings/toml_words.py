"""What a person reads where a settings file is no TOML: for each message of the parser our words and a way out.

The parser tells what it expected; a person needs to know what is wrong in the line, and what to type instead.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from functools import partial

from capa_sync.errors import Problem
from capa_sync.model.light import light
from capa_sync.settings.lines import first_of_two, last_named

_LONGEST = 300
_TYPOGRAPHIC = "“”„‟‘’‚‛«»‹›`´"
_QUOTED = 'text needs quotes: key = "text"'
_BACKSLASH = "write \\\\ for a backslash, or use single quotes, as in 'C:\\folder'"
_OPEN_TEXT = ("a text is not closed", "end it with the same quotes as it begins with, on the same line")
_OPEN_TO_THE_END = {f"Expected {quotes!r}": quotes for quotes in ("'", "'''")}
_CONTROL = ("this line holds a control character", "delete it; it may be invisible, so type the line again")


@light
class _Place:
    """Where the parser stopped: a line of a text, and what stands there and behind it in that line."""

    text: str
    line: int
    rest: str
    is_end: bool


Words = tuple[str, str]
"""What is wrong, and how to mend it."""


def toml_problem(file: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    """Return what is wrong, with its line, from TOML's message `… (at line 3, column 7)`."""
    message, _, found = str(error).rpartition(" (at ")
    place = _place(text, found)
    for pattern, words in _WORDS:
        if pattern.fullmatch(message):
            what, hint = words(place) if callable(words) else words
            return Problem(file, _line(place, message), what, hint)
    return Problem(file, place.line, f"this is no TOML: {message}"[:_LONGEST])


def _place(text: str, found: str) -> _Place:
    numbers = re.match(r"line (\d+), column (\d+)\)", found)
    lines = text.replace("\r\n", "\n").split("\n")  # as the parser counts
    if numbers is None:
        return _Place(text, len(text.rstrip("\n").split("\n")), "", is_end=True)
    line, column = int(numbers[1]), int(numbers[2])
    return _Place(text, line, lines[line - 1][column - 1 :], is_end=False)


def _line(place: _Place, message: str) -> int:
    """Return the line to look at: of a text that is never closed the one where it begins."""
    if not place.is_end:
        return place.line
    if message in _OPEN_TO_THE_END:  # no such quotes follow those that opened the text
        return _line_of(place.text, _OPEN_TO_THE_END[message])
    is_long = message == "Unterminated string" and place.text.count('"""') % 2
    return _line_of(place.text, '"""') if is_long else place.line


def _line_of(text: str, last: str) -> int:
    return text.count("\n", 0, text.rindex(last)) + 1


def _value(place: _Place) -> Words:
    """Return what to do where no value begins: none, text without quotes, or quotes of a word processor."""
    if not place.rest.strip() or place.rest.startswith("#"):
        return "there is no value after the =", 'write one, text in quotes: key = "text"'
    if place.rest[0] in _TYPOGRAPHIC:
        return "these quotes are none of TOML's", 'type straight ones: key = "text"'
    if re.match(r"(?i)(true|yes|false|no)\b", place.rest):
        return "this is no value", f"write true or false in small letters; {_QUOTED}"
    return "this is no value", _QUOTED


def _twice(place: _Place, what: str, hint: str) -> Words:
    """Return what stands in two places, with its name and the first line where they are found."""
    name = last_named(place.text, place.line)
    first = first_of_two(place.text, place.line)
    shown = f"{what} {'.'.join(name)[:_LONGEST]}" if name else what
    return f"{shown} stands here a second time{f', first in line {first}' if first else ''}", hint


def _key_twice(place: _Place) -> Words:
    """Tell a key that stands twice from a table whose name is that of a key."""
    if place.text.split("\n")[place.line - 1].lstrip().startswith("["):
        return (
            "a key with the name of this table has a value already",
            "delete that key, or name this table otherwise",
        )
    return _twice(place, "the key", "keep one of the two lines")


_TABLE_TWICE = partial(_twice, what="the table", hint="put the keys of both under one heading, and delete the other")
_SEVERAL = (
    "there is more in this line than one value",
    "one value a line: text in quotes, a share as 0.2, a day as 2026-01-31",
)
_HEADING = (
    "this heading is not closed",
    "write it alone in its line, as in [sources.jira]; a name with spaces needs quotes",
)
_INLINE = "a table in { } takes no key from outside"
_WORDS: Sequence[tuple[re.Pattern[str], Words | Callable[[_Place], Words]]] = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        ("Invalid value", _value),
        ("Cannot declare .* twice", _TABLE_TWICE),
        ("Cannot overwrite a value", _key_twice),
        ("Duplicate inline table key .*", ("a key stands twice in the same { }", "keep one of the two")),
        ("Invalid date or datetime", ("there is no such day or time", "write one that exists, as in 2026-01-31")),
        ("Expected newline or end of document after a statement", _SEVERAL),
        (r"(Illegal|Found invalid) character '\\n'", _OPEN_TEXT),
        ("(Illegal|Found invalid) character .*", _CONTROL),
        ("Unterminated string", _OPEN_TEXT),
        (r"""Expected "'+\"""", _OPEN_TEXT),
        ("Unclosed array", ("a list is not closed, or lacks a comma, here or above", 'write it as ["a", "b"]')),
        ("Unclosed inline table", ("a table in { } is not closed", "write it in one line, as in { days = 10 }")),
        ("Expected ']' at the end of a table declaration", _HEADING),
        ("Expected ']]' at the end of an array declaration", _HEADING),
        ("Expected '=' after a key in a key/value pair", ("there is no = after the key", 'write key = "text"')),
        (
            "Invalid statement",
            ("this line is no key, no heading and no comment", "write key = value, [table], or # …"),
        ),
        (
            "Invalid initial character for a key part",
            (
                "a name is missing here, or begins with an odd character",
                "names are of A-Z, a-z, 0-9, - and _; quote others",
            ),
        ),
        (
            "Cannot mutate immutable namespace .*",
            (_INLINE, "write all its keys within the { }, or make it a [table]"),
        ),
        ("Cannot redefine namespace .*", ("this table has a heading already", "put the key under that heading")),
        (r"Unescaped '\\' in a string", ("a backslash in a text means something else", _BACKSLASH)),
        ("Invalid hex value", ("a backslash in a text means something else", _BACKSLASH)),
        (
            "Escaped character is not a Unicode scalar value",
            ("a backslash with a number in a text names no character", _BACKSLASH),
        ),
    )
)
"""Message of tomllib -> what a person reads; a test holds this table to the parser's source."""
