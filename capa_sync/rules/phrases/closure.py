"""Phrases about changes by people after a record was closed, without reopening it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from capa_sync.model.finding import Evidence
from capa_sync.model.record import FieldChange, Stage
from capa_sync.rules.context import Context
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.history import CHANGING, by_humans
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, PhraseError, Test
from capa_sync.rules.subjects import Subject
from capa_sync.rules.words import change_facts, clip, present_fact, show_date


def _since_closing(subject: Subject, context: Context) -> Sequence[FieldChange] | None:
    """Return the known changes by humans since the last closing, None when they are not known."""
    if not context.value(subject.name).is_known:
        return None
    if context.record.stage is not Stage.CLOSED:
        return ()
    entry, sure = context.last_entry("closed")
    if entry is None or not sure or entry.group is None:
        return None
    late = [change for change in context.changes(subject.name) if change.group > entry.group]
    changes = by_humans(late, subject, context) if late else ()
    return changes if changes or not context.gap(subject.name) else None


def _facts(subject: Subject, context: Context) -> list[Evidence]:
    changes = _since_closing(subject, context)
    return change_facts(changes, context) if changes else [present_fact(subject.name, context)]


def _lacks(subject: Subject, context: Context) -> list[str]:
    changes = _since_closing(subject, context)
    if not changes:
        return []
    last = changes[-1]
    label, person = context.label(subject.name), clip(context.person(last.by))
    return [context.texts.sentences.changed_field.format(label=label, day=show_date(last.at, context), person=person)]


def _marks(subject: Subject, context: Context) -> list[str]:
    changes = _since_closing(subject, context)
    return [f"{subject.name} {changes[-1].at.isoformat()} {changes[-1].by}"] if changes else []


def _last_at(subject: Subject, context: Context) -> datetime | None:
    changes = _since_closing(subject, context)
    return changes[-1].at if changes else None


def _check(subject: Subject) -> None:
    if subject.derived and subject.name != "actions":
        raise PhraseError(
            f"'{subject.name}' is derived and is never changed by a human", "say it of a field of the record"
        )


def _unchanged(subject: Subject, _: Arguments) -> Test:
    _check(subject)

    def holds(context: Context) -> Truth:
        changes = _since_closing(subject, context)
        return None if changes is None else not changes

    return Test(
        (subject.name,),
        holds,
        facts=lambda context: _facts(subject, context),
        lacks=lambda context: _lacks(subject, context),
        marks=lambda context: _marks(subject, context),
        broken_at=lambda context: _last_at(subject, context),
    )


def _with_reason(subject: Subject, _: Arguments) -> Test:
    _check(subject)

    def holds(context: Context) -> Truth:
        changes = _since_closing(subject, context)
        if not changes:
            return None if changes is None else True
        last = changes[-1].at
        has_reason = any(comment.human and comment.at >= last for comment in context.record.comments)
        if not has_reason and context.comments_unknown:
            return None
        return None if has_reason and context.gap(subject.name) else has_reason

    return Test(
        (subject.name,),
        holds,
        facts=lambda context: _facts(subject, context),
        lacks=lambda context: _lacks(subject, context),
        marks=lambda context: _marks(subject, context),
        broken_at=lambda context: _last_at(subject, context),
        comments=True,
    )


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "unchanged by a human since closing",
        Family.CLOSURE,
        CHANGING,
        _unchanged,
        "No person changed it after the edit that last closed the record; true while it is not closed.",
        "root_cause: unchanged by a human since closing",
        order=True,
        history=True,
    ),
    Phrase(
        "each change since closing has a reason",
        Family.CLOSURE,
        CHANGING,
        _with_reason,
        "After each change that a person made since closing, a person wrote a comment.",
        "root_cause: each change since closing has a reason",
        history=True,
    ),
)
