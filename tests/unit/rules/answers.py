"""All that the compiled test of a phrase returns of a record, as text that a table of a test can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

import pytest

from capa_sync.model.finding import Evidence
from capa_sync.rules.conditions import TRUTH_WORDS
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.moments import Clocked
from capa_sync.rules.phrases.phrase import Test
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from tests.unit.rules import lives

case_of = lru_cache(lives.case_of)


@dataclass(frozen=True)
class Answers:
    """What lines say of one record.

    Attributes:
        life: the record, as in a rule file. when: the day, or the local time.
        changes: other attributes of the record.
        table: each line, and indented below it what its test answers: its truth and what it reads, its facts with
            instant (UTC), person and history entry unless they are the present values, what is missing, when it was
            broken, and why it is not known.
        shared: a word of the table -> the answers that it stands for.
    """

    life: str
    when: str
    table: str
    changes: Mapping[str, object] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """Return the record at the instant."""
        case = case_of(self.life)
        record = replace(lives.record_on(case, self.when), **self.changes)  # type: ignore[arg-type]
        return open_record(record, lives.at(case, self.when), Terms(case.options))

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each line of the table with its answers."""
        lines = [line for line in self.table.splitlines() if line]
        starts = [number for number, line in enumerate(lines) if not line.startswith(" ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            found = [self.shared.get(line.strip(), line).strip().splitlines() for line in lines[start + 1 : end]]
            yield lines[start], [line.strip() for part in found for line in part]


def each_answer(tables: Mapping[str, Answers]) -> pytest.MarkDecorator:
    """Return the parameters `answers`, `line` and `expected` of each line of some tables."""
    cases = [
        pytest.param(answers, line, expected, id=f"{name}: {line}")
        for name, answers in tables.items()
        for line, expected in answers.rows()
    ]
    return pytest.mark.parametrize(("answers", "line", "expected"), cases)


def answer(line: str, context: Context) -> list[str]:
    """Return all that the test of `field: phrase` returns."""
    name, _, sentence = line.partition(": ")
    return list(_answer(vocabulary().find(SUBJECTS[name], sentence)[1], context))


def _answer(test: Test, context: Context) -> Iterator[str]:
    clocked = Clocked(test.holds(context)) if test.clock is None else test.clock(context)
    truth = TRUTH_WORDS[clocked.before] if test.clock is None else _over_time(clocked)
    flags = [f" ({flag})" for flag in ("present", "comments") if getattr(test, flag)]
    yield f"{truth}, by {' and '.join(test.reads)}{''.join(flags)}"
    if test.facts is not None:
        yield from (_fact(fact) for fact in test.evidence(context))
    if test.lacks is not None:
        yield f"missing {'; '.join(test.missing(context)) or 'nothing'}"
    if test.marks is not None:
        yield f"marks {'; '.join(test.lacking(context)) or 'nothing'}"
    if test.broken_at is not None:
        yield f"broken {_when(test.broken_at(context))}"
    if test.why is not None and clocked.before is None:
        yield f"because {test.why(context) or 'of what it reads'}"


def _over_time(clocked: Clocked) -> str:
    before, flips, after = clocked
    if not flips:
        return f"{TRUTH_WORDS[before]} for ever"
    return f"{TRUTH_WORDS[before]} until {' and '.join(map(_when, flips))}, then {TRUTH_WORDS[after]}"


def _fact(fact: Evidence) -> str:
    parts = [f"{fact.what}: {fact.text}", _when(fact.at) if fact.at else "", fact.by or "", fact.entry or ""]
    return " | ".join(part for part in parts if part)


def _when(instant: datetime | None) -> str:
    return "never" if instant is None else f"{instant:%Y-%m-%d %H:%M}"
