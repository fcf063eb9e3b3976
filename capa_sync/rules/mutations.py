"""Proves that a rule's tests hold it in place: each condition of `when` and `require`, negated, must fail one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from capa_sync.errors import Problem
from capa_sync.rules.cases import CaseBook
from capa_sync.rules.conditions import Block, Line, negate
from capa_sync.rules.rule import Rule


def mutants(rule: Rule) -> Iterator[tuple[Line, Rule]]:
    """Yield each line of `when` and `require`, and the rule with just that line negated."""
    for line in rule.when.lines:
        yield line, replace(rule, when=_negated(rule.when, line))
    for line in rule.require.lines:
        yield line, replace(rule, require=_negated(rule.require, line))


def _negated(block: Block, line: Line) -> Block:
    changed = negate(block, line)
    assert isinstance(changed, Block)  # noqa: S101 - a block stays a block
    return changed


def unguarded(rule: Rule) -> list[Problem]:
    """Return a problem for each condition whose opposite passes all the rule's tests just as well."""
    book = CaseBook(rule.cases)
    return [
        Problem(
            rule.file, line.line, f"no test notices when '{line.text}' is turned round", "add a test that needs it"
        )
        for line, mutant in mutants(rule)
        if book.accepts(mutant)
    ]
