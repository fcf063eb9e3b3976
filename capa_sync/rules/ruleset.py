"""A loaded rule set: judges records, runs its own tests, and says what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from capa_sync.errors import Problem
from capa_sync.model.finding import Mode, Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules.cases import CaseResult, run_cases
from capa_sync.rules.context import Terms
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge, look_again
from capa_sync.rules.mutations import unguarded
from capa_sync.rules.rule import Rule


class RuleSet:
    """Rules ready to judge; implements `ports.Judge`.

    Attributes:
        rules: by id, in the order of the pack, then by name. hash: SHA-256 over files and options that matter;
            stored with what was judged by it.
    """

    def __init__(self, rules: Iterable[Rule], options: JudgeOptions, digest: str) -> None:
        ordered = sorted(rules, key=lambda rule: (rule.number or 1000, rule.id))
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in ordered}
        self.options = options
        self.hash = digest
        self._terms = Terms(options)
        self._active = [rule for rule in ordered if rule.mode is not Mode.DRAFT]

    def evaluate(
        self, record: CapaRecord, now: datetime, options: JudgeOptions | None = None, *, explain: bool = False
    ) -> list[Verdict]:
        """Return one verdict per rule that is not a draft, at `now`.

        Other `options` than those of loading judge under other settings, for what-if; `explain` adds the evidence
        and reasons of rules that are ok or not applicable, which costs several times as much.
        """
        terms = self._terms if options is None or options == self.options else Terms(options)
        context = open_record(record, now, terms)
        return [judge(rule, context, explain=explain) for rule in self._active]

    @staticmethod
    def look_again(verdicts: Iterable[Verdict]) -> datetime | None:
        """Return the earliest instant at which any of a record's verdicts may turn by time alone, None never."""
        return look_again(verdicts)

    def reads(self) -> Mapping[str, frozenset[str]]:
        """Return rule -> subjects that it reads, for "rules that can never run with this mapping"."""
        return {rule.id: rule.reads for rule in self._active}


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the tests inside a rule set came to.

    Attributes:
        results: each test. unguarded: conditions of `when` and `require` that no test holds in place.
    """

    results: Sequence[CaseResult]
    unguarded: Sequence[Problem]

    @property
    def passed(self) -> bool:
        """Tell whether every test passed and every condition is held in place."""
        return not self.problems

    @property
    def problems(self) -> list[Problem]:
        """Return what failed, as `file:line: what; hint`."""
        return [problem for result in self.results for problem in result.problems] + list(self.unguarded)

    def lines(self) -> list[str]:
        """Return the report for people: one line a rule, then each failure."""
        counts: dict[str, list[int]] = {}
        for result in self.results:
            count = counts.setdefault(result.rule, [0, 0])
            count[0] += result.passed
            count[1] += 1
        told = [f"{rule}: {passed} of {total} tests passed" for rule, (passed, total) in counts.items()]
        return told + [str(problem) for problem in self.problems]


TestReport.__test__ = False  # type: ignore[attr-defined]  # not a class of tests


def run_tests(ruleset: RuleSet) -> TestReport:
    """Run the tests inside every rule file, drafts included, and the mutation check over those that pass."""
    results: list[CaseResult] = []
    loose: list[Problem] = []
    for rule in ruleset.rules.values():
        own = run_cases(rule)
        results += own
        if all(result.passed for result in own):
            loose += unguarded(rule)
    return TestReport(results, loose)
