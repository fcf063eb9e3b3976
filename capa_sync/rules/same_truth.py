"""Whether two conditions have the same truth on every record: worked out, so that an equal mutant is not reported.

Each combination of what their lines can be is tried. A line whose truth follows from the value of its subject alone
is evaluated on each value of a closed list, otherwise in each state of a value; any other line may be true, false or
unknown, whatever the others are. So conditions that are called equal are equal, but not the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple, cast

from capa_sync.model.values import EMPTY, UNMAPPED, Value, ValueState
from capa_sync.rules.conditions import Condition, Join, Line, lines_of
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import Test
from capa_sync.rules.phrases.state import FILLABLE
from capa_sync.rules.subjects import Kind, Subject

_MOST = 20_000
"""Combinations that are tried; of conditions with more, nothing is known."""
_CLOSED = frozenset({Kind.ENUM, Kind.STAGE, Kind.YESNO, Kind.PRESENCE})
_ALWAYS_KNOWN = frozenset({Kind.STAGE, Kind.PRESENCE})
_NOT_FILLED = (
    UNMAPPED,
    Value(ValueState.UNREADABLE),
    Value(ValueState.ERROR),
    EMPTY,
    Value(ValueState.PLACEHOLDER, text="TBD"),
)
_SOME = Value(ValueState.FILLED, "some", "some")
"""Stands for every filled value of a subject without a closed list."""
_BY_STATE = frozenset({"filled", "not filled", "empty", "placeholder", "emptied again"})
"""Phrases of which the state of a value is enough, whatever it holds."""
_TRUTHS: tuple[Truth, ...] = (True, False, None)
_Truths = Mapping[Test, Truth]


class Given(NamedTuple):
    """A condition that has one of some truths wherever the compared ones are asked."""

    condition: Condition
    truths: tuple[Truth, ...]


def same_truth(first: Condition, second: Condition, given: Sequence[Given] = (), *, only_true: bool = False) -> bool:
    """Return whether it is certain that two conditions have the same truth on every record where `given` holds.

    With `only_true`, false and unknown count as the same.
    """
    asked = [first, second, *(part.condition for part in given)]
    by_subject: dict[Subject, list[Line]] = {}
    for line in dict.fromkeys(line for condition in asked for line in lines_of(condition)):
        by_subject.setdefault(line.subject, []).append(line)
    choices = [_of_subject(subject, lines) for subject, lines in by_subject.items()]
    if prod(map(len, choices)) > _MOST:
        return False
    for parts in product(*choices):
        truths = {test: truth for part in parts for test, truth in part.items()}
        left, right = _truth(first, truths), _truth(second, truths)
        is_same = (left is True) is (right is True) if only_true else left is right
        if not is_same and all(_truth(part.condition, truths) in part.truths for part in given):
            return False
    return True


def _truth(condition: Condition, truths: _Truths) -> Truth:
    if isinstance(condition, Line):
        return truths[condition.test]
    members = {_truth(member, truths) for member in condition.members}
    deciding = condition.join is not Join.ALL
    if deciding in members:
        return condition.join is Join.ANY
    return None if None in members else condition.join is not Join.ANY


def _of_subject(subject: Subject, lines: Sequence[Line]) -> list[_Truths]:
    """Return the truths that the lines of a subject can have together."""
    found: dict[tuple[Truth, ...], _Truths] = {}
    for value in _values(subject):
        truths = [_possible(line, value) for line in lines]
        for chosen in product(*truths):
            found[chosen] = {line.test: truth for line, truth in zip(lines, chosen, strict=True)}
    return list(found.values())


def _values(subject: Subject) -> Iterable[Value | None]:
    """Return the values to try for a subject: None stands for one of which nothing is known."""
    if subject.kind not in _CLOSED | FILLABLE:
        return (None,)
    unfilled = () if subject.kind in _ALWAYS_KNOWN else _NOT_FILLED
    if subject.kind not in _CLOSED:
        return (*unfilled, _SOME)
    words = subject.choices or ("yes", "no")
    return (*unfilled, *(Value(ValueState.FILLED, word, word) for word in words))


def _possible(line: Line, value: Value | None) -> tuple[Truth, ...]:
    """Return the truths that a line can have while its subject has this value."""
    if value is None or (value is _SOME and line.phrase.template not in _BY_STATE):
        return (True, False) if value is _SOME and line.test.present and line.test.why is None else _TRUTHS
    asked = cast("Context", _OneValue(line.subject.name, value))
    try:
        if line.test.clock is None:
            return (line.test.holds(asked),)
        clocked = line.test.clock(asked)
        return _TRUTHS if clocked.flips else (clocked.before,)
    except _Elsewhere:
        return _TRUTHS


class _Elsewhere(Exception):
    """A test reads more than the value of its subject."""


class _OneField(dict[str, Value]):
    """The fields of a record of which one alone is known."""

    def __missing__(self, name: str) -> Value:
        """Raise _Elsewhere for every other field."""
        raise _Elsewhere


class _OneValue:
    """A context, and its record, that know one value and nothing else."""

    def __init__(self, name: str, value: Value) -> None:
        self.fields = _OneField({name: value})
        self.record = self

    def value(self, name: str) -> Value:
        """Return the value of a subject. Raises _Elsewhere for another subject."""
        return self.fields[name]

    def __getattr__(self, name: str) -> object:
        """Raise _Elsewhere for everything else that a context knows."""
        raise _Elsewhere
