"""The messages and fixes of a rule in possible states: its tests on their days, later, and after one more edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.finding import Outcome, Verdict
from capa_sync.model.light import light
from capa_sync.model.record import ActionKind, Stage
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.rules.case import ActionEdit, Case, TimelineRow, When
from capa_sync.rules.conditions import broken_lines
from capa_sync.rules.context import Context
from capa_sync.rules.derived import open_record
from capa_sync.rules.evaluate import judge
from capa_sync.rules.replay import instant, replay
from capa_sync.rules.rule import Rule
from capa_sync.rules.subjects import SUBJECTS, Kind
from capa_sync.rules.terms import Terms
from capa_sync.rules.wording import Variant

_SHORT = "Looked into it"
_LONG = "The release step had no second check, because nobody owned the check list"
_LATER = (timedelta(days=1), timedelta(days=120))
_BY = "zoe"
_WORDED = frozenset({Outcome.BREACH, Outcome.HISTORICAL})
EditsAfter = Callable[[When], Iterable[tuple[str, TimelineRow]]]
"""Function from a day to edits of the day after it, each in words."""


@light
class StateWording:
    """The message and fix of a rule in one state.

    Attributes:
        state: the name of the test, the day, and the edit made after it. verdict: with message and fix.
        variants: index of the message variant and of the fix variant that are used. context: the record then.
    """

    state: str
    verdict: Verdict
    variants: tuple[int, int]
    context: Context


class StateMoment(NamedTuple):
    """A test of a rule on a day, perhaps with one more edit, in words; `edit` is None where there is none."""

    case: Case
    when: When
    words: str
    edit: TimelineRow | None = None


def moments_of(rule: Rule, more: EditsAfter = lambda _: ()) -> Iterator[StateMoment]:
    """Yield the tests of a rule on their days, later, and after one more edit; `more` adds edits after a day."""
    for case in rule.cases:
        for day in dict.fromkeys(expect.when for expect in case.expects):
            yield StateMoment(case, day, f"{case.name}, {day.day}")
            for delay in _LATER:
                later = When(day.day + delay, day.time)
                yield StateMoment(case, later, f"{case.name}, {later.day}")
            for name, edit in (*_edits(rule, day), *more(day)):
                lived = tuple(row for row in case.rows if row.when.wall <= day.wall)
                edited = replace(case, rows=(*lived, edit))
                words = f"{case.name}, {day.day}, then {name}"
                yield StateMoment(edited, When(edit.when.day), words, edit)


def states_of(rule: Rule, texts: CommentTexts = ENGLISH) -> Iterator[StateWording]:
    """Yield message and fix for each state in which the rule has a message; `texts`: also in which other words."""
    for moment in moments_of(rule):
        yield from _wording_at(rule, moment, texts)


def distinct(rule: Rule, states: Iterable[StateWording]) -> list[StateWording]:
    """Return one of a rule's states for each different wording.

    Two states have the same wording when they use the same variants, miss lines of the same phrases (one, or
    several), and leave the same placeholders empty. The field, day and person make no difference.
    """
    found: dict[tuple[object, ...], StateWording] = {}
    for wording in states:
        broken = broken_lines(rule.require, wording.context)
        phrases = frozenset((b.line.phrase.template, b.negated) for b in broken)
        empty = frozenset(name for name, fact in wording.verdict.args if not fact)
        found.setdefault((wording.verdict.outcome, wording.variants, phrases, empty, len(broken) > 1), wording)
    return list(found.values())


def never_said(rule: Rule, states: Iterable[StateWording]) -> list[tuple[str, Variant]]:
    """Return the variants of message and fix, with their key, that are used in none of these states."""
    used = [wording.variants for wording in states]
    unused: list[tuple[str, Variant]] = []
    for part, (key, template) in enumerate((("message", rule.message), ("fix", rule.fix))):
        numbers = {variants[part] for variants in used}
        unused += [(key, variant) for number, variant in enumerate(template.variants) if number not in numbers]
    return unused


def context_at(moment: StateMoment, texts: CommentTexts = ENGLISH) -> Context | None:
    """Return the context of a record at a moment; None before the record was created. `texts`: for its ticket."""
    now = instant(moment.case, moment.when)
    record = replay(moment.case, now)
    if record is None:
        return None
    options = moment.case.options
    if texts is not ENGLISH:
        options = replace(options, texts={record.source: texts})
    return open_record(record, now, Terms(options))


def _wording_at(rule: Rule, moment: StateMoment, texts: CommentTexts) -> Iterator[StateWording]:
    context = context_at(moment, texts)
    if context is None:
        return
    verdict = judge(rule, context)
    if verdict.outcome in _WORDED:
        chosen = (rule.message.choice(context), rule.fix.choice(context))
        yield StateWording(moment.words, verdict, chosen, context)


def _edits(rule: Rule, after: When) -> Iterator[tuple[str, TimelineRow]]:
    """Yield edits of each subject that the rule reads, in words and as a row of the next day."""
    day = When(after.day + timedelta(days=1))
    for name in sorted(rule.reads):
        subject = SUBJECTS[name]
        if subject.kind is Kind.STAGE:
            yield from ((f"stage {stage}", TimelineRow(day, _BY, {}, stage=stage.value)) for stage in Stage)
        elif subject.kind is Kind.ACTIONS:
            yield from _action_edits(day)
        elif not subject.derived:
            for words, value in _values(subject.kind, subject.choices, day.day).items():
                yield f"{name} {words}", TimelineRow(day, _BY, {name: value})


def _values(kind: Kind, choices: tuple[str, ...], day: date) -> Mapping[str, Value]:
    """Return description -> value for the values that a field may be set to."""

    def filled(data: str | date | tuple[str, ...]) -> Value:
        return Value(ValueState.FILLED, data, ", ".join(data) if isinstance(data, tuple) else str(data))

    emptied = {"emptied": EMPTY}
    match kind:
        case Kind.TEXT:
            return emptied | {
                "TBD": Value(ValueState.PLACEHOLDER, text="TBD"),
                "a few words": filled(_SHORT),
                "a sentence": filled(_LONG),
                "a picture alone": Value(ValueState.FILLED, "", media_only=True),
            }
        case Kind.TIME:
            return emptied | {
                "a past day": filled(day - timedelta(days=9)),
                "a day ahead": filled(day.replace(year=day.year + 1)),
            }
        case Kind.ENUM:
            return emptied | {choice: filled(choice) for choice in choices}
        case Kind.YESNO:
            return emptied | {"yes": filled("yes"), "no": filled("no")}
        case Kind.LIST:
            return emptied | {"a link": filled(("CAPA-88",))}
        case _:
            return emptied | {f"set to {who}": filled(who) for who in ("ana", _BY)}


def _action_edits(day: When) -> Iterator[tuple[str, TimelineRow]]:
    text, past = Value(ValueState.FILLED, "Name a deputy", "Name a deputy"), day.day - timedelta(days=30)
    late = Value(ValueState.FILLED, past, str(past))
    edits = {
        "one more action, bare": ActionEdit("A9", kind=ActionKind.CORRECTIVE.value, text=text),
        "one more action, late": ActionEdit("A9", text=text, due_at=late, owner=text),
        "one more action, done": ActionEdit("A9", text=text, done=True),
        "action A1 done": ActionEdit("A1", done=True),
        "action A1 cancelled": ActionEdit("A1", cancelled=True),
    }
    return ((words, TimelineRow(day, _BY, {}, actions=(edit,))) for words, edit in edits.items())
