"""Numbers in sentences: one is one, an age is never negative, and no line words its own plural."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from capa_sync.model.amounts import ago, count_of

ROOT = Path(__file__).resolve().parents[2]
NOUNS = (
    "action",
    "change",
    "check",
    "comment",
    "entry",
    "field",
    "finding",
    "label",
    "problem",
    "record",
    "rule",
    "second",
    "source",
    "test",
    "ticket",
    "verdict",
    "warning",
    "write",
)
_PLURAL = re.compile(rf" (?:[a-z]+ )?(?:{'|'.join(count_of(2, noun)[2:] for noun in NOUNS)})\b")


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "ticket", "0 tickets"),
        (1, "ticket", "1 ticket"),
        (2, "ticket", "2 tickets"),
        (1, "open finding", "1 open finding"),
        (12, "open finding", "12 open findings"),
        (2, "history entry", "2 history entries"),
        (3, "day", "3 days"),
    ],
)
def test_a_count_agrees_with_its_noun(number: int, noun: str, words: str) -> None:
    """One is singular, everything else plural."""
    assert count_of(number, noun) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.4, "0 s ago"),
        (-30.0, "0 s ago"),
        (0.0, "0 s ago"),
        (0.6, "1 s ago"),
        (119.4, "119 s ago"),
        (120.0, "2 min ago"),
        (7_199.0, "119 min ago"),
        (7_200.0, "2 h ago"),
        (172_799.0, "47 h ago"),
        (172_800.0, "2 days ago"),
    ],
)
def test_an_age_is_told_in_a_unit_that_fits_and_is_never_negative(seconds: float, words: str) -> None:
    """A clock that differs by a moment makes no age below zero."""
    assert ago(seconds) == words


def sentences(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each f-string that puts a value right before a plural noun.

    A constant of the code is no count: its noun is right as it is written.
    """
    for node in ast.walk(tree):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for value, text in pairwise(parts):
            if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                continue
            is_constant = re.fullmatch(r"_?[A-Z_]+|.*[._][A-Z_]+", ast.unparse(value.value))
            if _PLURAL.match(str(text.value)) and not is_constant and not _is_name(value.value):
                yield node.lineno, ast.unparse(node)


def _is_name(value: ast.expr) -> bool:
    """Tell whether a value is worded, and no number: a joined list, an adjective chosen before."""
    return isinstance(value, ast.Call) and "join" in ast.unparse(value.func)


def test_no_line_puts_a_number_before_a_plural_by_hand() -> None:
    """Every count in a sentence for people goes through `count_of`."""
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for file in sorted((ROOT / "capa_sync").rglob("*.py"))
        if "sandbox" not in file.parts
        for line, text in sentences(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_no_file_makes_a_plural_of_its_own() -> None:
    """The `s` of a plural is added in one place."""
    by_hand = re.compile(r"""['"]s?['"] if [^:]*== 1 else ['"]s?['"]|else f"\{\w+\} \{\w+\}s\"""")
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in sorted((ROOT / "capa_sync").rglob("*.py"))
        if file.name != "amounts.py" and "sandbox" not in file.parts
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if by_hand.search(line)
    ]
    assert found == []
