"""The management review: a period, what its records show, and the report as sections with tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from capa_sync.model.light import light


@light
class ReviewPeriod:
    """The days that are reviewed, both included, and the zone in which they begin and end.

    Attributes:
        at: the instant as of which everything is shown: the end of the last day, or earlier while that is not over.
    """

    first: date
    last: date
    zone: str
    start: datetime
    at: datetime


@light
class ReviewRecord:
    """What one record shows at the end of the period.

    Attributes:
        name: SOURCE:KEY. key: the ticket's key, by which others name it. begun: when it was found, else created.
        contained, caused, implemented: when it was corrected, its cause was first filled, its actions were done.
        moves: each change between being in work and having ended: instant, whether it ended then. side: it is
            rejected, cancelled or a duplicate. first_due, due: end of the due date that was set first, and of now.
        results: each effectiveness result that was set: instant, result. repeats: keys that it is a recurrence of.
        broken: rules with an open warning. unknown: rules that cannot tell. decided: rules that could decide.
        review, risk, change: references of the management review, what became of risks, what was changed.
        decision: instant and decision on an improvement.
    """

    source: str
    name: str
    key: str
    title: str
    track: str
    grade: str
    origin: str
    owner: str
    is_confidential: bool
    begun: datetime
    contained: datetime | None
    caused: datetime | None
    implemented: datetime | None
    moves: tuple[tuple[datetime, bool], ...]
    side: bool
    first_due: datetime | None
    due: datetime | None
    results: tuple[tuple[datetime, str], ...]
    repeats: tuple[str, ...]
    broken: frozenset[str]
    unknown: frozenset[str]
    decided: frozenset[str]
    review: str = ""
    risk: str = ""
    change: str = ""
    decision: tuple[datetime, str] | None = None

    def is_open(self, at: datetime) -> bool:
        """Return whether the record was in work at an instant."""
        return at >= self.begun and self.ended_at(at) is None

    def ended_at(self, at: datetime) -> datetime | None:
        """Return when the record ended last, as of an instant; None where it had not, or was in work again."""
        last = None
        for moved, is_ended in self.moves:
            if moved <= at:
                last = moved if is_ended else None
        return last

    def is_late(self, at: datetime) -> bool:
        """Return whether the record was in work at an instant, not implemented, and its due date was over."""
        is_due = self.due is not None and self.due <= at
        return is_due and self.is_open(at) and (self.implemented is None or self.implemented > at)


@light
class ReviewTable:
    """A table: its caption, the heads of its columns, and its cells as text."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@light
class ReviewSection:
    """One input of the review: its place in clause 9.3.2 ("" none), heading, sentences, tables.

    `box`: lines to fill in.
    """

    letter: str
    heading: str
    says: tuple[str, ...] = ()
    tables: tuple[ReviewTable, ...] = ()
    box: int = 0


@light
class Review:
    """The whole report: title, sentences under it, sections."""

    title: str
    about: tuple[str, ...]
    sections: tuple[ReviewSection, ...]
