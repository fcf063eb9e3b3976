"""Proves that a rule's tests hold it in place: each condition turned round, and each text left out, must fail one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from capa_sync.errors import Problem
from capa_sync.rules.cases import CaseBook
from capa_sync.rules.conditions import Block, Line, negate
from capa_sync.rules.rule import Rule
from capa_sync.rules.wording import MessageTemplate, Variant


def mutants(rule: Rule) -> Iterator[tuple[Line, Rule]]:
    """Yield each line of `when` and `require`, and the rule with just that line negated."""
    for line in rule.when.lines:
        yield line, replace(rule, when=_negated(rule.when, line))
    for line in rule.require.lines:
        yield line, replace(rule, require=_negated(rule.require, line))


def mute(rule: Rule) -> Iterator[tuple[str, Variant, Rule]]:
    """Yield each text that depends on the record's state, with its key, and the rule without it."""
    for key, wording in (("message", rule.message), ("fix", rule.fix)):
        for variant in wording.variants[:-1]:
            rest = MessageTemplate(tuple(each for each in wording.variants if each is not variant))
            yield key, variant, replace(rule, message=rest) if key == "message" else replace(rule, fix=rest)


def _negated(block: Block, line: Line) -> Block:
    changed = negate(block, line)
    assert isinstance(changed, Block)  # noqa: S101 - a block stays a block
    return changed


def unguarded(rule: Rule) -> list[Problem]:
    """Return a problem for each condition whose opposite, and each text without which, all the rule's tests pass."""
    book = CaseBook(rule.cases)
    silent = [
        Problem(
            rule.file,
            variant.line,
            f"no test notices when this text of '{key}' is never said",
            "expect it in one with `says`",
        )
        for key, variant, mutant in mute(rule)
        if book.accepts(mutant)
    ]
    return silent + [
        Problem(
            rule.file, line.line, f"no test notices when '{line.text}' is turned round", "add a test that needs it"
        )
        for line, mutant in mutants(rule)
        if book.accepts(mutant)
    ]
