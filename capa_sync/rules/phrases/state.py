"""Phrases about the present value."""

from __future__ import annotations

from collections.abc import Callable

from capa_sync.model.near import STAGE_WORDS, near_or_all
from capa_sync.model.record import STAGE_ORDER, Stage
from capa_sync.model.values import FILLED, KNOWN, Value, ValueState
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import (
    Arguments,
    Family,
    Phrase,
    PhraseError,
    Test,
    check_word,
    number,
    word,
    words,
)
from capa_sync.rules.subjects import SUBJECTS, Kind, Subject
from capa_sync.rules.unlisted import HISTORY_OF

FILLABLE = frozenset({Kind.TEXT, Kind.ENUM, Kind.PERSON, Kind.TIME, Kind.LIST, Kind.YESNO, Kind.ACTIONS, Kind.PEOPLE})
CHOSEN = frozenset({Kind.ENUM, Kind.STAGE, Kind.STATUS, Kind.PRESENCE, Kind.SETTING})
NOT_FILLED = frozenset({ValueState.EMPTY, ValueState.PLACEHOLDER})
_FILLED, _EMPTY = frozenset({ValueState.FILLED}), frozenset({ValueState.EMPTY})
_RANK = {stage: rank for rank, stage in enumerate(STAGE_ORDER)}


def of_value(name: str, test: Callable[[Value], bool], *, quick: bool = False) -> Test:
    """Return a test of the present value; its truth is None while the value is unmapped, unreadable or an error.

    Of a value that is not filled, the test reads the state alone.
    """

    def holds(context: Context) -> Truth:
        value = context.value(name)
        return test(value) if value.state in KNOWN else None

    def holds_of_field(context: Context) -> Truth:
        value = context.record.fields[name]
        return test(value) if value.state in KNOWN else None

    if not SUBJECTS[name].is_field:
        return Test((name,), holds, present=True, quick=quick)
    false_in = frozenset(state for state in NOT_FILLED if not test(Value(state)))
    return Test((name,), holds_of_field, present=True, quick=quick, false_in=false_in)


def _of_state(name: str, states: frozenset[ValueState]) -> Test:
    """Return a test that a known value is in one of some states."""
    if not SUBJECTS[name].is_field:
        return of_value(name, lambda value: value.state in states, quick=True)
    truths = {state: state in states if state in KNOWN else None for state in ValueState}

    def holds(context: Context) -> Truth:
        return truths[context.record.fields[name].state]

    return Test((name,), holds, present=True, quick=True, false_in=KNOWN - states)


def filled(subject: Subject, _: Arguments) -> Test:
    """Return the test that a subject is filled; a placeholder does not count as filled."""
    return _of_state(subject.name, _FILLED)


def _not_filled(subject: Subject, _: Arguments) -> Test:
    return _of_state(subject.name, NOT_FILLED)


def _empty(subject: Subject, _: Arguments) -> Test:
    return _of_state(subject.name, _EMPTY)


def one_of(subject: Subject, names: tuple[str, ...]) -> frozenset[str]:
    """Return the words to compare a choice with, case-folded. Raises PhraseError for a word that it cannot hold."""
    for name in names:
        check_word(subject, name)
    return frozenset(name.casefold() for name in names)


def _is(subject: Subject, args: Arguments) -> Test:
    wanted = one_of(subject, (word(args[0]),))
    return of_value(
        subject.name, lambda value: value.state is FILLED and str(value.data).casefold() in wanted, quick=True
    )


def _is_not(subject: Subject, args: Arguments) -> Test:
    unwanted = one_of(subject, (word(args[0]),))
    return of_value(
        subject.name, lambda value: value.state is FILLED and str(value.data).casefold() not in unwanted, quick=True
    )


def _is_one_of(subject: Subject, args: Arguments) -> Test:
    wanted = one_of(subject, words(args[0]))
    return of_value(
        subject.name, lambda value: value.state is FILLED and str(value.data).casefold() in wanted, quick=True
    )


def _is_not_one_of(subject: Subject, args: Arguments) -> Test:
    unwanted = one_of(subject, words(args[0]))
    return of_value(
        subject.name, lambda value: value.state is FILLED and str(value.data).casefold() not in unwanted, quick=True
    )


def _is_yes(subject: Subject, _: Arguments) -> Test:
    return of_value(subject.name, lambda value: value.data == "yes", quick=True)


def _is_no(subject: Subject, _: Arguments) -> Test:
    return of_value(subject.name, lambda value: value.data == "no", quick=True)


def stage_named(name: str) -> Stage:
    """Return the stage of a name. Raises PhraseError that suggests the nearest stage."""
    known = [stage.value for stage in Stage]
    if name not in known:
        raise PhraseError(f"'{name}' is not a stage", near_or_all(name, known, STAGE_WORDS))
    return Stage(name)


def _at_least_stage(subject: Subject, args: Arguments) -> Test:
    stage = stage_named(word(args[0]))
    if stage not in _RANK:
        raise PhraseError(
            f"'{stage.value}' is a side state and has no place in the order of stages", f"write `is {stage.value}`"
        )
    reached = frozenset(s.value for s in STAGE_ORDER[_RANK[stage] :])
    return of_value(subject.name, lambda value: value.data in reached, quick=True)


def _at_least(subject: Subject, args: Arguments) -> Test:
    wanted = number(args[0])

    def holds(context: Context) -> Truth:
        count, more = counted(subject, context)
        return True if count is not None and count >= wanted else (None if more or count is None else False)

    return Test((subject.name,), holds)


def _at_most(subject: Subject, args: Arguments) -> Test:
    allowed = number(args[0])

    def holds(context: Context) -> Truth:
        count, more = counted(subject, context)
        return False if count is not None and count > allowed else (None if more or count is None else True)

    return Test((subject.name,), holds)


def counted(subject: Subject, context: Context) -> tuple[int | None, bool]:
    """Return how many members a subject has (None: unknown), and whether there may be more."""
    if subject.kind is Kind.ACTIONS:
        return len(context.actions), bool(context.actions_unknown)
    value = context.value(subject.name)
    if not value.is_known:
        return None, True
    if isinstance(value.data, float):
        return int(value.data), subject.name in HISTORY_OF and not context.is_whole(subject.name)
    return (len(value.data) if isinstance(value.data, tuple) else 0), False


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "filled",
        Family.STATE,
        FILLABLE,
        filled,
        "It holds something; a placeholder such as TBD counts as nothing.",
        "root_cause: filled",
    ),
    Phrase(
        "not filled",
        Family.STATE,
        FILLABLE,
        _not_filled,
        "It is empty or holds only a placeholder.",
        "root_cause: not filled",
    ),
    Phrase(
        "empty",
        Family.STATE,
        FILLABLE,
        _empty,
        "It holds nothing at all, not even a placeholder.",
        "root_cause: empty",
    ),
    Phrase("is A", Family.STATE, CHOSEN, _is, "It is exactly this.", "grade: is major"),
    Phrase(
        "is not A",
        Family.STATE,
        CHOSEN,
        _is_not,
        "It is something else; an empty field meets no comparison.",
        "stage: is not rejected",
    ),
    Phrase(
        "is one of A, B",
        Family.STATE,
        CHOSEN,
        _is_one_of,
        "It is one of these; names with spaces or commas stand in quotes.",
        "track: is one of nonconformity, observation",
    ),
    Phrase(
        "is not one of A, B",
        Family.STATE,
        CHOSEN,
        _is_not_one_of,
        "It is something else than these; an empty field meets no comparison.",
        "stage: is not one of rejected, cancelled, duplicate",
    ),
    Phrase("is yes", Family.STATE, frozenset({Kind.YESNO}), _is_yes, "It says yes.", "training_needed: is yes"),
    Phrase(
        "is no",
        Family.STATE,
        frozenset({Kind.YESNO}),
        _is_no,
        "It says no; for 'not no' write none: [{action_needed: is no}].",
        "action_needed: is no",
    ),
    Phrase(
        "at least STAGE",
        Family.STATE,
        frozenset({Kind.STAGE}),
        _at_least_stage,
        "The claimed stage is this one or a later one; the side states are none of them.",
        "stage: at least planned",
    ),
    Phrase(
        "at least N",
        Family.STATE,
        frozenset({Kind.ACTIONS, Kind.NUMBER, Kind.LIST}),
        _at_least,
        "There are so many or more.",
        "actions: at least 1",
    ),
    Phrase(
        "at most N",
        Family.STATE,
        frozenset({Kind.ACTIONS, Kind.NUMBER, Kind.LIST}),
        _at_most,
        "There are so many or fewer.",
        "replans: at most 2",
    ),
)
