"""Phrases about past values, and about changes after an event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.model.finding import Evidence
from capa_sync.model.record import ActionKind, FieldChange
from capa_sync.model.ticket import Origin
from capa_sync.model.values import ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Clocked, Truth
from capa_sync.rules.phrases.order import first_filled
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, PhraseError, Test, field, number, word
from capa_sync.rules.phrases.state import FILLABLE, one_of, stage_named
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import change_facts, present_fact

CHANGING = FILLABLE - {Kind.PEOPLE}
_NAMED = frozenset({Kind.STAGE, Kind.STATUS, Kind.ENUM})
_UNSURE = frozenset({ValueState.ERROR, ValueState.UNREADABLE})


def by_humans(changes: Iterable[FieldChange], subject: Subject, context: Context) -> Sequence[FieldChange]:
    """Return the real changes of a subject by humans; of actions, only corrective and preventive ones."""
    skipped: set[str] = set()
    if subject.kind is Kind.ACTIONS:
        other = {ActionKind.CORRECTION, ActionKind.OTHER}
        skipped = {action.id for action in context.record.actions if action.kind in other}
    is_actions = subject.kind is Kind.ACTIONS
    return [
        change
        for change in changes
        if change.human and change.action_id not in skipped and (is_actions or change.old != change.new)
    ]


def human_changes(subject: Subject, context: Context) -> Sequence[FieldChange]:
    """Return all real changes of a subject by humans, the value that a human gave it at creation included."""
    return by_humans(context.changes(subject.name), subject, context)


def _has_been(subject: Subject, args: Arguments) -> Test:
    wanted = one_of(subject, (word(args[0]),))

    def holds(context: Context) -> Truth:
        now = context.value(subject.name)
        if not now.is_known:
            return None
        if now.is_filled and str(now.data).casefold() in wanted:
            return True
        first = context.first_became(subject.name, wanted)
        return True if first.known else (None if first.possible else False)

    def facts(context: Context) -> list[Evidence]:
        return change_facts(context.changes(subject.name), context) or [present_fact(subject.name, context)]

    return Test((subject.name,), holds, facts=facts)


def _emptied_again(subject: Subject, _: Arguments) -> Test:
    def holds(context: Context) -> Truth:
        value = context.value(subject.name)
        if not value.is_known:
            return None
        if value.is_filled:
            return False
        first = context.first_filled(subject.name)
        return True if first.known else (None if first.possible else False)

    def facts(context: Context) -> list[Evidence]:
        return change_facts(context.changes(subject.name), context) or [present_fact(subject.name, context)]

    return Test((subject.name,), holds, facts=facts)


def _changed_after(subject: Subject, args: Arguments) -> Test:
    other = field(args[0])
    find = first_filled(other)

    def later(context: Context) -> Sequence[FieldChange]:
        known = find(context).known
        if known is None:
            return ()
        return [
            change
            for change in human_changes(subject, context)
            if (change.group > known.group if known.group is not None else change.at > known.at)
        ]

    def holds(context: Context) -> Truth:
        if later(context):
            return True
        if not (context.value(subject.name).is_known and context.value(other.name).is_known):
            return None
        return None if find(context).possible is not None or not context.is_whole(subject.name) else False

    def facts(context: Context) -> list[Evidence]:
        return change_facts(later(context), context) or [
            Evidence(subject.name, say.NOT_CHANGED_AFTER.format(label=other.label))
        ]

    return Test((subject.name, other.name), holds, facts=facts)


def _changed_after_last(subject: Subject, args: Arguments) -> Test:
    other = field(args[0])
    if other.derived:
        raise PhraseError(f"'{other.name}' is derived and never changes by itself", "name a field of the record")

    def later(context: Context) -> Sequence[FieldChange]:
        last = context.last_change(other.name)
        return [] if last is None else [c for c in human_changes(subject, context) if c.group > last.group]

    def holds(context: Context) -> Truth:
        if not (context.value(subject.name).is_known and context.value(other.name).is_known):
            return None
        if context.is_whole(other.name) and later(context):
            return True
        return False if context.is_whole(subject.name) and context.is_whole(other.name) else None

    def facts(context: Context) -> list[Evidence]:
        return change_facts(later(context), context) or [
            Evidence(subject.name, say.NOT_CHANGED_AFTER.format(label=other.label))
        ]

    return Test((subject.name, other.name), holds, facts=facts)


def _changed_at_most(subject: Subject, args: Arguments) -> Test:
    most, stage = number(args[0]), stage_named(word(args[1])).value

    def later(context: Context) -> Sequence[FieldChange]:
        first = context.first_became("stage", frozenset({stage})).known
        if first is None or first.group is None:
            return ()
        return [change for change in human_changes(subject, context) if change.group > first.group]

    def holds(context: Context) -> Truth:
        if not context.value(subject.name).is_known:
            return None
        first = context.first_became("stage", frozenset({stage}))
        if first.possible is None and context.is_whole(subject.name):
            return len(later(context)) <= most
        return False if len(later(context)) > most else None

    def facts(context: Context) -> list[Evidence]:
        return change_facts(later(context), context) or [present_fact(subject.name, context)]

    return Test((subject.name,), holds, facts=facts)


def _became_ago(subject: Subject, args: Arguments) -> Test:
    wanted, days = one_of(subject, (word(args[0]),)), number(args[1])

    def clock(context: Context) -> Clocked:
        now = context.value(subject.name)
        if not now.is_known:
            return Clocked(None)
        if str(now.data).casefold() not in wanted:
            return Clocked(False)
        entry = _spell_start(context, subject.name, wanted)
        if entry is None:
            return Clocked(None)
        return Clocked(False, (context.terms.calendar.add_days(entry.at, days),), True)

    return Test((subject.name,), clock=clock)


def _spell_start(context: Context, name: str, wanted: frozenset[str]) -> FieldChange | None:
    """Return the change since which a subject has held a wanted value without a break, None when not known."""
    start: FieldChange | None = None
    for change in reversed(context.changes(name)):
        if str(change.new.data).casefold() not in wanted:
            return None if change.new.state in _UNSURE else start
        start = change
    born = start is not None and start.origin is Origin.BIRTH
    return start if context.is_whole(name) or not born else None


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "has been A",
        Family.HISTORY,
        _NAMED,
        _has_been,
        "It is this now or was at any time before.",
        "stage: has been planned",
        history=True,
    ),
    Phrase(
        "emptied again",
        Family.HISTORY,
        FILLABLE - {Kind.ACTIONS, Kind.PEOPLE},
        _emptied_again,
        "It was filled at some time and is not filled now: it is empty, or holds only a placeholder.",
        "root_cause: emptied again",
        history=True,
    ),
    Phrase(
        "changed after FIELD was first filled",
        Family.HISTORY,
        CHANGING,
        _changed_after,
        "A human changed it after the other field was first ever filled, in a later edit.",
        "actions: changed after root_cause was first filled",
        history=True,
    ),
    Phrase(
        "changed after FIELD last changed",
        Family.HISTORY,
        CHANGING,
        _changed_after_last,
        "A human changed it after the last change of the other field, in a later edit.",
        "actions: changed after effectiveness_result last changed",
        history=True,
    ),
    Phrase(
        "changed at most N times after the record first became STAGE",
        Family.HISTORY,
        CHANGING,
        _changed_at_most,
        "Humans changed it so often or less after the first entry into the stage.",
        "root_cause: changed at most 2 times after the record first became implemented",
        history=True,
    ),
    Phrase(
        "became A more than N days ago",
        Family.HISTORY,
        _NAMED,
        _became_ago,
        "It is this now, and has been without a break for longer than so many days.",
        "stage: became identified more than 30 days ago",
        history=True,
    ),
)
