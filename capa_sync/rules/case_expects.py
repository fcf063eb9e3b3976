"""Reads what a test inside a rule file expects: results on days, with severity, words and the next due instant."""

from __future__ import annotations

from datetime import date

from capa_sync.model.finding import Outcome, Severity
from capa_sync.rules.case import Expect, When
from capa_sync.rules.key_words import EXPECT_WORDS, RESULT_WORDS
from capa_sync.rules.reading import check_keys, items_of, names_of, when_of, word_of
from capa_sync.rules.yaml_lines import Items, Problems, Text, Tree, YamlTable

EXPECT_KEYS = ("day", "result", "severity", "says", "look_again", "hides")
RESULTS = {outcome.value.replace("_", " "): outcome for outcome in Outcome}


def read_expects(tree: YamlTable, problems: Problems) -> tuple[Expect, ...]:
    """Return what a test expects; record each mistake with its line."""
    members = items_of(tree.get("expect"), "expect", problems)
    if not members:
        problems.add(tree.line, "the test expects nothing", "add `expect:` with a day and a result")
    created = _day_of_creation(tree)
    return tuple(expect for member in members if (expect := _expect(member, created, problems)) is not None)


def _expect(tree: Tree, created: date | None, problems: Problems) -> Expect | None:
    if not isinstance(tree, YamlTable):
        problems.add(tree.line, "cannot read this in 'expect'", "such as `{day: 2026-03-05, result: ok}`")
        return None
    meant = check_keys(tree, EXPECT_KEYS, "an expectation has no key", problems, EXPECT_WORDS)
    if meant & {"day", "result"}:
        return None
    when = when_of(tree.get("day"), "day", problems, tree.line)
    result = word_of(tree.get("result"), RESULTS, "result", problems, tree.line, RESULT_WORDS)
    severity, hides = tree.get("severity"), tree.get("hides")
    words = [s.value for s in Severity]
    word = word_of(severity, words, "severity", problems, tree.line) if severity else ""
    says = names_of(tree.get("says"), "says", problems)
    for text in says:
        if not text.value.strip():
            problems.add(text.line, "an empty 'says' can never fail", "write a part of the text, or leave it out")
    if when is None or not result:
        return None
    if created is not None and when.day < created:
        problems.add(tree.line, f"on {when.day} there is no ticket yet", f"its first row is of {created}")
    return Expect(
        when=when,
        line=tree.line,
        outcome=RESULTS[result],
        severity=Severity(word) if word else None,
        says=tuple(text.value for text in says),
        next_due_at=_next_due_at(tree.get("look_again"), problems),
        hides=tuple(t.value for t in names_of(hides, "hides", problems)) if hides else None,
    )


def _next_due_at(tree: Tree | None, problems: Problems) -> When | str:
    if tree is None:
        return ""
    if isinstance(tree, Text) and tree.value == "never":
        return "never"
    return when_of(tree, "look_again", problems, tree.line) or ""


def _day_of_creation(tree: YamlTable) -> date | None:
    """Return the day of the first row of a test, None where it cannot be read (which is reported elsewhere)."""
    rows = tree.get("timeline")
    first = rows.members[0] if isinstance(rows, Items) and rows.members else None
    day = first.get("day") if isinstance(first, YamlTable) else None
    try:
        return date.fromisoformat(day.value[:10]) if isinstance(day, Text) else None
    except ValueError:
        return None
