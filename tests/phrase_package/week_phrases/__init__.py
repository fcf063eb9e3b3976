"""Two phrases of a distribution of its own: one that time turns, and one that an edit alone changes."""

from __future__ import annotations

from capa_sync.rules.phrases.clock import turning
from capa_sync.rules.phrases.phrase import Arguments, Family, Phrase, Test, number
from capa_sync.rules.phrases.state import of_value
from capa_sync.rules.subjects import Kind, Subject


def _weeks_ago(subject: Subject, args: Arguments) -> Test:
    days = 7 * number(args[0])
    return turning(
        subject,
        lambda context, value: context.terms.calendar.add_days(context.terms.calendar.end_of(value), days),
        before=False,
    )


def _in_capitals(subject: Subject, _: Arguments) -> Test:
    return of_value(subject.name, lambda value: value.is_filled and str(value.data).isupper())


PHRASES = (
    Phrase(
        "more than N weeks ago",
        Family.REGISTERED,
        frozenset({Kind.TIME}),
        _weeks_ago,
        "So many weeks have passed since then; a date without a time ends at 24:00.",
        "due_at: more than 2 weeks ago",
    ),
    Phrase(
        "written in capitals",
        Family.REGISTERED,
        frozenset({Kind.TEXT}),
        _in_capitals,
        "Every letter of it is a capital.",
        "title: written in capitals",
    ),
)
