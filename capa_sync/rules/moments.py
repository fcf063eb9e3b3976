"""Moments and three-valued truth: when something first happened, which came first, what time alone changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from capa_sync.model.record import FieldChange

Truth = bool | None
"""True, false, or None for "cannot tell" (docs/contract.md 7, Truth)."""


class Moment(NamedTuple):
    """An instant in a record's history; `group` is equal for the changes of one save, None where unknown."""

    at: datetime
    group: int | None = None
    change: FieldChange | None = None

    def not_after(self, other: Moment) -> bool:
        """Return whether this moment came before the other, or belongs to the same edit."""
        if self.group is not None and other.group is not None:
            return self.group <= other.group
        return self.at <= other.at


DAWN = Moment(datetime.min.replace(tzinfo=UTC), -1)
"""A moment before all others; stands for a past that cannot be read."""


class FirstTime(NamedTuple):
    """When something first happened.

    Attributes:
        known: the first certain moment; the event had happened by then.
        possible: an earlier moment at which the event may already have happened; None when `known` is exact.
    """

    known: Moment | None = None
    possible: Moment | None = None

    @property
    def earliest(self) -> Moment | None:
        """Return the earliest moment at which the event may have happened."""
        return self.possible or self.known


class Clocked(NamedTuple):
    """A truth that time alone changes: `before` until the first of `flips`, `after` from then on.

    Further flips, ascending, change only the facts (one more action is late). Without flips it never changes.
    """

    before: Truth
    flips: tuple[datetime, ...] = ()
    after: Truth = None

    def at(self, now: datetime) -> tuple[Truth, datetime | None]:
        """Return the truth at an instant, and when it changes."""
        flips = self.flips
        if not flips:
            return self.before, None
        return (self.before, flips[0]) if flips[0] > now else (self.after, None)

    def next_flip(self, now: datetime) -> datetime | None:
        """Return when the truth or its facts change next."""
        return next((flip for flip in self.flips if flip > now), None)


def in_order(first: FirstTime, second: FirstTime) -> Truth:
    """Return whether `first` came before `second` or in the same edit; true while `second` never happened."""
    floor = second.earliest
    if floor is None:
        return True
    if first.known is not None and first.known.not_after(floor):
        return True
    start = first.earliest
    late = start is None or (second.known is not None and not start.not_after(second.known))
    return False if late and second.known is not None else None


def first_of(times: Iterable[FirstTime]) -> FirstTime:
    """Return when the first of several events first happened."""
    known: Moment | None = None
    possible: Moment | None = None
    for time in times:
        known = _earlier(known, time.known)
        possible = _earlier(possible, time.possible)
    if possible is not None and known is not None and known.not_after(possible):
        possible = None
    return FirstTime(known, possible)


def _earlier(left: Moment | None, right: Moment | None) -> Moment | None:
    if left is None or right is None:
        return left or right
    return left if left.not_after(right) else right
