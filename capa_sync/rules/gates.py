"""A cache of what is left to ask of each rule, by track, stage and other values of closed lists of a record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.record import Stage
from capa_sync.model.values import FILLED, ValueState
from capa_sync.rules.conditions import Condition, Conditions, Exclusions, Line, lines_of
from capa_sync.rules.context import Context
from capa_sync.rules.derived import DERIVED_VALUES
from capa_sync.rules.evaluate import Question, bare
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import Kind
from capa_sync.rules.terms import Terms

_CLOSED_LISTS = frozenset({Kind.ENUM, Kind.STAGE, Kind.YESNO, Kind.PRESENCE})
_MOST = 4096
_OF_THE_RECORD = frozenset({"stage", "presence"})
"""Subjects whose values are attributes of every record, and always part of the key."""
_NOT_FILLED = {state: state.value.encode() for state in ValueState}
"""State -> what stands for a value in this state; equal to no data."""


class Gate(NamedTuple):
    """What values of closed lists decide about the rules.

    Attributes:
        verdicts: one for each rule, in their order; of a rule that is not decided, that it does not apply.
        open: the rules that are not decided: fields with the states in which some of them do not apply all the same,
            with the place of each of these rules and what is left to ask of it in other states.
    """

    verdicts: tuple[Verdict, ...]
    open: tuple[tuple[Exclusions, tuple[tuple[int, Question], ...]], ...]


class Gates:
    """Caches, by values from closed lists (track, stage, …), which rules do not apply, or are ok.

    Most rules do not apply to most records, and one or two values decide it: most of the shipped rules do
    not apply to a record in its first stages. Few combinations of such values occur.
    """

    def __init__(self, rules: Sequence[Rule], terms: Terms) -> None:
        off = frozenset[str]().union(*terms.profile.off.values())
        self._parts = [_Parts(rule, may_be_off=rule.id in off) for rule in rules]
        self._asked: dict[Stage, tuple[list[str], list[str]]] = {}
        self._known: dict[tuple[object, ...], Gate] = {}

    def of(self, context: Context) -> Gate:
        """Return what is decided about the rules for a record."""
        record = context.record
        asked = self._asked.get(record.stage)
        if asked is None:
            asked = self._asked[record.stage] = self._asked_in_stage_of(context)
        of_fields, derived = asked
        contents: list[object] = [record.stage, record.presence]
        fields = record.fields
        for name in of_fields:
            value = fields[name]
            contents.append(value.data if value.state is FILLED else _NOT_FILLED[value.state])
        for name in derived:
            value = context.value(name)
            contents.append(value.data if value.state is FILLED else _NOT_FILLED[value.state])
        key = tuple(contents)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[key] = _gate(self._parts, context)
        return found

    def _asked_in_stage_of(self, context: Context) -> tuple[list[str], list[str]]:
        """Return the fields and derived values that decide about the rules which the record's stage leaves open."""
        left = [parts for parts in self._parts if not parts.is_excluded_by_stage(context)]
        names = dict.fromkeys(name for parts in left for name in parts.names if name not in _OF_THE_RECORD)
        derived = [name for name in names if name in DERIVED_VALUES]
        return [name for name in names if name not in DERIVED_VALUES], derived


class _Parts:
    """A rule with those of its conditions that values of closed lists alone decide."""

    def __init__(self, rule: Rule, *, may_be_off: bool) -> None:
        self.rule = rule
        self.may_be_off = may_be_off
        self.decidable = [] if may_be_off else _on_closed_lists([*rule.scope.members, *rule.require.members])
        self.names = [line.subject.name for condition in self.decidable for line in lines_of(condition)]

    def is_excluded_by_stage(self, context: Context) -> bool:
        """Return whether a record's stage alone decides that the rule does not apply."""
        return not self.may_be_off and any(
            member.judge(context)[0] is False
            for member in _on_closed_lists(self.rule.scope.members)
            if all(line.subject.name == "stage" for line in lines_of(member))
        )

    def left(self, context: Context) -> Verdict | Question:
        """Return the verdict where these conditions decide it, otherwise the others."""
        rule, truths = self.rule, {id(condition): condition.judge(context)[0] for condition in self.decidable}
        if any(truths.get(id(member)) is False for member in rule.scope.members):
            return bare(rule, context, Outcome.NOT_APPLICABLE)
        scope, require = (
            [member for member in block.members if truths.get(id(member)) is not True]
            for block in (rule.scope, rule.require)
        )
        if not scope and not require and not self.may_be_off:
            return bare(rule, context, Outcome.OK)
        return Question(
            rule,
            Conditions(scope),
            Conditions(require),
            bare(rule, context, Outcome.OK),
            bare(rule, context, Outcome.NOT_APPLICABLE),
            self.may_be_off,
        )


def _gate(rules: Iterable[_Parts], context: Context) -> Gate:
    left = [parts.left(context) for parts in rules]
    verdicts = tuple([found.not_applicable if isinstance(found, Question) else found for found in left])
    asked: dict[Exclusions, list[tuple[int, Question]]] = {}
    for place, found in enumerate(left):
        if isinstance(found, Question):
            asked.setdefault(_exclusions(found), []).append((place, found))
    return Gate(verdicts, tuple([(exclusions, tuple(questions)) for exclusions, questions in asked.items()]))


def _exclusions(question: Question) -> Exclusions:
    return () if question.may_be_off else question.scope.exclusions


def _on_closed_lists(conditions: Iterable[Condition]) -> list[Condition]:
    """Return the conditions whose truth follows from values of closed lists alone."""
    return [condition for condition in conditions if all(map(_is_on_closed_list, lines_of(condition)))]


def _is_on_closed_list(line: Line) -> bool:
    return line.test.quick and line.subject.kind in _CLOSED_LISTS
