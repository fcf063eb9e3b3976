"""Compiled conditions: lines and any/all/none blocks, judged true, false or unknown, with the next due instant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, TypeGuard

from capa_sync.model.finding import Evidence
from capa_sync.model.values import ValueState
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import Phrase, Test
from capa_sync.rules.subjects import Subject
from capa_sync.rules.words import fact_of_value

Judged = tuple[Truth, datetime | None]
"""A truth, and the instant at which time alone may change it; None: only an edit can."""

Exclusions = tuple[tuple[str, frozenset[ValueState]], ...]
"""Fields, each with the states in which a condition is certainly false."""

TRUTH_WORDS: dict[Truth, str] = {True: "true", False: "false", None: "cannot tell"}


class Join(StrEnum):
    """How a block joins its members."""

    ALL = "all"
    ANY = "any"
    NONE = "none"


_ALL, _ANY, _NONE = Join


@dataclass(frozen=True)
class Line:
    """One `field: phrase` of a rule file; `line` is its line number there."""

    subject: Subject
    sentence: str
    phrase: Phrase
    test: Test
    line: int
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Set `text`, the line as written; not at its first use, since a `cached_property` is slow to read."""
        object.__setattr__(self, "text", f"{self.subject.name}: {self.sentence}")

    def judge(self, context: Context) -> Judged:
        """Return the truth of the line, and when time alone changes it (not when it changes only what is missing)."""
        test = self.test
        found = context.judged.get(test)
        if found is None:
            found = context.judged[test] = (test.now or test.at)(context)
        return found

    def turn_of_facts(self, context: Context) -> datetime | None:
        """Return when time alone changes its truth, or what `{missing}` says of it."""
        clock = self.test.clock
        return None if clock is None else clock(context).next_flip(context.now)

    @property
    def is_clocked(self) -> bool:
        """Return whether time alone may change its truth."""
        return self.test.clock is not None

    def evidence(self, context: Context) -> list[Evidence]:
        """Return its facts, each with the text and the truth of the line."""
        test = self.test
        found = context.evidence.get(test)
        if found is not None:
            return found
        phrase, truth = self.text, TRUTH_WORDS[self.judge(context)[0]]
        if test.facts is not None:
            facts = test.facts(context)
            found = [Evidence(fact.what, fact.text, fact.at, fact.by, fact.entry, phrase, truth) for fact in facts]
        else:
            found = []
            for name in test.reads:
                what, text, at, by, entry = fact_of_value(name, context)
                found.append(Evidence(what, text, at, by, entry, phrase, truth))
        context.evidence[test] = found
        return found

    def unknown(self, context: Context) -> str:
        """Return why its truth is not known."""
        own = self.test.why(context) if self.test.why is not None else ""
        return own or context.unknown(self.test.reads, history=self.phrase.history, comments=self.test.comments)


@dataclass(frozen=True)
class Block:
    """Conditions joined by any, all or none (docs/contract.md 7, Truth)."""

    join: Join
    members: tuple[Condition, ...]

    @cached_property
    def is_clocked(self) -> bool:
        """Return whether time alone may change its truth."""
        return any(member.is_clocked for member in self.members)

    @cached_property
    def _cheapest_first(self) -> tuple[Condition, ...]:
        """Return the members, those that time does not change first: they cost less and may decide the block."""
        return tuple(sorted(self.members, key=lambda member: member.is_clocked))

    @cached_property
    def _only(self) -> Condition | None:
        """Return the member whose truth is that of the block, because there is no other."""
        return self.members[0] if len(self.members) == 1 and self.join is not _NONE else None

    def judge(self, context: Context) -> Judged:
        """Return its truth, and the earliest instant at which time alone may change a member that matters."""
        if self._only is not None:
            return self._only.judge(context)
        deciding = self.join is not _ALL
        known, soonest, decided = True, None, False
        for member in self._cheapest_first:
            truth, turn = member.judge(context)
            if truth is deciding:
                if turn is None:
                    return self.join is _ANY, None
                decided = True
            known = known and truth is not None
            if turn is not None and (soonest is None or turn < soonest):
                soonest = turn
        if decided:
            return self.join is _ANY, soonest
        return (self.join is not _ANY if known else None), soonest

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Return every line of the block, nested lines included."""
        return tuple([line for member in self.members for line in lines_of(member)])


Condition = Line | Block


class Conditions:
    """Conditions that must all hold, prepared for many records: those that take no time are asked first.

    Their truth is that of a block of all of them.

    Attributes:
        exclusions: fields with the states in which one of the conditions is false, and time does not change it.
    """

    def __init__(self, members: Iterable[Condition]) -> None:
        self.block = Block(Join.ALL, tuple(members))
        slow = [member for member in self.block.members if not _is_quick(member)]
        self._quick = tuple([member.test.holds for member in self.block.members if _is_quick(member)])
        self._slow = _all_of(slow) if slow else None
        lines = [member for member in self.block.members if isinstance(member, Line) and member.test.false_in]
        self.exclusions: Exclusions = tuple([(line.subject.name, line.test.false_in) for line in lines])

    def judge(self, context: Context) -> Judged:
        """Return the truth of all, and the earliest instant at which time alone may change it."""
        is_known = True
        for holds in self._quick:
            truth = holds(context)
            if truth is not True:
                if truth is False:
                    return _FALSE
                is_known = False
        if self._slow is None:
            return _TRUE if is_known else _UNKNOWN
        return self._slow.judge(context) if is_known else self.block.judge(context)


def _all_of(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Block(Join.ALL, tuple(conditions))


def _is_quick(condition: Condition) -> TypeGuard[Line]:
    return isinstance(condition, Line) and condition.test.quick


_TRUE: Judged = (True, None)
_FALSE: Judged = (False, None)
_UNKNOWN: Judged = (None, None)

ALWAYS = Block(Join.ALL, ())
"""The condition that asks nothing."""


def lines_of(condition: Condition) -> tuple[Line, ...]:
    """Return the lines of a condition."""
    return (condition,) if isinstance(condition, Line) else condition.lines


class Broken(NamedTuple):
    """One line that makes a condition false.

    Attributes:
        negated: the line stands inside a `none`: it holds and should not.
        choice: equal for the lines of one `any`, of which one true line would be enough; 0 outside an `any`.
    """

    line: Line
    negated: bool
    choice: int = 0


def broken_lines(condition: Condition, context: Context) -> list[Broken]:
    """Return the lines that make a condition false; an empty list when it is not false."""
    found: list[Broken] = []
    _collect(condition, context, found, 0)
    return found


def _collect(condition: Condition, context: Context, found: list[Broken], choice: int) -> None:
    if isinstance(condition, Line):
        if condition.judge(context)[0] is False:
            found.append(Broken(condition, False, choice))
    elif condition.join is _ALL:  # it is false where one of its members is
        for member in condition.members:
            _collect(member, context, found, choice)
    elif condition.judge(context)[0] is not False:
        return
    elif condition.join is _NONE:
        culprits = [member for member in condition.members if member.judge(context)[0] is True]
        found += [Broken(line, negated=True, choice=choice) for member in culprits for line in lines_of(member)]
    else:
        for member in condition.members:
            _collect(member, context, found, choice or id(condition))


def unknown_reasons(condition: Condition, context: Context) -> list[str]:
    """Return why the truth of a condition is not known: the reasons of its lines whose truth is not known."""
    return [line.unknown(context) for line in lines_of(condition) if line.judge(context)[0] is None]


def without(condition: Condition, target: Condition, instead: Condition) -> Condition:
    """Return the condition with one part, found by identity, replaced by another."""
    if condition is target:
        return instead
    if isinstance(condition, Line):
        return condition
    return Block(condition.join, tuple([without(member, target, instead) for member in condition.members]))
