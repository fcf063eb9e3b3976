"""Runs the tests inside rule files and describes their results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.errors import Problem
from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.light import light
from capa_sync.model.record import CapaRecord
from capa_sync.rules.calendar import calendar_for
from capa_sync.rules.case import Case, Expect, When
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge
from capa_sync.rules.replay import instant, replay
from capa_sync.rules.rule import Rule, Rung
from capa_sync.rules.terms import Terms


@light
class CaseResult:
    """The result of one test of a rule; `problems` is empty when the test passed."""

    rule: str
    case: str
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        """Return whether every expectation was met."""
        return not self.problems


class CaseBook:
    """The tests of a rule, their timelines replayed once, so that mutants of the rule can be tested fast."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._moments: list[tuple[Case, list[tuple[Expect, CapaRecord | None]]]] = [
            (case, [(expect, replay(case, instant(case, expect.when))) for expect in case.expects]) for case in cases
        ]
        self._opened: dict[tuple[Rung, ...], list[tuple[Case, Expect, Context]]] = {}

    def run(self, rule: Rule) -> list[CaseResult]:
        """Return the result of each test against a rule."""
        return [
            CaseResult(rule.id, case.name, tuple(p for e, record in moments for p in _check(rule, case, e, record)))
            for case, moments in self._moments
        ]

    def accepts(self, rule: Rule) -> bool:
        """Return whether a rule, or a mutant of it, passes every test.

        A context caches what a record answers, so mutants share the contexts; a context also caches verdicts of a
        rule's first severity, so mutants with another ladder have contexts of their own.
        """
        opened = self._opened.get(rule.severity)
        if opened is None:
            opened = self._opened[rule.severity] = [
                (case, expect, opened_at(case, expect, record))
                for case, moments in self._moments
                for expect, record in moments
                if record is not None
            ]
        return not any(_differences(case, expect, judge(rule, context)) for case, expect, context in opened)


def run_cases(rule: Rule) -> list[CaseResult]:
    """Return the results of a rule's own tests."""
    return CaseBook(rule.cases).run(rule)


def opened_at(case: Case, expect: Expect, record: CapaRecord) -> Context:
    """Return the context in which a record is evaluated on a day of a test."""
    return open_record(record, instant(case, expect.when), Terms(case.options))


def verdict_at(rule: Rule, case: Case, expect: Expect, record: CapaRecord) -> Verdict:
    """Return the verdict of a rule on a day of a test."""
    return judge(rule, opened_at(case, expect, record))


def _check(rule: Rule, case: Case, expect: Expect, record: CapaRecord | None) -> Sequence[Problem]:
    if record is None:
        return [Problem(rule.file, expect.line, f"{case.name}: on {_day(expect.when)} there is no ticket yet")]
    verdict = verdict_at(rule, case, expect, record)
    return [
        Problem(rule.file, expect.line, f"{case.name}: on {_day(expect.when)} {what}")
        for what in _differences(case, expect, verdict)
    ]


def _differences(case: Case, expect: Expect, verdict: Verdict) -> list[str]:
    found: list[str] = []
    if verdict.outcome is not expect.outcome:
        why = f" ({verdict.reason})" if verdict.reason else ""
        found.append(f"expected '{_words(expect.outcome)}', the rule says '{_words(verdict.outcome)}'{why}")
    if expect.severity is not None and verdict.severity is not expect.severity:
        found.append(f"expected severity {expect.severity}, it is {verdict.severity}")
    said = f"{verdict.message} {verdict.fix} {verdict.reason}"
    found += [f"expected it to say '{text}', it says '{said.strip()}'" for text in expect.says if text not in said]
    if expect.hides is not None and set(expect.hides) != set(verdict.hides):
        found.append(f"expected it to hide {list(expect.hides)}, it hides {list(verdict.hides)}")
    again = _next_due_at(case, expect, verdict)
    return found + ([again] if again else [])


def _next_due_at(case: Case, expect: Expect, verdict: Verdict) -> str:
    if not expect.next_due_at:
        return ""
    due = verdict.next_due
    if due is None:
        return (
            ""
            if expect.next_due_at == "never"
            else f"expected to look again on {_day(expect.next_due_at)}, not never"
        )
    local = calendar_for(case.options.timezone, case.options.holidays).local(due)
    if isinstance(expect.next_due_at, When):
        wanted = expect.next_due_at
        if local.date() == wanted.day and (wanted.time is None or local.time() == wanted.time):
            return ""
    return f"expected to look again: {_day(expect.next_due_at)}; it is {local:%Y-%m-%d %H:%M}"


def _day(when: When | str) -> str:
    if isinstance(when, str):
        return when
    return f"{when.day}" + (f" {when.time:%H:%M}" if when.time else "")


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")
