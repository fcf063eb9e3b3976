"""A cache of the rules that do not apply to records with a given track, stage and other values of closed lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.values import Value
from capa_sync.rules.conditions import Block, Condition, Join, Line, lines_of
from capa_sync.rules.context import Context
from capa_sync.rules.evaluate import bare
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import Kind
from capa_sync.rules.terms import Terms

Gate = Verdict | Block
"""The verdict of a rule that does not apply to a record, otherwise the undecided conditions of its scope."""

_CLOSED_LISTS = frozenset({Kind.ENUM, Kind.STAGE, Kind.YESNO, Kind.PRESENCE})
_MOST = 4096


class Gates:
    """Caches, by values from closed lists (track, stage, …), which rules do not apply.

    Most rules do not apply to most records, and one or two values decide it: most of the shipped rules do
    not apply to a record in its first stages. Few combinations of such values occur.
    """

    def __init__(self, rules: Sequence[Rule], terms: Terms) -> None:
        off = frozenset[str]().union(*terms.profile.off.values())
        self._rules = [(rule, [] if rule.id in off else _on_closed_lists(rule.scope.members)) for rule in rules]
        lines = (line for _, decidable in self._rules for condition in decidable for line in lines_of(condition))
        self._subjects = tuple(dict.fromkeys(line.subject.name for line in lines))
        self._known: dict[tuple[Value, ...], tuple[Gate, ...]] = {}

    def of(self, context: Context) -> tuple[Gate, ...]:
        """Return the gate of each rule for a record, in the order of the rules."""
        values = tuple([context.value(name) for name in self._subjects])
        found = self._known.get(values)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[values] = tuple([_gate(rule, decidable, context) for rule, decidable in self._rules])
        return found


def _gate(rule: Rule, decidable: Iterable[Condition], context: Context) -> Gate:
    truths = {id(condition): condition.judge(context)[0] for condition in decidable}
    if False in truths.values():
        return bare(rule, context, Outcome.NOT_APPLICABLE)
    return Block(Join.ALL, tuple([member for member in rule.scope.members if truths.get(id(member)) is not True]))


def _on_closed_lists(conditions: Iterable[Condition]) -> list[Condition]:
    """Return the conditions whose truth follows from values of closed lists alone."""
    return [condition for condition in conditions if all(map(_is_on_closed_list, lines_of(condition)))]


def _is_on_closed_list(line: Line) -> bool:
    return line.test.present and line.subject.kind in _CLOSED_LISTS
