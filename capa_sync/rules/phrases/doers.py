"""Phrases about order and person: a field was filled in time, and by another person."""

from __future__ import annotations

from capa_sync.rules.context import Context
from capa_sync.rules.moments import Moment, Truth
from capa_sync.rules.phrases.order import HISTORIED, before_first_stage, before_last_stage, first_filled
from capa_sync.rules.phrases.people import persons_of
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, Test, check_kind, field
from capa_sync.rules.subjects import Kind, Subject
from capa_sync.rules.words import present_fact


def _by_other(subject: Subject, order: Test, args: Arguments) -> Test:
    """Return the test that an order holds, and that the person who first filled the subject is not in a given field.

    The truth is unknown while that field is empty, and when the person is unknown or an ignored account.
    """
    other = field(args[1])
    check_kind(other, Kind.PERSON, Kind.PEOPLE)
    first = first_filled(subject)

    def is_other(context: Context, known: Moment, possible: Moment | None) -> Truth:
        if possible is not None:
            return None  # another person may have filled it before
        by = known.change.by if known.change is not None and known.change.human else None
        people, unsure = persons_of(other.name, context)
        if by is not None and by in people:
            return False
        return True if by is not None and people and not unsure else None

    def holds(context: Context) -> Truth:
        in_time = order.holds(context)
        known, possible = first(context)
        if in_time is False or known is None:
            return in_time
        is_by_other = is_other(context, known, possible)
        return None if in_time is None and is_by_other is True else is_by_other

    return Test(
        (*order.reads, other.name),
        holds,
        facts=lambda context: [*order.evidence(context), present_fact(other.name, context)],
        broken_at=order.broken_at,
    )


PHRASES: tuple[Phrase, ...] = (
    Phrase(
        "filled before the record first became STAGE by someone other than FIELD",
        Family.PEOPLE,
        HISTORIED,
        lambda subject, args: _by_other(subject, before_first_stage(subject, args), args),
        "It was first ever filled before the first entry into the stage, and by nobody whom that field names; while "
        "that field is empty the rule cannot tell.",
        "root_cause: filled before the record first became planned by someone other than raised_by",
        order=True,
        history=True,
    ),
    Phrase(
        "filled before the record last became STAGE by someone other than FIELD",
        Family.PEOPLE,
        HISTORIED,
        lambda subject, args: _by_other(subject, before_last_stage(subject, args), args),
        "It was first ever filled before the last entry into the stage, and by nobody whom that field names; while "
        "that field is empty the rule cannot tell.",
        "effectiveness_result: filled before the record last became closed by someone other than owner",
        order=True,
        history=True,
    ),
)
