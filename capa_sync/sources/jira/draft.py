"""A search row split into the parts that readings are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from capa_sync.model.light import light
from capa_sync.model.ticket import Part, RawChange
from capa_sync.sources.bodies import TooMuch
from capa_sync.sources.jira.parts import KNOWN, RECORD, UNKNOWN, record_part, split
from capa_sync.sources.jira.shapes import lack_of
from capa_sync.sources.jira.times import read_instant
from capa_sync.sources.sizes import Oversized

_STALE = timedelta(seconds=1)


@light
class ReadHistory:
    """A history that was read: when its newest entry was made, its part, and its changes in true order.

    `fault`: why it makes no part or no changes; it counts only when the ticket is not read once more.
    """

    newest_at: datetime | None
    part: Part | None = None
    changes: tuple[RawChange, ...] = ()
    fault: Exception | None = None

    def unshown(self) -> ReadHistory:
        """Return it without its part, which Jira refuses to show now: the mirror keeps its own."""
        return ReadHistory(self.newest_at, None, self.changes, self.fault)


@dataclass(slots=True)
class Draft:
    """A search row split into parts: the issue, its record part, and the changelog and comments inside it.

    `is_by_id`: it came from the database, not from the search index. `absent`: fields that the answer left out, once
    `is_carried` says that the mirror was consulted; `settled`: those of them for which nothing is requested any more.
    `has_unread_comments`: these were left out or refused, and not read afterwards. `history`: None before it is read.
    `is_oversized`: the ticket is larger than an answer may be; only its outline is known.
    `lack`: what the answer left out although every issue has it (`shapes.lack_of`), "" for nothing.
    `fault`: why the ticket cannot be used, "" when it can.
    """

    id: str
    issue: dict[str, Any]
    part: Part
    changelog: dict[str, Any] | None
    comments: dict[str, Any] | None
    history: ReadHistory | None = None
    is_complete: bool = True
    is_by_id: bool = False
    absent: tuple[str, ...] = ()
    is_carried: bool = False
    settled: set[str] = field(default_factory=set)
    has_unread_comments: bool = False
    is_oversized: bool = False
    lack: str = ""
    fault: str = ""

    @classmethod
    def of(cls, issue: dict[str, Any]) -> Draft:
        """Split a row; this changes the row."""
        is_oversized = isinstance(issue, Oversized)
        changelog, comments = split(issue)
        fields = issue.get("fields")
        lack = lack_of(issue) if isinstance(fields, dict) and not is_oversized else ""
        try:
            return cls(
                str(issue["id"]), issue, record_part(issue), changelog, comments, is_oversized=is_oversized, lack=lack
            )
        except TooMuch as much:
            updated = str(fields.get("updated")) if isinstance(fields, dict) else ""
            return cls(str(issue["id"]), issue, Part(RECORD, b"", updated), changelog, comments, fault=str(much))

    def renew(self, fresh: Draft) -> None:
        """Replace the content by that of a newer answer."""
        self.issue, self.part, self.is_by_id = fresh.issue, fresh.part, True
        self.changelog, self.comments = fresh.changelog, fresh.comments
        self.absent, self.is_carried, self.settled = fresh.absent, fresh.is_carried, fresh.settled
        self.is_oversized, self.lack, self.fault = fresh.is_oversized, fresh.lack, fresh.fault

    def mark(self, states: Mapping[str, str]) -> None:
        """Store the state (`parts.KNOWN` etc.) of left-out fields in the record, and make its part again."""
        marks = {**self.issue.pop(UNKNOWN, {}), **states}
        if left := {name: state for name, state in marks.items() if state != KNOWN}:
            self.issue[UNKNOWN] = left
        try:
            self.part = record_part(self.issue)
        except TooMuch as much:
            self.fault = str(much)

    def settle(self, states: Mapping[str, str]) -> None:
        """Mark fields for which this version of the ticket is not requested again."""
        self.settled |= states.keys()
        self.mark(states)

    def settle_shown(self, name: str) -> None:
        """Take away the mark of a part that was left out or refused before and has now been read."""
        if name in self.absent or name in self.issue.get(UNKNOWN, {}):
            self.settle({name: KNOWN})

    @property
    def key(self) -> str:
        """The present key, or the id where the answer has no key."""
        return str(self.issue.get("key") or self.id)

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields; empty where the answer has none."""
        found = self.issue.get("fields")
        return found if isinstance(found, dict) else {}


def lateness(draft: Draft) -> tuple[datetime, datetime] | None:
    """Return when the record and its history last changed, where the record is the older one; else None."""
    newest = draft.history.newest_at if draft.history else None
    if newest is None:
        return None
    updated = updated_at(draft)
    return None if updated is None or newest <= updated + _STALE else (updated, newest)


def updated_at(draft: Draft) -> datetime | None:
    """Return when the record was updated, None when that cannot be read."""
    try:
        return read_instant(draft.fields.get("updated"))
    except (TypeError, ValueError, OverflowError):
        return None
