"""Lets a process of the tests read the text of a rule once: hundreds of tests load the same 36 files.

A text that was read without a mistake gives the same rule again, under the name of its file; and the tests inside it
are run once. Any other text is read as always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from capa_sync.rules import loader, report
from capa_sync.rules.case import Case
from capa_sync.rules.phrases.table import Vocabulary
from capa_sync.rules.rule import Rule
from capa_sync.rules.yaml_lines import Problems

_PARTS = [part.name for part in fields(Rule) if part.name != "file"]


def read_each_rule_once() -> None:
    """Put a memory before the reading of rules and the running of their tests."""
    read, run = loader.read_rule, report.run_cases
    rules: dict[str, tuple[Vocabulary, Rule]] = {}
    results: dict[tuple[int, ...], tuple[Rule, Any]] = {}

    def read_rule(
        text: str, file: str, vocabulary: Vocabulary, problems: Problems, cases: Sequence[Case] | None = None
    ) -> Rule | None:
        known = rules.get(text)
        if known is not None and known[0] is vocabulary:
            return replace(known[1], file=file, cases=known[1].cases if cases is None else cases)
        rule = read(text, file, vocabulary, problems, cases)
        if rule is not None and not problems.found:
            rules[text] = vocabulary, rule
        return rule

    def run_cases(rule: Rule) -> Any:
        parts = tuple(id(getattr(rule, part)) for part in _PARTS)
        if parts in results:
            return results[parts][1]
        found = run(rule)
        if all(result.passed for result in found):
            results[parts] = rule, found
        return found

    loader.read_rule, report.run_cases = read_rule, run_cases
