"""Records that are alike: the same requirement was not met, and the same kind of cause led to it."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from capa_sync.model.light import light

LONGEST_WITHIN_DAYS = 3_660
"""Matches are kept of records that were closed at most so many days before the later one was found; which of them
count is the setting `recurs_within`."""
MOST_EARLIER = 5
"""Earlier records that are kept for one record, the last closed first; the last effective one is kept besides."""


@light
class SimilarKey:
    """One requirement of a record with its kind of cause, by which it is compared with others.

    Attributes:
        key: requirement and kind of cause, without capital letters. ticket_key: of the record.
        identified_on, closed_on: local days on which it was found and closed; None while it is not closed.
        is_effective: its review says that the action worked.
    """

    key: str
    ticket_key: str
    identified_on: date
    closed_on: date | None
    is_effective: bool


@light
class EarlierMatch:
    """A record with the same requirement and kind of cause that was closed before another one was found."""

    source: str
    ticket_id: str
    ticket_key: str
    closed_on: date
    is_effective: bool


class RecordLine(NamedTuple):
    """What a list shows of a record: ticket, title, claimed stage, when it was closed ("" while open), its result."""

    source: str
    ticket_key: str
    title: str
    stage: str
    closed_at: str
    result: str
    is_confidential: bool
