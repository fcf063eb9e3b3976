"""Phrases about the order of first times; two events in one edit, or at creation, are in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from capa_sync.model.finding import Evidence
from capa_sync.model.values import KNOWN, ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.moments import FirstTime, Moment, Truth, in_order
from capa_sync.rules.phrases.phrase import (
    Arguments,
    Family,
    Phrase,
    PhraseError,
    Test,
    check_word,
    field,
    word,
    words,
)
from capa_sync.rules.phrases.state import FILLABLE, one_of, stage_named
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import change_fact, show_date

HISTORIED = FILLABLE - {Kind.PEOPLE}
First = Callable[[Context], FirstTime]


def first_filled(subject: Subject) -> First:
    """Return a function that finds when a subject was first filled.

    Raises PhraseError for a subject without a history.
    """
    if subject.name in {"actions", "action_started_at"}:
        return Context.action_start
    if subject.derived:
        raise PhraseError(
            f"'{subject.name}' is derived and has no history of its own", "say it of a field of the record"
        )
    return lambda context: context.first_filled(subject.name)


def ordered(subject: Subject, second: First, event: str, reads: tuple[str, ...]) -> Test:
    """Return the test that a subject was first filled before an event first happened."""
    first, names = first_filled(subject), (subject.name, *reads)

    def holds(context: Context) -> Truth:
        for name in names:
            if context.value(name).state not in KNOWN:
                return None
        return in_order(first(context), second(context))

    def facts(context: Context) -> list[Evidence]:
        return [
            *_first_fact(subject.name, "first filled", first(context), context),
            *_first_fact(reads[0] if reads else "stage", event, second(context), context),
        ]

    return Test(names, holds, facts=facts, broken_at=lambda context: _at(second(context)))


def _at(time: FirstTime) -> datetime | None:
    return None if time.known is None else time.known.at


def _first_fact(name: str, event: str, time: FirstTime, context: Context) -> list[Evidence]:
    moment = time.known
    if moment is None:
        return [Evidence(name, (say.NOT_KNOWN_WHETHER if time.possible else say.NEVER).format(event=event))]
    if not context.is_seen(moment):
        return [Evidence(name, say.BEFORE_IT_BEGINS.format(event=event))]
    day = show_date(moment.at, context)
    change = moment.change
    if change is None:
        return [Evidence(name, say.HAPPENED.format(event=event, day=day), moment.at)]
    fact = change_fact(change, context)
    if change.new.state is ValueState.EMPTY:  # of several changes saved together, one that did not make it happen
        return [Evidence(name, say.HAPPENED.format(event=event, day=day), fact.at, fact.by, fact.entry)]
    text = say.HAPPENED_BY.format(event=event, day=day, change=fact.text)
    return [Evidence(name, text, fact.at, fact.by, fact.entry)]


def _before_field(subject: Subject, args: Arguments) -> Test:
    other = field(args[0])
    return ordered(subject, first_filled(other), "first filled", (other.name,))


def _before_action(subject: Subject, _: Arguments) -> Test:
    return ordered(subject, Context.action_start, "first started", ("action_started_at",))


def before_first_stage(subject: Subject, args: Arguments) -> Test:
    """Return the test that a subject was first filled before the first entry into a stage."""
    stage = frozenset({stage_named(word(args[0])).value})
    return ordered(subject, lambda context: context.first_became("stage", stage), "first reached", ())


def before_last_stage(subject: Subject, args: Arguments) -> Test:
    """Return the test that a subject was first filled before the last entry into a stage."""
    stage = stage_named(word(args[0])).value

    def last(context: Context) -> FirstTime:
        entry, sure = context.last_entry(stage)
        return FirstTime(entry) if sure else FirstTime(entry, Moment(context.record.created_at, -1))

    test = ordered(subject, last, "last reached", ())
    first = first_filled(subject)

    def holds(context: Context) -> Truth:
        entry, sure = context.last_entry(stage)
        if context.value(subject.name).state not in KNOWN:
            return None
        known = first(context).known
        if sure and entry is not None and known is not None and known.not_after(entry):
            return True  # it is certain that it was filled by then, even if older history is unread
        return test.holds(context)

    return Test(test.reads, holds, facts=test.facts, broken_at=test.broken_at)


def _was_before(subject: Subject, args: Arguments) -> Test:
    passed = one_of(subject, words(args[0]))
    check_word(subject, word(args[1]))
    goal = frozenset({word(args[1]).casefold()})

    def was(context: Context) -> FirstTime:
        return context.first_became(subject.name, passed)

    def became(context: Context) -> FirstTime:
        return context.first_became(subject.name, goal)

    def facts(context: Context) -> list[Evidence]:
        return [
            *_first_fact(subject.name, f"was one of {', '.join(words(args[0]))}", was(context), context),
            *_first_fact(subject.name, f"became {word(args[1])}", became(context), context),
        ]

    def holds(context: Context) -> Truth:
        return in_order(was(context), became(context)) if context.value(subject.name).is_known else None

    return Test((subject.name,), holds, facts=facts, broken_at=lambda context: _at(became(context)))


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "filled before FIELD was first filled",
        Family.ORDER,
        HISTORIED,
        _before_field,
        "It was first ever filled before the other field was, or in the same edit; true while the other never was.",
        "root_cause: filled before plan_approved_by was first filled",
        order=True,
        history=True,
    ),
    Phrase(
        "filled before action started",
        Family.ORDER,
        HISTORIED,
        _before_action,
        "It was first ever filled before the first corrective action text, the first child's start and the first "
        "entry into implemented, or in the same edit; true while none of them happened.",
        "root_cause: filled before action started",
        order=True,
        history=True,
    ),
    Phrase(
        "filled before the record first became STAGE",
        Family.ORDER,
        HISTORIED,
        before_first_stage,
        "It was first ever filled before the first entry into the stage, or in the same edit.",
        "effectiveness_criterion: filled before the record first became implemented",
        order=True,
        history=True,
    ),
    Phrase(
        "filled before the record last became STAGE",
        Family.ORDER,
        HISTORIED,
        before_last_stage,
        "It was first ever filled before the last entry into the stage, or in the same edit: for records reopened.",
        "effectiveness_result: filled before the record last became closed",
        order=True,
        history=True,
    ),
    Phrase(
        "was one of A, B before it first became C",
        Family.ORDER,
        frozenset({Kind.STATUS, Kind.STAGE, Kind.ENUM}),
        _was_before,
        "It had been one of these when it first became that; names with spaces or commas stand in quotes.",
        'source_status: was one of Approved, "Pre-Approved" before it first became Done',
        order=True,
        history=True,
    ),
)
