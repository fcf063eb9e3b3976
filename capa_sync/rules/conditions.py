"""Conditions compiled: lines and the blocks any, all, none, judged in three truths with the next time they turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from capa_sync.model.finding import Evidence
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import Phrase, Test
from capa_sync.rules.subjects import Subject

Judged = tuple[Truth, datetime | None]
"""A truth, and the instant at which time alone may turn it; None = only an edit can."""

TRUTH_WORDS: dict[Truth, str] = {True: "true", False: "false", None: "cannot tell"}


class Join(StrEnum):
    """How a block joins its members."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Line:
    """One `field: phrase` of a rule file. `line` is where it stands there."""

    subject: Subject
    sentence: str
    phrase: Phrase
    test: Test
    line: int

    @property
    def text(self) -> str:
        """Return the line as written."""
        return f"{self.subject.name}: {self.sentence}"

    def judge(self, context: Context) -> Judged:
        """Return its truth and when that turns by time alone."""
        clock = self.test.clock
        if clock is None:
            return self.test.holds(context), None
        return clock(context).at(context.now)

    def last_turn(self, context: Context) -> datetime | None:
        """Return when time last turned it, None when it did not."""
        return self.test.clock(context).last(context.now) if self.test.clock else None

    def evidence(self, context: Context) -> list[Evidence]:
        """Return its facts, each stamped with the line and its truth."""
        text, truth = self.text, TRUTH_WORDS[self.judge(context)[0]]
        return [Evidence(f.what, f.text, f.at, f.by, f.entry, text, truth) for f in self.test.evidence(context)]

    def unknown(self, context: Context) -> str:
        """Return why it cannot tell."""
        return context.unknown(self.test.reads, history=self.phrase.history)


@dataclass(frozen=True, slots=True)
class Block:
    """Members joined by any, all or none (CONTRACT.md 7, Truth)."""

    join: Join
    members: tuple[Condition, ...]

    def judge(self, context: Context) -> Judged:
        """Return its truth and the earliest instant at which time alone may turn a member that matters."""
        deciding = self.join is not Join.ALL
        known, soonest, decided = True, None, False
        for member in self.members:
            truth, turn = member.judge(context)
            if truth is deciding:
                if turn is None:
                    return self.join is Join.ANY, None
                decided = True
            known = known and truth is not None
            if turn is not None and (soonest is None or turn < soonest):
                soonest = turn
        if decided:
            return self.join is Join.ANY, soonest
        return (self.join is not Join.ANY if known else None), soonest

    def lines(self) -> Iterator[Line]:
        """Yield every line in it, nested ones included."""
        for member in self.members:
            if isinstance(member, Line):
                yield member
            else:
                yield from member.lines()


Condition = Line | Block


def lines_of(condition: Condition) -> Iterator[Line]:
    """Yield the lines of a condition."""
    if isinstance(condition, Line):
        yield condition
    else:
        yield from condition.lines()


@dataclass(frozen=True, slots=True)
class Broken:
    """One line that is why a condition is false; `negated` inside a `none`, where it holds and should not.

    `choice` groups lines of one `any`, of which one would have been enough.
    """

    line: Line
    negated: bool
    choice: int = 0


def broken_lines(condition: Condition, context: Context) -> list[Broken]:
    """Return the lines that make a condition false; none when it is not false."""
    found: list[Broken] = []
    _collect(condition, context, found, 0)
    return found


def _collect(condition: Condition, context: Context, found: list[Broken], choice: int) -> None:
    if condition.judge(context)[0] is not False:
        return
    if isinstance(condition, Line):
        found.append(Broken(condition, negated=False, choice=choice))
    elif condition.join is Join.NONE:
        culprits = [member for member in condition.members if member.judge(context)[0] is True]
        found += [Broken(line, negated=True, choice=choice) for member in culprits for line in lines_of(member)]
    else:
        inner = choice or (id(condition) if condition.join is Join.ANY else 0)
        for member in condition.members:
            _collect(member, context, found, inner)


def unknown_reasons(condition: Condition, context: Context) -> list[str]:
    """Return why a condition cannot tell: the reasons of its lines that cannot."""
    return [line.unknown(context) for line in lines_of(condition) if line.judge(context)[0] is None]


def negate(condition: Condition, target: Line) -> Condition:
    """Return the condition with one line turned into its opposite, for the mutation check."""
    if isinstance(condition, Line):
        return Block(Join.NONE, (condition,)) if condition is target else condition
    return Block(condition.join, tuple(negate(member, target) for member in condition.members))
