"""The mutants that no test of a rule kills, each with a test that would; mutants that equal the rule are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.errors import Problem
from capa_sync.model.light import light
from capa_sync.rules.cases import CaseBook
from capa_sync.rules.kills import Tries
from capa_sync.rules.mutations import REQUIRE, SCOPE, Mutant, mutants
from capa_sync.rules.rule import Rule
from capa_sync.rules.same_truth import Given, same_truth

_NOT_TRUE = (False, None)
_NO_TRY = "add a test in which this decides"
"""Where no test was found: one that needs several edits, or a text of certain words."""


@light
class Survivor:
    """A mutant that no test kills.

    Attributes:
        rule: the id of the rule. problem: the change with its place, and as hint a test that would kill it.
    """

    rule: str
    problem: Problem

    def as_dict(self) -> dict[str, str | int]:
        """Return the survivor as JSON-able data."""
        problem = self.problem
        return {
            "rule": self.rule,
            "file": problem.file,
            "line": problem.line,
            "change": problem.what,
            "test": problem.hint,
        }


@light
class MutantCheck:
    """What the tests of a rule notice of its mutants.

    Attributes:
        tried: how many there are. equal: those that certainly give every record the verdict of the rule.
    """

    tried: int
    equal: Sequence[Mutant]
    survivors: Sequence[Survivor]


def check_mutants(rule: Rule) -> MutantCheck:
    """Return what the tests of a rule notice of its mutants; the rule itself passes them."""
    book = CaseBook(rule.cases)
    tried = list(mutants(rule))
    accepted = [mutant for mutant in tried if book.accepts(mutant.rule)]
    equal, alive = _parted(rule, accepted)
    tries = Tries(rule) if alive else None
    survivors = [_survivor(rule, mutant, tries.kill(mutant) if tries else "") for mutant in alive]
    return MutantCheck(len(tried), equal, survivors)


def _parted(rule: Rule, accepted: Iterable[Mutant]) -> tuple[list[Mutant], list[Mutant]]:
    """Return the mutants that are equal to their rule, and the others."""
    equal: list[Mutant] = []
    others: list[Mutant] = []
    for mutant in accepted:
        (equal if is_equal(rule, mutant) else others).append(mutant)
    return equal, others


def _survivor(rule: Rule, mutant: Mutant, kill: str) -> Survivor:
    problem = Problem(rule.file, mutant.line, f"no test notices when {mutant.what}", kill or _NO_TRY)
    return Survivor(rule.id, problem)


def is_equal(rule: Rule, mutant: Mutant) -> bool:
    """Return whether it is certain that a mutant gives every record the verdict of the rule."""
    before, after = mutant.before, mutant.after
    if before is None or after is None:
        return False
    if mutant.key in SCOPE:
        return same_truth(rule.scope, mutant.rule.scope)
    applies = Given(rule.scope, (True,))
    if mutant.key == REQUIRE:
        return not _names_lines(rule) and same_truth(before, after, [applies])
    broken = Given(rule.require, (False,))
    earlier = _asked_before(rule, mutant)
    return any(
        same_truth(before, after, given, only_true=True)
        for given in ((), earlier, (broken, *earlier), (applies, *earlier), (applies, broken, *earlier))
    )


def _names_lines(rule: Rule) -> bool:
    """Return whether it matters which of several lines are broken: a text or the repair depends on them."""
    texts = (variant.sentence for template in (rule.message, rule.fix) for variant in template.variants)
    return rule.if_repaired is not None or any("missing" in text.slots for text in texts)


def _asked_before(rule: Rule, mutant: Mutant) -> list[Given]:
    """Return the conditions of the texts before the one whose condition was changed: none of them is true."""
    if mutant.key not in {"message", "fix"}:
        return []
    found: list[Given] = []
    for variant in getattr(rule, mutant.key).variants:
        if variant.when is mutant.before or variant.when is None:
            break
        found.append(Given(variant.when, _NOT_TRUE))
    return found
