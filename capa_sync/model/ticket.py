"""Tickets as read from a tracker, before any mapping; the vendor's raw payload is kept with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from capa_sync.model.light import light
from capa_sync.model.values import Raw


class Presence(StrEnum):
    """Where a mirrored ticket is now (docs/contract.md 5)."""

    PRESENT = "present"
    DELETED = "deleted"
    DELETED_OR_HIDDEN = "deleted_or_hidden"
    ACCESS_LOST = "access_lost"
    OUT_OF_SCOPE = "out_of_scope"
    ARCHIVED = "archived"
    UNOBSERVED = "unobserved"


class Origin(StrEnum):
    """Where a change row comes from: the tracker's own history, our comparison of two reads, or the birth row."""

    HISTORY = "history"
    OBSERVED = "observed"
    BIRTH = "birth"


BIRTH = Origin.BIRTH
"""The origin by a name of its own, as `values.FILLED`."""


class Role(StrEnum):
    """What a ticket is in the register: a record, or only an action of a record (sub-task, linked ticket, child).

    A record may also be the action of another record.
    """

    RECORD = "record"
    ACTION = "action"


class Scope(StrEnum):
    """Whether the configured query finds a ticket: now, only at an earlier time, or never."""

    IN = "in"
    LEFT = "left"
    NEVER = "never"


@light
class RawChange:
    """One field's change in a tracker's history, before mapping.

    Attributes:
        entry: id of the history entry (Jira history id; ServiceNow sys_audit sys_id; `observed-…` for ours).
        at: aware UTC instant of the change.
        order: position within the ticket's history; changes saved together (one Jira history entry, one
            ServiceNow update) share it. Ascending = true order, also where instants are equal.
        field_id: tracker's field id (`customfield_10001`, `status`, a ServiceNow column). Data Center sends only
            names: the id is found by the name, or is `name:<field name>` when the name is ambiguous or unknown.
        field_name: tracker's field name at the time of the change.
        old, new: the values before and after.
        by: account id or user name of the author, "" when the tracker hides it or no longer has it.
        origin: HISTORY or OBSERVED (the mapping makes the birth rows).
    """

    entry: str
    at: datetime
    order: int
    field_id: str
    field_name: str
    old: Raw
    new: Raw
    by: str
    origin: Origin = Origin.HISTORY


@light
class RawComment:
    """One comment or work note; `internal` is True for work notes and for internal comments of JSM.

    `edited_by` is the account of its last editor, "" where the tracker names none: then it is the author's.

    `properties` are the keys of comment properties (Jira); they identify our own comment.
    """

    id: str
    at: datetime
    by: str
    text: str = ""
    updated_at: datetime | None = None
    internal: bool = False
    properties: tuple[str, ...] = ()
    edited_by: str = ""


@light
class ChildRef:
    """A ticket that this ticket names as its sub-task, link or child.

    Attributes:
        id: its immutable id, "" where the tracker reports only the key.
        key: its key or number.
        relation: `subtask`, `link` or `child`.
        link_type: link type name and direction for links (`"is resolved by"` as read from this ticket); the
            issue type's name for sub-tasks, if the tracker reports it; the ServiceNow reference column for children.
    """

    id: str
    key: str
    relation: str
    link_type: str = ""


@light
class SourceTicket:
    """One ticket, parsed from its raw parts by its source's parser; a pure function of those parts.

    Attributes:
        source: source name from the settings.
        id: immutable id (Jira issue id, ServiceNow sys_id).
        key: present key or number; `old_keys`: earlier keys.
        url: where a person opens it.
        kind: Jira issue type name, ServiceNow table name.
        container: Jira project key or ServiceNow table; a census reports access per container.
        created_at, updated_at: aware UTC, the tracker's own clock.
        created_by: account of the creator or reporter, "" unknown.
        values: field id -> value, for every key in the answer; a key that the answer lacks is absent here too.
        changes: history in true order (ascending `order`).
        comments: in true order.
        children: tickets that this ticket names as its parts.
        parent: id of the parent when this ticket is a sub-task or child, otherwise "". Of a child, `values` must have
            the field with the parent's id, too: a mapping names that field (`reference`).
        part_of: how the ticket belongs to the parent: `subtask` or `child`; "" where the parent only groups it
            (a Jira issue in an epic).
        history_complete: every part of the history has as many entries as the tracker reports in total.
        history_from: set when the tracker has no history: our observed history begins at this instant.
        attachments: number of attachments, None where the source does not read them.
        lost: field ids that an earlier answer had and the newest answer lacks (set by the mirror). They are
            unreadable, not empty, unless the history says that the field was emptied.
        unknown: which of `comments`, `links`, `subtasks`, `attachments` the tracker did not deliver with this
            version; what the ticket holds of these is from an earlier answer, or nothing. `unasked`: those of them
            that were not requested on their own yet.
    """

    source: str
    id: str
    key: str
    url: str
    kind: str
    container: str
    created_at: datetime
    updated_at: datetime
    created_by: str
    values: Mapping[str, Raw]
    changes: tuple[RawChange, ...] = ()
    comments: tuple[RawComment, ...] = ()
    children: tuple[ChildRef, ...] = ()
    parent: str = ""
    old_keys: tuple[str, ...] = ()
    history_complete: bool = True
    history_from: datetime | None = None
    attachments: int | None = None
    lost: frozenset[str] = frozenset()
    part_of: str = ""
    unknown: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()


@light
class Part:
    """One raw part of a ticket as the tracker sent it; every version is kept for ever.

    Attributes:
        kind: `record` (the issue or row), `history` (list of entries), `comments` (list), `audit`, `journal`,
            `observed` (a list of our own RawChange-like dicts).
        body: canonical JSON bytes (sorted keys) of the part, volatile values (object addresses) included.
        digest: SHA-256 hex of the body without volatile values; an equal digest means: unchanged, no new version.
        is_exact: there are no volatile values, so the digest is that of the body itself.
    """

    kind: str
    body: bytes
    digest: str
    is_exact: bool = field(default=False, compare=False)


@light
class Reading:
    """One ticket as just read: its raw parts and the ticket parsed from them.

    Attributes:
        parts: the complete current content of each kind (the store skips parts that it already has).
        role: the role according to this reading alone; the role in the register also depends on other tickets.
        in_query: whether the configured query finds the ticket; None where this reading does not show it.
    """

    ticket: SourceTicket
    parts: tuple[Part, ...]
    role: Role = Role.RECORD
    in_query: bool | None = None


@light
class Cursor:
    """Where incremental reading continues; opaque to everything but its source.

    Attributes:
        state: JSON-able; what the source needs to continue, also in the middle of a backfill.
        watermark: every ticket with an `updated_at` up to here is read (for people and `status`); None at first.
    """

    state: Mapping[str, Any] = field(default_factory=dict)
    watermark: datetime | None = None


class Skip(NamedTuple):
    """A ticket whose answer makes no ticket.

    `version` is the digest of its record part: the same version is not worked on again. "" where there is none.
    """

    id: str
    key: str
    reason: str
    version: str = ""


@light
class Page:
    """A batch of readings, to be committed together with its cursor in one transaction.

    Attributes:
        readings: tickets of this batch; some may be mirrored already.
        cursor: where to continue after this page is committed.
        complete: there is nothing more to read now.
        total: the tracker's own estimate of tickets in scope, None unknown (for progress bars only).
        skipped: tickets whose answer cannot be parsed: they are quarantined, never dropped.
        stamped_ahead: number of tickets read whose update time is in the tracker's future, where there are so many
            that the poll left the others to the next full sweep; 0 when it read all of them.
    """

    readings: tuple[Reading, ...]
    cursor: Cursor
    complete: bool
    total: int | None = None
    skipped: tuple[Skip, ...] = ()
    stamped_ahead: int = 0
