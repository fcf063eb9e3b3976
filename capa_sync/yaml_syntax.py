"""Says in plain words where a text is no YAML and how to correct it; nothing of the text is repeated.

The parser names the place where it cannot go on, in its own terms; that is often the line after the mistake. What a
person wrote there decides which of a few usual mistakes it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from capa_sync.model.light import light


class Mistake(NamedTuple):
    """One mistake: its 1-based line, what is wrong, and how to correct it."""

    line: int
    what: str
    hint: str


@light
class _Place:
    """What the parser says: its words, the line where it stopped, and the line where the unfinished part began."""

    lines: list[str]
    line: int
    began: int
    problem: str
    context: str

    def text(self, line: int) -> str:
        """Return a line of the file without what follows a comment sign; "" beyond the end."""
        return re.sub(r"(^|\s)#.*", "", self.lines[line - 1]).rstrip() if 0 < line <= len(self.lines) else ""

    def before(self, line: int) -> int:
        """Return the number of the nearest line before a line that is neither blank nor a comment; 0 if none is."""
        return next((number for number in range(line - 1, 0, -1) if self.text(number)), 0)


QUOTES = "put the whole text in quotes"
_PAIRS = {"{": "}", "[": "]"}
_KEY = re.compile(r"^\s*(?:- +)*[^\s\"'{\[#][^:]*:(?=\S)")
_VALUE = re.compile(r"^\s*(?:- +)*(?:[^\s\"'{\[][^:]*:\s+)?(?P<value>.*)$")
_NO_SPACE = ("no space stands after the colon", "write `key: value`")


def mistake_in(error: YAMLError, text: str) -> Mistake:
    """Return what is wrong with a text that the parser refused with this error."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Mistake(
            line, "a character stands here that no text file should hold", "delete it, or write the line anew"
        )
    if not isinstance(error, MarkedYAMLError):
        return Mistake(1, *_SOMETHING)
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    began = error.context_mark.line + 1 if error.context_mark else line
    place = _Place(text.splitlines(), line, began, str(error.problem), str(error.context))
    explain = next((explain for words, explain in _USUAL if words in f"{place.problem} {place.context}"), None)
    return explain(place) if explain else Mistake(line, *_SOMETHING)


_SOMETHING = ("this is not YAML", "look at indentation, quotes and brackets, here and on the line before")


def _character(place: _Place) -> Mistake:
    if "\\t" in place.problem:
        return Mistake(place.line, "a tab stands here", "indent with spaces, not with tabs")
    if place.text(place.line).lstrip().startswith("```"):
        return Mistake(place.line, "the fence of a code block is no part of the file", "delete the lines with ```")
    sign = place.problem.partition("'")[2].partition("'")[0]
    return Mistake(place.line, f"a text cannot begin with {sign}", QUOTES)


def _colon(place: _Place) -> Mistake:
    here, before = place.text(place.line), place.before(place.line)
    if _KEY.match(place.text(before)):
        return Mistake(before, *_NO_SPACE)
    if len(re.findall(r":(?:\s|$)", here)) < 2 and _indent(here) > _indent(place.text(before)):
        hint = "begin it under the line before"
        if _indent(here) == _indent(place.text(place.before(before))):  # as the lines above: the one between moved
            hint = f"or line {before} too far to the left: begin that one under the line before it"
        return Mistake(place.line, "this line stands too far to the right", hint)
    return Mistake(place.line, "a colon stands inside a text", QUOTES)


def _no_colon(place: _Place) -> Mistake:
    text = place.text(place.began)
    if re.search(r":\s+[>|][+-]?$", place.text(place.before(place.began))):
        return Mistake(place.began, "this text belongs to the line before", "indent it further than that line")
    if _KEY.match(text):
        return Mistake(place.began, *_NO_SPACE)
    sign = next((f", not with {sign}" for sign in ("->", "=>", "=", "→") if sign in text), "")
    return Mistake(place.began, "this line has no colon", f"write `key: value`{sign}")


def _unfinished(place: _Place) -> Mistake:
    return Mistake(place.began, "a quotation mark is opened here and not closed", "close it at the end of the text")


def _bracket(place: _Place) -> Mistake:
    sign = "{" if "'}'" in place.problem else "["
    if re.search(r"'[^',]*\w'\w", place.text(place.line)):
        return Mistake(place.line, *_APOSTROPHE)
    within = "".join(_outside_quotes(place.text(line)) for line in range(place.began, place.line + 1))
    if within.count(sign) > within.count(_PAIRS[sign]):
        return Mistake(place.began, f"a {sign} is opened here and not closed", f"close it with {_PAIRS[sign]}")
    return Mistake(place.line, "a comma is missing here", "put a comma between two entries")


_APOSTROPHE = ("an apostrophe inside single quotes ends the text", "put the text in double quotes")


def _goes_on(place: _Place) -> Mistake:
    """Explain a text that goes on after quotes or a bracket, or where a quote was not closed on a line before."""
    opened = [line for line in range(1, place.line) if _opens_a_quote(place.text(line))]
    if opened and '"' in place.text(place.line):
        return _unfinished(_Place(place.lines, place.line, opened[-1], "", ""))
    found = _VALUE.match(place.text(place.line))
    value = found["value"] if found else ""
    if value.startswith("{{"):
        return Mistake(place.line, "{{ … }} is not filled in here", "write the text itself")
    if value.startswith(("{", "[")):
        return Mistake(place.line, f"a text cannot begin with {value[0]}", QUOTES)
    if value.startswith("'"):
        return Mistake(place.line, *_APOSTROPHE)
    if value.startswith('"'):
        return Mistake(place.line, "the text goes on after its closing quotation mark", f"{QUOTES}, or in none")
    return Mistake(place.line, *_SOMETHING)


def _opens_a_quote(line: str) -> bool:
    found = _VALUE.match(line)
    return found is not None and found["value"].startswith('"') and found["value"].count('"') % 2 == 1


def _dash(place: _Place) -> Mistake:
    return Mistake(place.line, "this dash does not stand under the one before", "begin the dashes of a list alike")


def _indented(place: _Place) -> Mistake:
    hint = "begin lines of one level at the same place"
    return Mistake(place.line, "this line is indented in another way than the lines beside it", hint)


def _second_document(place: _Place) -> Mistake:
    return Mistake(place.line, "a line of --- begins a second document", "put it into a file of its own")


def _backslash(place: _Place) -> Mistake:
    hint = "put the text in single quotes, or double the backslash"
    return Mistake(place.line, "a backslash inside double quotes begins a special character", hint)


def _after_fold(place: _Place) -> Mistake:
    return Mistake(place.line, "a text cannot begin with > or |", QUOTES)


_USUAL: tuple[tuple[str, Callable[[_Place], Mistake]], ...] = (
    ("that cannot start any token", _character),
    ("mapping values are not allowed", _colon),
    ("could not find expected ':'", _no_colon),
    ("while scanning a block scalar", _after_fold),
    ("unknown escape character", _backslash),
    ("unexpected end of stream", _unfinished),
    ("expected ',' or", _bracket),
    ("found another document", _second_document),
    ("but found '<scalar>'", _goes_on),
    ("but found '<block sequence start>'", _dash),
    ("but found '-'", _dash),
    ("expected <block end>", _indented),
)
"""Words of the parser -> the explanation; the first that occurs counts."""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"|\'[^\']*\'', "", line)


CURLY = "“”„‟«»‘’‚‛"
STRAIGHT = str.maketrans(CURLY, '"' * 6 + "'" * 4)


def is_curly(text: str) -> bool:
    """Return whether a text without quotes of YAML's begins with a curly quotation mark, which YAML does not know."""
    return text[:1] in CURLY and bool(text)
