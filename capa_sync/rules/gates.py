"""What a record's track, stage and the like say of all rules' scopes, worked out once for all such records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.values import Value
from capa_sync.rules.conditions import Block, Condition, Join, Line, lines_of
from capa_sync.rules.context import Context, Terms
from capa_sync.rules.evaluate import bare
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import Kind

Gate = Verdict | Block
"""The verdict of a rule whose scope is shut to a record, else what is left to ask of its scope."""

_WORDED = frozenset({Kind.ENUM, Kind.STAGE, Kind.YESNO, Kind.PRESENCE})
_MOST = 4096


class Gates:
    """Remembers by words of closed lists (track, stage, …) which rules they shut out.

    Most rules say nothing of most records, and a word or two tell: eight of the twelve shipped ones pass over a
    record in its first stages. Few combinations of such words ever occur.
    """

    def __init__(self, rules: Sequence[Rule], terms: Terms) -> None:
        off = frozenset[str]().union(*terms.profile.off.values())
        self._rules = [(rule, [] if rule.id in off else _worded(rule.scope.members)) for rule in rules]
        lines = (line for _, asked in self._rules for each in asked for line in lines_of(each))
        self._subjects = tuple(dict.fromkeys(line.subject.name for line in lines))
        self._known: dict[tuple[Value, ...], tuple[Gate, ...]] = {}

    def of(self, context: Context) -> tuple[Gate, ...]:
        """Return each rule's gate for a record, in the order of the rules."""
        words = tuple([context.value(name) for name in self._subjects])
        found = self._known.get(words)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[words] = tuple([_gate(rule, asked, context) for rule, asked in self._rules])
        return found


def _gate(rule: Rule, asked: Iterable[Condition], context: Context) -> Gate:
    truths = {id(condition): condition.judge(context)[0] for condition in asked}
    if False in truths.values():
        return bare(rule, context, Outcome.NOT_APPLICABLE)
    return Block(Join.ALL, tuple([each for each in rule.scope.members if truths.get(id(each)) is not True]))


def _worded(conditions: Iterable[Condition]) -> list[Condition]:
    """Return the conditions whose truth follows from words of closed lists alone."""
    return [each for each in conditions if all(map(_is_word, lines_of(each)))]


def _is_word(line: Line) -> bool:
    return line.test.present and line.subject.kind in _WORDED
