"""Runs the tests inside a rule set and reports them, for `rules test` and before a changed rule set is used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from capa_sync.errors import Problem
from capa_sync.model.amounts import count_of
from capa_sync.model.finding import Mode
from capa_sync.model.light import light
from capa_sync.rules.cases import CaseResult, run_cases
from capa_sync.rules.mutations import mutants, unguarded
from capa_sync.rules.ruleset import RuleSet
from capa_sync.rules.survivors import MutantCheck, Survivor, check_mutants


@light
class TestReport:
    """The results of the tests inside a rule set.

    Attributes:
        results: one for each test. unguarded: conditions and texts whose change no test notices.
        mutants: what the tests notice of all mutants of each rule that passes them; None where that was not asked.
    """

    results: Sequence[CaseResult]
    unguarded: Sequence[Problem]
    mutants: Sequence[MutantCheck] | None = None

    @property
    def is_ok(self) -> bool:
        """Return whether every test passed and every condition and text is covered by a test."""
        return not self.problems

    @property
    def problems(self) -> list[Problem]:
        """Return what failed, as `file:line: what; hint`."""
        return [problem for result in self.results for problem in result.problems] + list(self.unguarded)

    @property
    def survivors(self) -> list[Survivor]:
        """Return the mutants that no test kills."""
        return [survivor for check in self.mutants or () for survivor in check.survivors]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        report = {
            "ok": self.is_ok and not self.survivors,
            "tests": [{"rule": r.rule, "case": r.case, "passed": r.passed} for r in self.results],
            "problems": [str(problem) for problem in self.problems],
        }
        if self.mutants is None:
            return report
        counts = {"tried": self._tried, "equal": self._equal, "survived": len(self.survivors)}
        return report | {"mutants": counts, "survivors": [survivor.as_dict() for survivor in self.survivors]}

    def lines(self) -> list[str]:
        """Return the report for people: one line for each rule, then each failure."""
        counts: dict[str, list[int]] = {}
        for result in self.results:
            count = counts.setdefault(result.rule, [0, 0])
            count[0] += result.passed
            count[1] += 1
        summary = [
            f"{rule}: {passed} of {count_of(total, 'test')} passed" for rule, (passed, total) in counts.items()
        ]
        problems = [str(problem) for problem in self.problems]
        return summary + problems + [str(survivor.problem) for survivor in self.survivors] + self._sum()

    @property
    def _tried(self) -> int:
        return sum(check.tried for check in self.mutants or ())

    @property
    def _equal(self) -> int:
        return sum(len(check.equal) for check in self.mutants or ())

    def _sum(self) -> list[str]:
        """Return what became of the mutants in one line; none where they were not asked for."""
        if self.mutants is None:
            return []
        killed = self._tried - self._equal - len(self.survivors)
        counts = f"{count_of(self._tried, 'mutant')}: {killed} killed, {self._equal} equal to their rule"
        left_out = len({result.rule for result in self.results}) - len(self.mutants)
        waiting = f"; of {count_of(left_out, 'rule')} with failing tests none was tried" if left_out else ""
        return [f"{counts}, {len(self.survivors)} survived{waiting}"]


TestReport.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def run_tests(
    ruleset: RuleSet, *, mutate: bool = False, progress: Callable[[int, int], None] | None = None
) -> TestReport:
    """Run the tests inside every rule file, drafts included, and the mutation check over those that pass.

    With `mutate` every mutant of a rule is tried, otherwise those alone of which a condition is negated or a text
    missing. With it, `progress` is called before each rule with the numbers of mutants that are done, and of all.
    """
    numbers = [len(list(mutants(rule))) for rule in ruleset.rules] if mutate and progress else []
    results: list[CaseResult] = []
    untested: list[Problem] = []
    checks: list[MutantCheck] = []
    for place, rule in enumerate(ruleset.rules):
        if numbers and progress:
            progress(sum(numbers[:place]), sum(numbers))
        own = run_cases(rule)
        results += own
        if not all(result.passed for result in own):
            continue
        if mutate:
            checks.append(check_mutants(rule))
        else:
            untested += unguarded(rule)
    return TestReport(results, untested, checks if mutate else None)


def failed_tests(ruleset: RuleSet, *, passed: Collection[str] = ()) -> list[Problem]:
    """Return the failures of the tests inside all rules but drafts; a rule with a failure must not be used.

    `passed` are ids of rules whose tests need not run again.
    """
    active = (rule for rule in ruleset.rules if rule.mode is not Mode.DRAFT and rule.id not in passed)
    return [problem for rule in active for result in run_cases(rule) for problem in result.problems]
