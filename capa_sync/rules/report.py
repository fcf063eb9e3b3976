"""Runs the tests inside a rule set and reports them, for `rules test` and before a changed rule set is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from capa_sync.errors import Problem
from capa_sync.model.amounts import count_of
from capa_sync.model.finding import Mode
from capa_sync.rules.cases import CaseResult, run_cases
from capa_sync.rules.mutations import unguarded
from capa_sync.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class TestReport:
    """The results of the tests inside a rule set.

    Attributes:
        results: one for each test. unguarded: conditions and texts whose change no test notices.
    """

    results: Sequence[CaseResult]
    unguarded: Sequence[Problem]

    @property
    def is_ok(self) -> bool:
        """Return whether every test passed and every condition and text is covered by a test."""
        return not self.problems

    @property
    def problems(self) -> list[Problem]:
        """Return what failed, as `file:line: what; hint`."""
        return [problem for result in self.results for problem in result.problems] + list(self.unguarded)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-able data."""
        return {
            "ok": self.is_ok,
            "tests": [{"rule": r.rule, "case": r.case, "passed": r.passed} for r in self.results],
            "problems": [str(problem) for problem in self.problems],
        }

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
        return summary + [str(problem) for problem in self.problems]


TestReport.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def run_tests(ruleset: RuleSet) -> TestReport:
    """Run the tests inside every rule file, drafts included, and the mutation check over those that pass."""
    results: list[CaseResult] = []
    untested: list[Problem] = []
    for rule in ruleset.rules:
        own = run_cases(rule)
        results += own
        if all(result.passed for result in own):
            untested += unguarded(rule)
    return TestReport(results, untested)


def failed_tests(ruleset: RuleSet) -> list[Problem]:
    """Return the failures of the tests inside all rules but drafts; a rule with a failure must not be used."""
    active = (rule for rule in ruleset.rules if rule.mode is not Mode.DRAFT)
    return [problem for rule in active for result in run_cases(rule) for problem in result.problems]
