"""Waivers: a person's permission to leave one rule's finding on one ticket open until a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from capa_sync.model.light import light

SHORTEST_REASON = 20
"""Characters of a reason, at least (docs/clause10.md 5.1)."""


class Way(StrEnum):
    """How a waiver came into the register; it decides how far its names are proven."""

    COMMAND = "command"  # typed at a terminal: names as claimed, recorded with the operating system's user
    COMMENT = "comment"  # a comment or work note on the ticket: author and last editor as the tracker names them
    PAGE = "page"  # a form of the page: by the name of who is signed in
    FILE = "file"  # an entry of the reviewed file: names as claimed, recorded with the file's git revision


class WaiverState(StrEnum):
    """What a waiver does now."""

    ACTIVE = "active"  # the finding, if there is one, is waived
    INACTIVE = "inactive"  # it has no effect now, and may have one again
    ENDED = "ended"  # it has no effect any more


@light
class Waiver:
    """One waiver, as recorded.

    Attributes:
        source, ticket_id, rule: which finding it is for. until: its last day, in the time zone of the settings.
        reason: in the person's own words. asked_by, approved_by: person ids of the people file; "" without a second
            person. asked_at: when it was asked for; the longest time counts from that day.
        reads: subject -> digest of what the rule read when it was asked for; a waiver ends when one of them differs.
        way: how it was asked for. recorded_by: the operating system's user, for a command.
        origin: what identifies the entry of a file or the request in a comment, "" for a command.
        revision: the git revision of the file.
        is_bound: False until the first evaluation after it was recorded, which sets `reads`.
        id: its number in the register, 0 before it is recorded.
    """

    source: str
    ticket_id: str
    rule: str
    until: date
    reason: str
    asked_by: str
    asked_at: datetime
    way: Way
    approved_by: str = ""
    recorded_by: str = ""
    reads: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    revision: str = ""
    is_bound: bool = True
    id: int = 0


@light
class CommentRequest:
    """A request that a person wrote into a comment: `capa waive …` or `capa approve …`.

    Attributes:
        key: identifies the request; an edited comment has other keys. text: the request on one line.
        by, editor: person ids of the comment's author and of its last editor; None for a person that is not known.
        at: when the comment was last edited.
    """

    key: str
    text: str
    by: str | None
    editor: str | None
    at: datetime


@light
class RequestAnswer:
    """What became of a request in a comment.

    Attributes:
        key: of the request. rule: as written. name: who asked, for people. answer: why it is not granted, or what it
            waits for; "" when it was granted.
    """

    key: str
    rule: str
    name: str
    answer: str


@light
class Granted:
    """The waiver of a finding as the finding shows it: until when, by whom (names), and why."""

    until: datetime
    by: str
    reason: str


def end_of(day: date, zone: str) -> datetime:
    """Return the instant at which a day ends (24:00) in a time zone (IANA name)."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def last_day(end: datetime, zone: str) -> date:
    """Return the last day before an instant in a time zone; of an `end_of`, the day that it was made from."""
    return (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()
