"""The mutation check of a rule's tests: a negated condition and a removed text must each make one of them fail."""

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


def without_a_text(rule: Rule) -> Iterator[tuple[str, Variant, Rule]]:
    """Yield each text that depends on the state of the record, with its key, and the rule without that text."""
    for key, template in (("message", rule.message), ("fix", rule.fix)):
        for variant in template.variants[:-1]:
            rest = MessageTemplate(tuple(other for other in template.variants if other is not variant))
            yield key, variant, replace(rule, message=rest) if key == "message" else replace(rule, fix=rest)


def _negated(block: Block, line: Line) -> Block:
    changed = negate(block, line)
    assert isinstance(changed, Block)  # noqa: S101 - a block stays a block
    return changed


def unguarded(rule: Rule) -> list[Problem]:
    """Return a problem for each condition that can be negated, and each text that can be removed, unnoticed."""
    book = CaseBook(rule.cases)
    untested = [
        Problem(
            rule.file,
            variant.line,
            f"no test notices when this text of '{key}' is never said",
            "expect it in one with `says`",
        )
        for key, variant, mutant in without_a_text(rule)
        if book.accepts(mutant)
    ]
    return untested + [
        Problem(rule.file, line.line, f"no test notices when '{line.text}' is negated", "add a test that needs it")
        for line, mutant in mutants(rule)
        if book.accepts(mutant)
    ]
