"""Phrases about the corrective and preventive actions of a record; a cancelled action is neither open nor done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.finding import Evidence
from capa_sync.model.near import near_or_all
from capa_sync.model.record import Action
from capa_sync.model.values import Value
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Clocked, Truth
from capa_sync.rules.phrases.phrase import (
    Arguments,
    Family,
    Phrase,
    PhraseError,
    Test,
    number,
    words,
)
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import clip, join_words, show_date, show_value

_ACTIONS = frozenset({Kind.ACTIONS})
_PARTS: dict[str, tuple[str, Callable[[Action], Value]]] = {
    "text": ("text", lambda action: action.text),
    "owner": ("owner", lambda action: action.owner),
    "due_at": ("due date", lambda action: action.due_at),
    "evidence": ("evidence", lambda action: action.evidence),
}


def action_name(action: Action) -> str:
    """Return the name of an action for people."""
    return clip(action.key or str(action.text.data or action.id))


def _action_fact(action: Action, context: Context) -> Evidence:
    text = say.ACTION.format(
        action=action_name(action),
        due=_due(action.due_at, context),
        owner=_owner(action.owner, context),
        state=_state(action, context),
    )
    return Evidence("actions", text, action.done_at, None, action.id)


def _due(due: Value, context: Context) -> str:
    if isinstance(due.data, date):
        return say.DUE.format(day=show_date(due.data, context))
    return say.NO_DUE if due.is_known else say.DUE_UNKNOWN


def _owner(owner: Value, context: Context) -> str:
    if owner.is_filled:
        return say.OWNER.format(person=clip(context.person(str(owner.data))))
    return say.NO_OWNER if owner.is_known else say.OWNER_UNKNOWN


def _state(action: Action, context: Context) -> str:
    if not action.readable:
        return say.UNREADABLE
    return say.OPEN if action.done_at is None else say.DONE.format(day=show_date(action.done_at, context))


def action_facts(context: Context) -> list[Evidence]:
    """Return the facts of every action that rules count."""
    found = [_action_fact(action, context) for action in context.actions]
    if context.actions_unknown:
        found.append(Evidence("actions", context.actions_unknown))
    return found or [Evidence("actions", say.NO_ACTION)]


def _readable(context: Context) -> Sequence[Action]:
    return [action for action in context.actions if action.readable]


def _every(
    actions: Callable[[Context], Sequence[Action]], parts: Sequence[str], lacks: Callable[[Context], list[str]]
) -> Test:
    """Return the test that every given action has every given part."""

    def holds(context: Context) -> Truth:
        values = [_PARTS[part][1](action) for action in actions(context) for part in parts]
        if any(value.is_known and not value.is_filled for value in values):
            return False
        return None if context.actions_unknown or any(not value.is_known for value in values) else True

    return Test(("actions",), holds, facts=action_facts, lacks=lacks)


def _lacking(action: Action, parts: Sequence[str], texts: CommentTexts = ENGLISH) -> list[str]:
    """Return the names of the parts that an action lacks."""
    lacks = (part for part in parts if (value := _PARTS[part][1](action)).is_known and not value.is_filled)
    return [texts.fields.get(part) or _PARTS[part][0] for part in lacks]


def _each_has(_: Subject, args: Arguments) -> Test:
    parts = words(args[0])
    for part in parts:
        if part not in _PARTS:
            hint = near_or_all(part, _PARTS)
            raise PhraseError(f"an action has no '{part}'", hint)

    def lacks(context: Context) -> list[str]:
        words = context.texts.sentences
        found = ((action, _lacking(action, parts, context.texts)) for action in _readable(context))
        return [
            words.parts_of.format(parts=join_words(missing, words.both), action=action_name(action))
            for action, missing in found
            if missing
        ]

    return _every(_readable, parts, lacks)


def _done(context: Context) -> Sequence[Action]:
    return [action for action in _readable(context) if action.done_at is not None]


def _done_has_evidence(_: Subject, __: Arguments) -> Test:
    def lacks(context: Context) -> list[str]:
        form = context.texts.sentences.evidence_for
        return [form.format(action=action_name(a)) for a in _done(context) if _lacking(a, ("evidence",))]

    return _every(_done, ("evidence",), lacks)


def _open(context: Context) -> Sequence[Action]:
    return [action for action in _readable(context) if action.done_at is None]


def _at_most_open(_: Subject, args: Arguments) -> Test:
    most = number(args[0])

    def holds(context: Context) -> Truth:
        if len(_open(context)) > most:
            return False
        return None if context.actions_unknown else True

    def lacks(context: Context) -> list[str]:
        form = context.texts.sentences.completion_of
        return [form.format(action=action_name(action)) for action in _open(context)]

    return Test(("actions",), holds, facts=action_facts, lacks=lacks)


def _overdue(_: Subject, args: Arguments) -> Test:
    days = number(args[0])

    def flip(action: Action, context: Context) -> datetime | None:
        due, calendar = action.due_at.data, context.terms.calendar
        if not isinstance(due, date):
            return None
        return calendar.elapsed(calendar.end_of(due), days, context.record.pauses)

    def clock(context: Context) -> Clocked:
        flips = [moment for action in _open(context) if (moment := flip(action, context)) is not None]
        unsure = bool(context.actions_unknown) or any(not action.due_at.is_known for action in _open(context))
        return Clocked(None if unsure else True, tuple(sorted(set(flips))), False)

    def lacks(context: Context) -> list[str]:
        late = [a for a in _open(context) if (moment := flip(a, context)) is not None and context.now >= moment]
        form = context.texts.sentences.late_action
        return [form.format(action=action_name(a), day=show_value("due_at", a.due_at, context)) for a in late]

    return Test(("actions",), clock=clock, facts=action_facts, lacks=lacks)


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "each has A, B",
        Family.ACTIONS,
        _ACTIONS,
        _each_has,
        "Every action has these of its parts: text, owner, due_at, evidence. True where there is no action.",
        "actions: each has text, owner, due_at",
    ),
    Phrase(
        "at most N are open",
        Family.ACTIONS,
        _ACTIONS,
        _at_most_open,
        "So many actions or fewer are not done.",
        "actions: at most 0 are open",
    ),
    Phrase(
        "none is overdue by more than N days",
        Family.ACTIONS,
        _ACTIONS,
        _overdue,
        "No open action's due date ended longer ago than so many calendar days, days on hold left out.",
        "actions: none is overdue by more than 1 day",
    ),
    Phrase(
        "each done one has evidence",
        Family.ACTIONS,
        _ACTIONS,
        _done_has_evidence,
        "Every action that is done has evidence of its own.",
        "actions: each done one has evidence",
    ),
)
