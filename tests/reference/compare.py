"""Compares each phrase with its reference on generated tickets, now, later, and around the next due instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from capa_sync.rules.derived import open_record
from capa_sync.rules.phrases.phrase import Test
from capa_sync.rules.phrases.table import vocabulary
from capa_sync.rules.subjects import SUBJECTS
from capa_sync.rules.terms import Terms
from tests.reference.by_days import BY_DAYS, COMPARED, FACTS
from tests.reference.by_words import BY_WORDS, Truth
from tests.reference.in_sql import HISTORY, PRESENT
from tests.reference.tickets import Ticket, ticket
from tests.unit.rules.lives import LONDON

ALWAYS = {**PRESENT, **COMPARED, **BY_WORDS}
"""Line -> reference on every ticket."""
WHOLE = {**HISTORY, **BY_DAYS}
"""Line -> reference on tickets that can be read as a whole."""
LINES = {**ALWAYS, **WHOLE}
_LATER = (0, 12, 30)
"""Days after the last edit at which lines over time are compared."""
_AHEAD = timedelta(days=60)
_MOMENT = timedelta(microseconds=1)
_MOST = 5
"""Differences of one line that are kept."""


@dataclass
class Tally:
    """What was compared for one line.

    Attributes:
        truths: how often each truth was right. turns: next due instants at which the reference changed, too.
        differences: where they differ, in words, the first few; `number` counts all.
    """

    truths: Counter[Truth] = field(default_factory=Counter)
    turns: int = 0
    differences: list[str] = field(default_factory=list)
    number: int = 0

    def differs(self, what: str) -> None:
        """Record one difference."""
        self.number += 1
        if len(self.differences) < _MOST:
            self.differences.append(what)

    def add(self, other: Tally) -> None:
        """Add what was compared elsewhere."""
        self.truths += other.truths
        self.turns += other.turns
        self.number += other.number
        self.differences = (self.differences + other.differences)[:_MOST]


def compare(seeds: Iterable[int]) -> dict[str, Tally]:
    """Return what the comparison of every line on these tickets came to."""
    terms = Terms(LONDON)
    tests = {line: _test(line) for line in LINES}
    tallies = {line: Tally() for line in LINES}
    for seed in seeds:
        found = ticket(seed)
        _compare_at(found, found.now, [*ALWAYS, *(WHOLE if found.whole else ())], tests, tallies, terms)
        for days in _LATER[1:]:
            clocked = [line for line in BY_DAYS if found.whole and tests[line].clock is not None]
            _compare_at(found, found.now + timedelta(days=days), clocked, tests, tallies, terms)
    return tallies


def _test(line: str) -> Test:
    name, _, sentence = line.partition(": ")
    return vocabulary().find(SUBJECTS[name], sentence)[1]


def _compare_at(
    found: Ticket,
    now: datetime,
    lines: Iterable[str],
    tests: dict[str, Test],
    tallies: dict[str, Tally],
    terms: Terms,
) -> None:
    """Compare lines on a ticket at an instant."""
    context = open_record(found.record, now, terms)
    for line in lines:
        test, tally = tests[line], tallies[line]
        clock = None if test.clock is None else test.clock(context)
        truth = test.holds(context) if clock is None else clock.at(now)[0]
        due = None if clock is None else clock.next_flip(now)
        expected = LINES[line](found.record, now)
        if truth is not expected:
            tally.differs(f"ticket {found.seed} at {now}: the phrase says {truth}, the reference {expected}")
            continue
        tally.truths[truth] += 1
        if test.clock is not None:
            _check_due(found, line, now, due, tally)


def _check_due(found: Ticket, line: str, now: datetime, due: datetime | None, tally: Tally) -> None:
    """Check that by the reference a line is constant until its next due instant and changes then."""
    said = FACTS.get(line, LINES[line])
    if due is None:
        if said(found.record, now + _AHEAD) != said(found.record, now):
            tally.differs(f"ticket {found.seed} at {now}: never due, but the reference changes within 60 days")
        return
    if said(found.record, due - _MOMENT) != said(found.record, now):
        tally.differs(f"ticket {found.seed} at {now}: due at {due}, but the reference changes before")
    elif said(found.record, due) == said(found.record, now):
        tally.differs(f"ticket {found.seed} at {now}: due at {due}, but the reference does not change then")
    else:
        tally.turns += 1
