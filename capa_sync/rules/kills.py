"""A test that would kill a mutant: found by trying a rule's own tests later on, and with one more edit each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.rules.calendar import calendar_for
from capa_sync.rules.case import ActionEdit, TimelineRow, When
from capa_sync.rules.context import Context
from capa_sync.rules.evaluate import earliest, judge
from capa_sync.rules.mutations import Mutant
from capa_sync.rules.rule import Rule
from capa_sync.rules.states import StateMoment, context_at, moments_of
from capa_sync.rules.subjects import Kind

_SHOWN = frozenset({Outcome.BREACH, Outcome.HISTORICAL})
_ENOUGH = 60
"""Characters of a text that a suggested test expects."""
_PLAIN = frozenset(" ;().'-_")
"""Characters beside letters and digits that need no quotes."""
_BY = "zoe"


class Tries:
    """The moments at which a rule and its mutants are compared, opened once."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._opened: list[tuple[StateMoment, Context, Verdict]] = []
        for moment in moments_of(rule, lambda day: _edge_edits(rule, day)):
            context = context_at(moment)
            if context is not None:
                self._opened.append((moment, context, judge(rule, context)))

    def kill(self, mutant: Mutant) -> str:
        """Return a test that the rule passes and the mutant fails, for people; "" where none was found."""
        for moment, context, verdict in self._opened:
            changed = judge(mutant.rule, context)
            notice = _difference(verdict, changed)
            if notice is not None:
                return _as_test(moment, moment.when, notice)
            turn = earliest(verdict.next_due, changed.next_due)
            found = self._at_turn(mutant, moment, turn) if verdict.next_due != changed.next_due and turn else ""
            if found:
                return found
        return ""

    def _at_turn(self, mutant: Mutant, moment: StateMoment, turn: datetime) -> str:
        """Return the test at the instant at which time alone changes the rule or the mutant, but not both."""
        options = moment.case.options
        local = calendar_for(options.timezone, options.holidays).local(turn)
        at_turn = moment._replace(when=When(local.date(), local.time()))
        context = context_at(at_turn)
        if context is None:
            return ""
        notice = _difference(judge(self._rule, context), judge(mutant.rule, context))
        return _as_test(moment, at_turn.when, notice) if notice is not None else ""


class _Notice(NamedTuple):
    """What a test would notice: what the rule says there, and what the mutant says, as in an `expect`."""

    wanted: str
    changed: str


def _difference(verdict: Verdict, changed: Verdict) -> _Notice | None:
    """Return the difference of two verdicts that a test could notice, None where there is none."""
    result = f"result: {_word(verdict.outcome)}"
    if verdict.outcome is not changed.outcome:
        return _Notice(result, f"result: {_word(changed.outcome)}")
    if verdict.outcome not in _SHOWN:
        return None
    if verdict.severity is not changed.severity:
        return _Notice(f"{result}, severity: {verdict.severity}", f"severity: {changed.severity}")
    if set(verdict.hides) != set(changed.hides):
        hidden, others = (f"hides: [{', '.join(hides)}]" for hides in (verdict.hides, changed.hides))
        return _Notice(f"{result}, {hidden}", others)
    both = ((verdict.message, changed.message), (verdict.fix, changed.fix))
    for old, new in both:
        if old != new:
            return _Notice(f"{result}, says: {_text(_apart(old, new))}", f"says: {_text(_apart(new, old))}")
    return None


def _as_test(moment: StateMoment, when: When, notice: _Notice) -> str:
    """Return a test as a person would write it: which test to copy, the row to add, and what to expect."""
    expect = f"expect {{day: {_day(when)}, {notice.wanted}}} (the changed rule has {notice.changed})"
    if moment.edit is None:
        return f"in test '{moment.case.name}' {expect}"
    last = next((row.when.day for row in reversed(moment.case.rows[:-1])), when.day)
    return f"copy test '{moment.case.name}' up to {last}, add {_row(moment.edit)}, {expect}"


def _row(row: TimelineRow) -> str:
    """Return a row of one edit as it stands in a rule file."""
    parts = [f"day: {_day(row.when)}", f"by: {row.by}"]
    parts += [f"{name}: {_value(value)}" for name, value in row.fields.items()]
    parts += [f"stage: {row.stage}"] if row.stage else []
    parts += [f"action: {{{_action(edit)}}}" for edit in row.actions]
    return f"{{{', '.join(parts)}}}"


def _action(edit: ActionEdit) -> str:
    parts = [f"id: {edit.id}"] + ([f"kind: {edit.kind}"] if edit.kind else [])
    values = {"text": edit.text, "owner": edit.owner, "due_at": edit.due_at, "evidence": edit.evidence}
    parts += [f"{name}: {_value(value)}" for name, value in values.items() if value is not None]
    flags = {"done": edit.done, "cancelled": edit.cancelled}
    return ", ".join(
        parts + [f"{name}: {'yes' if flag else 'no'}" for name, flag in flags.items() if flag is not None]
    )


def _value(value: Value) -> str:
    if value.state is ValueState.PLACEHOLDER:
        return f"{{placeholder: {_text(value.text)}}}"
    if value.media_only:
        return "{media: photo}"
    if isinstance(value.data, tuple):
        return f"[{', '.join(map(_text, value.data))}]"
    return _text("" if value.data is None else str(value.data))


def _text(text: str) -> str:
    is_plain = text[:1].isalnum() and all(letter.isalnum() or letter in _PLAIN for letter in text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _apart(text: str, other: str) -> str:
    """Return the first words of a text, or those from which on it differs from another text."""
    start = 0 if text[:_ENOUGH] not in other else text.rfind(" ", 0, _shared(text, other)) + 1
    rest = text[start:]
    return rest if len(rest) <= _ENOUGH else rest[:_ENOUGH].rpartition(" ")[0]


def _shared(text: str, other: str) -> int:
    """Return how many first characters two texts share."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((place for place, (here, there) in pairs if here != there), min(len(text), len(other)))


def _word(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _day(when: When) -> str:
    return f"{when.day}" + (f" {when.time:%H:%M}" if when.time else "")


def _edge_edits(rule: Rule, after: When) -> Iterator[tuple[str, TimelineRow]]:
    """Yield edits that set each text and list of the rule to the lengths at which its numbers decide."""
    day = When(after.day + timedelta(days=1))
    for line in dict.fromkeys(rule.every_line):
        if line.subject.kind is Kind.LIST and line.phrase.template in {"at least N", "at most N"}:
            least = int(line.sentence.split()[-1])
            yield from (_list_of(day, line.subject.name, least + step) for step in (-1, 0, 1))
        for number, unit in pairwise(line.sentence.split()) if line.subject.kind is Kind.TEXT else ():
            make = {"character": _of_length, "distinct": _of_words, "word": _of_words}.get(unit.removesuffix("s"))
            if number.isdigit() and make is not None:
                yield from (_edit(day, line.subject.name, make(int(number) + step)) for step in (-1, 0, 1))


def _edit(day: When, name: str, text: str) -> tuple[str, TimelineRow]:
    return f"{name} of {len(text)} characters", TimelineRow(
        day, _BY, {name: Value(ValueState.FILLED, text, text)} if text else {}
    )


def _list_of(day: When, name: str, length: int) -> tuple[str, TimelineRow]:
    members = tuple(f"CAPA-{number + 1}" for number in range(length))
    value = Value(ValueState.FILLED, members, ", ".join(members)) if members else EMPTY
    return f"{name} of {length}", TimelineRow(day, _BY, {name: value})


def _of_length(length: int) -> str:
    """Return a text of so many characters and many different words."""
    text = " ".join(f"reading{number}" for number in range(length // 8 + 2))[:length]
    return text[:-1] + "x" if text.endswith(" ") else text


def _of_words(count: int) -> str:
    """Return a long text of so many different words."""
    return " ".join(
        f"reading-number-{chr(97 + number % 26) * (1 + number // 26)}".replace("-", "") for number in range(count)
    )
