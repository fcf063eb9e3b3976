"""What is written on tickets comes from one catalogue per area; the modules that fill it in hold no sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import capa_sync

PACKAGE = Path(capa_sync.__file__).parent
WORDED = (
    "writeback/render.py",
    "writeback/wording.py",
    "writeback/desired_state.py",
    "rules/words.py",
    "rules/wording.py",
    "rules/evaluate.py",
    "rules/moments.py",
    "rules/gates.py",
    "sources/jira/markup.py",
)
"""The modules that make the texts of a ticket, from the verdict to the tracker's markup."""
NOT_ON_TICKETS = {
    "January February March April May June July August September October November December",
    "off for this grade in the profile ",  # reasons of verdicts that warn of nothing
    "broken only before ",
    "so far",  # a name
}
_TWO_WORDS = re.compile(r"[A-Za-z]{2,} .*?[A-Za-z]{2,} ?")


def sentences(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of two words and more in a module, but for docstrings, and for errors that it raises."""
    left_out = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Raise, ast.Assert)) or (isinstance(node, ast.Expr) and _is_text(node.value))
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if _is_text(node) and id(node) not in left_out and _TWO_WORDS.search(node.value):  # type: ignore[attr-defined]
            yield node.value  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('rest = f" (as of {day}): this ticket is an action"', True),
        ('note = "no open warnings"', True),
        ('"""A docstring of many words."""', False),
        ('raise ValueError("a message for the log")', False),
        ('color = "red"', False),
    ],
)
def test_a_sentence_is_recognised(code: str, found: bool) -> None:
    """What the next test looks for, and what it leaves alone."""
    assert bool([*sentences(ast.parse(code))]) == found


@pytest.mark.parametrize("module", WORDED)
def test_sentences_for_tickets_stand_in_the_catalogues_alone(module: str) -> None:
    """Whoever changes a wording, or checks what we write in somebody's tracker, reads one file per area."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    assert [text for text in sentences(tree) if text not in NOT_ON_TICKETS] == []
