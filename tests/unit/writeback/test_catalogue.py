"""What is written on tickets comes from one catalogue per area; the modules that fill it in hold no sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import capa_sync

PACKAGE = Path(capa_sync.__file__).parent
CATALOGUES = ("model/comment_texts.py", "rules/sentences.py")
"""The texts for tickets, and those of verdicts."""
ALWAYS = ("rules/gates.py", "rules/wording.py")
"""Modules that make texts from the words of a rule, without a catalogue."""
_MADE_OF = {"Paragraph", "Span", "WarningText"}
"""What the text of a ticket consists of."""
ELSEWHERE = {
    "rules/comment_texts.py": "mistakes in language files",
    "rules/language_files.py": "mistakes in language files",
    "rules/languages.py": "words by which a language is recognised",
    "rules/page.py": "the page of `rules wording`",
    "rules/phrases/registered.py": "mistakes of another distribution",
    "rules/placeholders.py": "the list of placeholders for authors of rules",
    "rules/states.py": "sample tickets of `rules wording`",
    "rules/translating.py": "mistakes in language files",
    "sources/servicenow/markup.py": "names of HTML's tags: it reads texts, and makes none",
    "wiring/configuration.py": "mistakes in settings",
    "wiring/runtimes.py": "lines of `status` and `doctor`",
    "writeback/guard.py": "reasons of the brakes, for `plan`, `status` and the log",
    "writeback/samples.py": "sample tickets of `rules wording`",
}
"""Modules that are found, and whose sentences go to people who run capa-sync -> where these appear."""
NOT_ON_TICKETS: dict[str, set[str]] = {
    "rules/context.py": {"the record"},  # a reason of "cannot tell", in the register
    "rules/phrases/actions.py": {"due date"},  # the English name of a field
    "rules/phrases/order.py": {"first filled", "first started", "first reached", "last reached", "was one of "},
    "sources/jira/writer.py": {
        ": Jira's answers about our comment ",
        " contradict each other",
        ": Jira accepted the labels and did not set them",
    },
    "sources/servicenow/writer.py": {"the instance accepted the write but ", "left as it was", "cut at "},
    "writeback/desired_state.py": {"so far"},  # a name
    "writeback/deliver.py": {
        "its answer was lost, and the tracker does not have it",
        "its answer was lost, and the ticket has another text in its place",
    },
    "writeback/plan.py": {
        "a person edited the ticket a moment ago",
        "people were notified within the last day",
        "whether the last notification arrived is not known yet",
        "the ticket was closed before the baseline date",
        "a person deleted our comment twice",
        "the ticket is ",
        "an action of ",
    },
    "writeback/reported.py": {
        "left in peace: a person deleted our comment twice",
        "a person deleted our comment, and nothing is open that would bring it back",
    },
    "writeback/withdrawal.py": {"the ticket is "},
}
"""Module -> its texts that are no sentence of a ticket: errors that a helper raises, facts behind a verdict, why a
write waits or was refused."""
_TWO_WORDS = re.compile(r"[A-Za-z]{2,} .*?[A-Za-z]{2,} ?")


_DECLARED_BY = {"phrase", "Phrase", "Problem", "UserError"}
"""Calls that take sentences for authors of rules and for people who run capa-sync."""


def sentences(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of two words and more in a module.

    Left out are docstrings, errors that it raises, patterns, and what phrases say about themselves to authors.
    """
    left_out = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Raise, ast.Assert))
        or (isinstance(node, ast.Expr) and _is_text(node.value))
        or (isinstance(node, ast.Call) and _name(node.func) in _DECLARED_BY)
        for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if _is_text(node) and id(node) not in left_out and _TWO_WORDS.search(node.value):  # type: ignore[attr-defined]
            yield node.value  # type: ignore[attr-defined]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def is_worded(module: str, tree: ast.AST) -> bool:
    """Tell whether a module makes texts of a ticket: it writes on tickets, or uses a catalogue or parts of a text."""
    if module in CATALOGUES:
        return False
    imported = {
        (str(node.module), name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    return (
        module.startswith("writeback/")
        or module in ALWAYS
        or (module.startswith("sources/") and module.endswith(("/writer.py", "/markup.py")))
        or any(place == "capa_sync.model.comment_texts" or name in _MADE_OF for place, name in imported)
        or ("capa_sync.rules", "sentences") in imported
        or any(isinstance(node, ast.Attribute) and node.attr == "sentences" for node in ast.walk(tree))
    )


@cache
def modules() -> dict[str, ast.AST]:
    """Return the modules that make texts of a ticket, from the verdict to the tracker's markup."""
    parsed = {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
    }
    return {module: tree for module, tree in sorted(parsed.items()) if is_worded(module, tree)}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ('rest = f" (as of {day}): this ticket is an action"', True),
        ('note = "no open warnings"', True),
        ('"""A docstring of many words."""', False),
        ('raise ValueError("a message for the log")', False),
        ('color = "red"', False),
        ('phrase("at most N are open", "So many or fewer are not done.")', False),
        ('Problem("", 0, "there is no file", "look at the name")', False),
        ('said("there is no file")', True),
    ],
)
def test_a_sentence_is_recognised(code: str, found: bool) -> None:
    """What the next test looks for, and what it leaves alone."""
    assert bool([*sentences(ast.parse(code))]) == found


@pytest.mark.parametrize(
    ("module", "code", "is_found"),
    [
        ("daemon/new.py", "from capa_sync.model.comment_texts import ENGLISH", True),
        ("daemon/new.py", "found = context.texts.sentences.move", True),
        ("daemon/new.py", "from capa_sync.rules import sentences as say", True),
        ("sources/new/sending.py", "from capa_sync.model.write import Paragraph", True),
        ("sources/new/writer.py", "", True),
        ("writeback/new.py", "", True),
        ("store/new.py", "from capa_sync.model.write import Write", False),
    ],
)
def test_a_module_that_makes_texts_of_a_ticket_is_found(module: str, code: str, is_found: bool) -> None:
    """What the next tests look into, also in a package or a kind of source that is new."""
    assert is_worded(module, ast.parse(code)) == is_found


def test_sentences_for_tickets_stand_in_the_catalogues_alone() -> None:
    """Whoever changes a wording, or checks what we write in somebody's tracker, reads one file per area."""
    found = {
        module: [text for text in sentences(tree) if text not in NOT_ON_TICKETS.get(module, ())]
        for module, tree in modules().items()
        if module not in ELSEWHERE
    }
    assert {module: texts for module, texts in found.items() if texts} == {}


def test_the_exceptions_are_still_there() -> None:
    """A module without sentences leaves the list, and so does a sentence that nothing says any more."""
    assert [module for module in ELSEWHERE if not list(sentences(modules()[module]))] == []
    for module, texts in NOT_ON_TICKETS.items():
        assert texts <= set(sentences(modules()[module])), module
