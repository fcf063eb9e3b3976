"""A settings file that is no TOML: each message of the parser has words of ours, and a way out that helps."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path
from tomllib import _parser

import pytest

from capa_sync.errors import SettingsError
from capa_sync.settings import load_settings

MISTAKES: dict[str, tuple[str, int, str, str]] = {
    "text without quotes": ("mode = on", 1, "Invalid value", 'text needs quotes: key = "text"'),
    "text with other quotes": ("mode = “on”", 1, "Invalid value", 'type straight ones: key = "text"'),
    "yes in capitals": ("hold = True", 1, "Invalid value", "write true or false in small letters"),
    "no value": ("mode =", 1, "Invalid value", "write one, text in quotes"),
    "no value before a comment": ("mode = # later\n", 1, "Invalid value", "there is no value after the ="),
    "a table twice": ("[a.b]\nx = 1\n[c]\n[a.b]\ny = 1\n", 4, "Cannot declare {} twice", "first in line 1"),
    "a heading below dots": ("[a]\nb.c = 1\n[a.b]\n", 3, "Cannot declare {} twice", "put the keys of both under one"),
    "a list of tables after a list": (
        "a = [1]\n[[a]]\n",
        2,
        "Cannot mutate immutable namespace {}",
        "within the { }",
    ),
    "a key twice": (
        "a = 1\nb = 2\na = 3\n",
        3,
        "Cannot overwrite a value",
        "the key a stands here a second time, first in line 1",
    ),
    "a long key twice": ("a = [\n1]\nb = 2\na = [\n1]\n", 5, "Cannot overwrite a value", "keep one of the two lines"),
    "a key in a value": ("a = 1\na.b = 2\n", 2, "Cannot overwrite a value", "the key a.b stands here a second time"),
    "a table with a key's name": ("web = 1\n[web]\n", 2, "Cannot overwrite a value", "has a value already"),
    "a table below a key": ("web = 1\n[web.auth]\n", 2, "Cannot overwrite a value", "has a value already"),
    "tables with a key's name": ("web = 1\n[[web]]\n", 2, "Cannot overwrite a value", "has a value already"),
    "a key twice in braces": ("a = {b = 1, b = 2}", 1, "Duplicate inline table key {}", "keep one of the two"),
    "a key in a value in braces": ("a = {b = 1, b.c = 2}", 1, "Cannot overwrite a value", "keep one of the two"),
    "a key into braces within braces": (
        "a = {b = {c = 1}, b.d = 2}",
        1,
        "Cannot mutate immutable namespace {}",
        "within the { }",
    ),
    "a key into braces": (
        "a = {b = 1}\na.c = 2\n",
        2,
        "Cannot mutate immutable namespace {}",
        "takes no key from outside",
    ),
    "a key under another heading": (
        "[a.b]\n[a]\nb.c = 1\n",
        3,
        "Cannot redefine namespace {}",
        "put the key under that heading",
    ),
    "no such day": (
        "baseline = 2026-02-30\n",
        1,
        "Invalid date or datetime",
        "there is no such day or time; write one that exists",
    ),
    "no such day with a time": (
        "at = 2026-02-30T10:00:00Z\n",
        1,
        "Invalid date or datetime",
        "there is no such day or time",
    ),
    "a percent sign": ("a = 20%\n", 1, "Expected newline or end of document after a statement", "a share as 0.2"),
    "a day without zeros": (
        "a = 2026-1-5\n",
        1,
        "Expected newline or end of document after a statement",
        "a day as 2026-01-31",
    ),
    "two values": ('a = "b" "c"\n', 1, "Expected newline or end of document after a statement", "one value a line"),
    "a quote that is missing": (
        'a = "b\nc = 1\n',
        1,
        "Illegal character {}",
        "a text is not closed; end it with the same quotes",
    ),
    "a single quote that is missing": ("a = 'b\nc = 1\n", 1, "Expected {}", "a text is not closed"),
    "a single quote before others": ("a = 'b\nc = 'd'\n", 1, "Found invalid character {}", "a text is not closed"),
    "text of an hour that is none": (
        "at = 2026-02-20T25:00:00Z\n",
        1,
        "Expected newline or end of document after a statement",
        "one value a line",
    ),
    "a quote that is missing at the end": ('c = 1\na = "b', 2, "Unterminated string", "a text is not closed"),
    "a single quote that is missing at the end": ("c = 1\na = 'b", 2, "Expected {}", "a text is not closed"),
    "three quotes that are missing": (
        'c = 1\na = """b\n\n\nd = 1\n',
        2,
        "Unterminated string",
        "a text is not closed",
    ),
    "three single quotes that are missing": (
        "c = 1\na = '''b\n\n\nd = 1\n",
        2,
        "Expected {}",
        "a text is not closed",
    ),
    "a control character in a text": (
        'a = "b\x07"\n',
        1,
        "Illegal character {}",
        "this line holds a control character",
    ),
    "a control character in a comment": ("# b\x07\n", 1, "Found invalid character {}", "control character"),
    "a list that is not closed": ('a = ["b"\nc = 1\n', 2, "Unclosed array", 'write it as ["a", "b"]'),
    "a list without a comma": ('a = ["b" "c"]\n', 1, "Unclosed array", "lacks a comma"),
    "braces that are not closed": ("a = {b = 1\n", 1, "Unclosed inline table", "write it in one line"),
    "a heading that is not closed": (
        "[a\nb = 1\n",
        1,
        "Expected ']' at the end of a table declaration",
        "as in [sources.jira]",
    ),
    "a heading with a space": (
        "[a b]\n",
        1,
        "Expected ']' at the end of a table declaration",
        "a name with spaces needs quotes",
    ),
    "a double heading that is not closed": (
        "[[a]\n",
        1,
        "Expected ']]' at the end of an array declaration",
        "heading is not closed",
    ),
    "a colon for the sign": (
        "a: 1\n",
        1,
        "Expected '=' after a key in a key/value pair",
        "there is no = after the key",
    ),
    "a word alone": ("a\n", 1, "Expected '=' after a key in a key/value pair", "there is no = after the key"),
    "a line of nothing known": ("* a\n", 1, "Invalid statement", "no key, no heading and no comment"),
    "a bracket alone": ("a = 1\n]\n", 2, "Invalid statement", "no key, no heading and no comment"),
    "a heading without a name": ("[]\n", 1, "Invalid initial character for a key part", "a name is missing here"),
    "a name that ends with a dot": (
        "[a.]\n",
        1,
        "Invalid initial character for a key part",
        "a name is missing here",
    ),
    "a path of Windows": (
        'a = "C:\\folders"\nb = "C:\\data"\n',
        2,
        "Unescaped '\\' in a string",
        "or use single quotes",
    ),
    "a path that ends with a backslash": (
        'a = """C:\\ x"""\n',
        1,
        "Unescaped '\\' in a string",
        "write \\\\ for a backslash",
    ),
    "a path with users": ('a = "C:\\users"\n', 1, "Invalid hex value", "write \\\\ for a backslash"),
    "half a character": (
        'a = "\\ud800"\n',
        1,
        "Escaped character is not a Unicode scalar value",
        "names no character",
    ),
}
"""Mistake -> the file's text, the line that is named, the parser's message, and words that a person reads."""


def messages() -> set[str]:
    """Return every message that this Python's tomllib can raise, from its source; {} stands for what varies."""
    found = set[str]()
    for node in ast.walk(ast.parse(inspect.getsource(_parser))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"suffixed_err", "TOMLDecodeError"}:
            found |= {_template(argument) for argument in node.args}
    return {template for template in found if template.strip("{} ()at")}


def _template(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in argument.values)
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""


def _is(message: str, template: str) -> bool:
    return re.fullmatch(re.escape(template).replace(r"\{\}", ".+"), message, re.DOTALL) is not None


def test_every_message_of_the_parser_has_an_example() -> None:
    """A later Python with another message is found here; until then its message is shown as it is."""
    assert messages() == {template for _, _, template, _ in MISTAKES.values()}


@pytest.mark.parametrize(("text", "line", "template", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_our_words_with_its_line(
    tmp_path: Path, text: str, line: int, template: str, words: str
) -> None:
    """The line is the one to look at, and only text without quotes is told to take quotes."""
    with pytest.raises(tomllib.TOMLDecodeError) as raised:
        tomllib.loads(text)
    message = str(raised.value).rpartition(" (at ")[0]
    assert _is(message, template)
    file = tmp_path / "capa-sync.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings(file, {})
    (problem,) = refused.value.problems
    assert problem.line == line
    assert words in f"{problem.what}; {problem.hint}"
    assert problem.hint
    assert message not in str(problem)
    assert "text needs quotes" not in problem.hint or template == "Invalid value"


def test_lines_of_windows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    """The file begins with the mark of such editors, too."""
    file = tmp_path / "capa-sync.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\na = 3\r\n")
    with pytest.raises(SettingsError, match=r":3: the key a stands here a second time, first in line 1; keep one"):
        load_settings(file, {})


def test_a_message_that_is_not_known_is_shown_without_a_hint() -> None:
    """A hint that does not fit costs more than none."""
    from capa_sync.settings.toml_words import toml_problem

    error = tomllib.TOMLDecodeError("Something new (at line 2, column 1)")
    assert str(toml_problem("a.toml", "x\ny\n", error)) == "a.toml:2: this is no TOML: Something new"
