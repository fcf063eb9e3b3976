"""Phrases about moved due dates; changes by ignored accounts do not count as moves."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta

from capa_sync.model.finding import Evidence
from capa_sync.model.values import KNOWN, ValueState
from capa_sync.rules import sentences as say
from capa_sync.rules.context import Context, DueDateMove
from capa_sync.rules.moments import Truth
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, PhraseError, Test, number
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import change_fact, present_fact, show_date

_TIME = frozenset({Kind.TIME})
_BEFORE_MOVE = timedelta(hours=24)
_REASON = "replan_reason"


def _check(subject: Subject) -> None:
    if subject.derived:
        raise PhraseError(f"'{subject.name}' is derived and is never moved", "say it of 'due_at'")


def move_words(move: DueDateMove, context: Context) -> str:
    """Return one move as text."""
    old, new, at = (show_date(day, context) for day in (move.old, move.new, move.change.at))
    return context.texts.sentences.move.format(old=old, new=new, day=at)


def _facts(subject: Subject, context: Context) -> list[Evidence]:
    found = [change_fact(move.change, context) for move in context.moves(subject.name)]
    return found or [present_fact(subject.name, context)]


def _last_move(subject: Subject, context: Context) -> datetime | None:
    moves = context.moves(subject.name)
    return moves[-1].change.at if moves else None


def _seen(subject: Subject, context: Context, broken: bool) -> Truth:
    """Return the truth of 'there was no such move'; unread history may hide one."""
    if broken:
        return False
    if context.value(subject.name).state not in KNOWN or not context.is_whole(subject.name):
        return None
    return True


def _at_most(subject: Subject, args: Arguments) -> Test:
    _check(subject)
    most = number(args[0])
    return Test(
        (subject.name,),
        lambda context: _seen(subject, context, len(context.moves(subject.name)) > most),
        facts=lambda context: _facts(subject, context),
        broken_at=lambda context: _last_move(subject, context),
    )


def _never_after_passed(subject: Subject, _: Arguments) -> Test:
    _check(subject)
    return Test(
        (subject.name,),
        lambda context: _seen(subject, context, any(move.passed for move in context.moves(subject.name))),
        facts=lambda context: _facts(subject, context),
        broken_at=lambda context: _last_move(subject, context),
    )


def _with_reason(subject: Subject, _: Arguments) -> Test:
    _check(subject)

    def bare(context: Context) -> Sequence[DueDateMove]:
        moves = context.moves(subject.name)
        if not moves:
            return ()
        last_field = max((c.group for c in context.changes(_REASON) if c.human and c.new.is_filled), default=None)
        comments = sorted(comment.at for comment in context.record.comments if comment.human)
        ends = [*(move.change.at for move in moves[1:]), None]
        return [
            move
            for move, end in zip(moves, ends, strict=True)
            if (last_field is None or last_field < move.change.group) and not _is_commented(comments, move, end)
        ]

    def holds(context: Context) -> Truth:
        lacking = bool(bare(context))
        is_unread = context.value(_REASON).state in {ValueState.ERROR, ValueState.UNREADABLE}
        if lacking and (is_unread or context.gap(_REASON) or context.comments_unknown):
            return None  # the reason may be, or may have been, in the field or comment that cannot be read
        return _seen(subject, context, lacking)

    def facts(context: Context) -> list[Evidence]:
        return [*_facts(subject, context), *(_comment_facts(subject, context) if context.moves(subject.name) else ())]

    return Test(
        (subject.name, _REASON),
        holds,
        facts=facts,
        lacks=lambda context: [move_words(move, context) for move in bare(context)],
        broken_at=lambda context: _last_move(subject, context),
        comments=True,
    )


def _is_commented(comments: Sequence[datetime], move: DueDateMove, next_move: datetime | None) -> bool:
    """Return whether a person commented between 24 h before a move and the next move.

    `comments` are the times of comments by people, earliest first: each move searches them, none goes through all.
    """
    nearest = bisect_left(comments, move.change.at - _BEFORE_MOVE)
    return nearest < len(comments) and (next_move is None or comments[nearest] < next_move)


def _comment_facts(subject: Subject, context: Context) -> list[Evidence]:
    """Return the comments by humans that may give the reason of a move of a subject that was moved."""
    first = context.moves(subject.name)[0].change.at - _BEFORE_MOVE
    return [
        Evidence("comment", say.HUMAN_COMMENT, comment.at, comment.by, comment.id)
        for comment in context.record.comments
        if comment.human and comment.at >= first
    ]


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "moved later at most N times",
        Family.DUE,
        _TIME,
        _at_most,
        "People moved the date to a later one so often or less; the first setting and earlier dates are no move.",
        "due_at: moved later at most 2 times",
        history=True,
    ),
    Phrase(
        "each later move has a reason",
        Family.DUE,
        _TIME,
        _with_reason,
        "For each move to a later date the re-plan reason was filled in the same edit or later, or a person "
        "commented from 24 hours before it up to the next move.",
        "due_at: each later move has a reason",
        history=True,
    ),
    Phrase(
        "never moved after it had passed",
        Family.DUE,
        _TIME,
        _never_after_passed,
        "Nobody moved the date to a later one after it had ended.",
        "due_at: never moved after it had passed",
        history=True,
    ),
)
