"""Rules in words for people who do not read rule files: when a rule applies, and what it then requires."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from capa_sync.model.page import RuleWords
from capa_sync.rules.conditions import Block, Condition, Join, Line
from capa_sync.rules.profiles import PROFILES, STANDARDS
from capa_sync.rules.rule import Rule
from capa_sync.rules.ruleset import RuleSet

_JOINED: Mapping[Join, str] = {
    Join.ALL: "all of these:",
    Join.ANY: "at least one of these:",
    Join.NONE: "none of these:",
}

_TESTS = re.compile(r"""(["']?)tests\1\s*:""")
_KEY = re.compile(r"[^\s#\-\]}]")
"""The begin of a line that is neither indented, nor a comment, nor a member of a list or its end."""


def rules_in_words(rules: RuleSet) -> tuple[RuleWords, ...]:
    """Return every rule in words, drafts included, in the order of the pack; clauses are those of the profile."""
    standard = PROFILES[rules.options.profile].standard
    return tuple([_rule_in_words(rule, standard, rules.texts.get(rule.id, "")) for rule in rules.rules])


def cases_text(text: str) -> str:
    """Return the tests of a rule file as they stand there, with their comments; the whole text where it is a flow.

    They end where a line begins with the next key of the file.
    """
    lines = text.splitlines(keepends=True)
    begin = next((number for number, line in enumerate(lines) if _TESTS.match(line)), None)
    if begin is None:
        return text.rstrip()
    end = next((number for number in range(begin + 1, len(lines)) if _KEY.match(lines[number])), len(lines))
    return "".join(lines[begin:end]).rstrip()


def _rule_in_words(rule: Rule, standard: str, text: str) -> RuleWords:
    cited = standard if standard in rule.clause else next(iter(rule.clause), "")
    return RuleWords(
        id=rule.id,
        number=rule.number,
        title=rule.title,
        clause=f"{STANDARDS.get(cited, cited)} {rule.clause[cited]}" if cited else "",
        mode=str(rule.mode),
        severity=_ladder(rule),
        applies=tuple(_members(rule.scope, 0)),
        requires=tuple(_members(rule.require, 0)),
        tests=len(rule.cases),
        tests_text=cases_text(text) if rule.cases else "",
    )


def _ladder(rule: Rule) -> str:
    """Return the severities: the first without a condition, then each with its own."""
    return ", ".join(
        str(rung.severity)
        if rung.when is None
        else f"{rung.severity} when {'; '.join(text for _, text in _lines(rung.when, 0))}"
        for rung in rule.severity
    )


def _members(block: Block, depth: int) -> Iterator[tuple[int, str]]:
    for member in block.members:
        yield from _lines(member, depth)


def _lines(condition: Condition, depth: int) -> Iterator[tuple[int, str]]:
    if isinstance(condition, Line):
        yield depth, f"{condition.subject.label}: {condition.sentence.replace('_', ' ')}"
        return
    yield depth, _JOINED[condition.join]
    yield from _members(condition, depth + 1)
