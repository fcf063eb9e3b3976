"""The preventive twin of a rule: what the tracker could demand before a ticket moves on, and what it cannot."""

from __future__ import annotations

from collections.abc import Iterator

from capa_sync.model.light import light
from capa_sync.model.record import STAGE_ORDER, Stage
from capa_sync.rules.conditions import Block, Condition, Join, Line
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import Kind

_FILLED = ("filled", "substantive", "is one of ")
"""How phrases begin that an empty field never meets."""
_JOINED = {Join.ALL: " and ", Join.ANY: " or ", Join.NONE: " or "}
_IN_FIELDS = frozenset({Kind.TEXT, Kind.ENUM, Kind.PERSON, Kind.TIME, Kind.LIST, Kind.YESNO})


@light
class Twin:
    """What a tracker could demand so that a rule is never broken.

    Attributes:
        stages: stages on the way into which it is to be demanded; empty: from the creation on.
        demands: the lines of `require`, in words. only_while: the other conditions of the rule, in words.
        mandatory: fields that must be filled; a tracker can demand these by itself.
        afterwards: demands that say more than that a field is filled: these only show afterwards.
    """

    stages: tuple[Stage, ...]
    demands: tuple[str, ...]
    only_while: tuple[str, ...]
    mandatory: tuple[str, ...]
    afterwards: tuple[str, ...]


def twin_of(rule: Rule) -> Twin:
    """Return the preventive twin of a rule."""
    gates = [member for member in rule.when.members if _is_gate(member)]
    only_while = [member for member in rule.scope.members if member not in gates]
    members = rule.require.members
    mandatory = [line.subject.name for line in members if isinstance(line, Line) and _demands_content(line)]
    return Twin(
        _stages(gates),
        tuple(map(in_words, members)),
        tuple(map(in_words, only_while)),
        tuple(dict.fromkeys(mandatory)),
        tuple(in_words(member) for member in members if not _is_just_filled(member)),
    )


def in_words(condition: Condition) -> str:
    """Return a condition on one line, such as `root_cause: filled`."""
    if isinstance(condition, Line):
        return condition.text
    inner = _JOINED[condition.join].join(in_words(member) for member in condition.members)
    if condition.join is Join.NONE:
        return f"not ({inner})"
    return f"({inner})" if len(condition.members) > 1 else inner


def _is_gate(condition: Condition) -> bool:
    """Return whether a condition is a stage that the record has reached."""
    return isinstance(condition, Line) and condition.subject.name == "stage" and bool(list(_reached(condition)))


def _reached(line: Line) -> Iterator[Stage]:
    for words, later in (("at least ", True), ("is ", False)):
        name = line.sentence.removeprefix(words)
        if name != line.sentence and name in {stage.value for stage in STAGE_ORDER}:
            first = STAGE_ORDER.index(Stage(name))
            yield from STAGE_ORDER[first:] if later else STAGE_ORDER[first : first + 1]


def _stages(gates: list[Condition]) -> tuple[Stage, ...]:
    """Return the stages that all gates have in common, in their order."""
    reached = [set(_reached(gate)) for gate in gates if isinstance(gate, Line)]
    return tuple(stage for stage in STAGE_ORDER if reached and all(stage in stages for stages in reached))


def _demands_content(condition: Condition) -> bool:
    return (
        isinstance(condition, Line)
        and condition.subject.kind in _IN_FIELDS
        and condition.sentence.startswith(_FILLED)
    )


def _is_just_filled(condition: Condition) -> bool:
    return not isinstance(condition, Block) and _demands_content(condition) and condition.sentence == "filled"
