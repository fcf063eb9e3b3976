"""Tickets as read from a tracker, before any mapping; vendor payloads stay raw beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from capa_sync.model.light import light
from capa_sync.model.values import Raw


class Presence(StrEnum):
    """Where a mirrored ticket is now (CONTRACT.md 5)."""

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


class Role(StrEnum):
    """What a ticket is in the register: a record of its own, or a record's action alone (sub-task, linked, child).

    A record may be the action of another one besides.
    """

    RECORD = "record"
    ACTION = "action"


class Scope(StrEnum):
    """Whether the configured query names a ticket: it does, it did once, or it never did."""

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
        field_id: tracker's field id (`customfield_10001`, `status`, a ServiceNow column); on Data Center, which
            sends names only, the id resolved from the name, or `name:<field name>` when ambiguous or unknown.
        field_name: tracker's field name at that time.
        old, new: the values before and after.
        by: account id / user name of the author, "" when the tracker hides or lost it.
        origin: HISTORY or OBSERVED (birth rows are made by the mapping).
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


@dataclass(frozen=True, slots=True)
class RawComment:
    """One comment or work note: when, by which account; `internal` for work notes and JSM internal comments.

    `properties` are comment property keys (Jira), so that our own comment is recognised.
    """

    id: str
    at: datetime
    by: str
    text: str = ""
    updated_at: datetime | None = None
    internal: bool = False
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildRef:
    """A ticket that this one names as sub-task, link or child.

    Attributes:
        id: its immutable id, "" where the tracker told only the key.
        key: its key or number.
        relation: `subtask`, `link` or `child`.
        link_type: link type name and direction for links (`"is resolved by"` as read from this ticket); the
            issue type's name for sub-tasks, where the tracker told it; the ServiceNow reference column for children.
    """

    id: str
    key: str
    relation: str
    link_type: str = ""


@dataclass(frozen=True, slots=True)
class SourceTicket:
    """One ticket, parsed from its raw parts by its source's parser; a pure function of those parts.

    Attributes:
        source: source name from the settings.
        id: immutable id (Jira issue id, ServiceNow sys_id).
        key: present key or number; `old_keys` those it had before.
        url: where a person opens it.
        kind: Jira issue type name, ServiceNow table name.
        container: Jira project key, ServiceNow table (rosters and access are told per container).
        created_at, updated_at: aware UTC, the tracker's own clock.
        created_by: account of the creator or reporter, "" unknown.
        values: field id -> value, for every key that the answer held; an absent key is absent here.
        changes: history in true order (ascending `order`).
        comments: in true order.
        children: tickets this one names as its parts.
        parent: id of the parent when this is a sub-task or child, "" else.
        part_of: how it belongs to that parent: `subtask` or `child`; "" for a ticket that is no part of it by its
            nature (a Jira issue below an epic).
        history_complete: the tracker's own total was reached for every part of the history.
        history_from: set when there is no tracker history and ours counts from this instant (`observed`).
        attachments: number of attachments.
        lost: field ids that an earlier answer held and the newest lacks (filled by the mirror): unreadable, not
            empty, unless the history says that the field was emptied.
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
    attachments: int = 0
    lost: frozenset[str] = frozenset()
    part_of: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One raw piece of a ticket as a tracker gave it, kept for ever.

    Attributes:
        kind: `record` (the issue or row), `history` (list of entries), `comments` (list), `audit`, `journal`,
            `observed` (a list of our own RawChange-like dicts).
        body: canonical JSON bytes (sorted keys) of that piece, with volatile values (object addresses) removed
            from what is hashed but kept in what is stored.
        digest: SHA-256 hex of what counts as its content; equal digest = unchanged, no new version.
        at: instant of the read.
    """

    kind: str
    body: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One ticket as just read: its raw parts and their parse.

    Attributes:
        parts: whole current content per kind (the store drops what it already has).
        role: what this reading alone says; what the ticket is in the register depends on others, too.
        in_query: whether the configured query names it; None where this reading does not tell.
    """

    ticket: SourceTicket
    parts: tuple[Part, ...]
    role: Role = Role.RECORD
    in_query: bool | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where incremental reading goes on; opaque to all but its source.

    Attributes:
        state: JSON-able; what the source needs to continue (also in the middle of a backfill).
        watermark: highest `updated_at` read to the end, for people and `status`; None before the first page.
    """

    state: Mapping[str, Any] = field(default_factory=dict)
    watermark: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A batch of readings that is safe to commit with its cursor in one transaction.

    Attributes:
        readings: tickets of this batch; may repeat tickets already mirrored.
        cursor: where to go on once this page is committed.
        complete: nothing more is to read now.
        total: the tracker's own estimate of tickets in scope, None unknown (for progress bars only).
        skipped: (id, key, reason) of tickets whose answer makes no ticket: quarantined, never dropped in silence.
        stamped_ahead: tickets stamped in the tracker's future, where they are so many that a poll looks at no more
            than this number of them and leaves the others to the next full sweep; 0 when all were looked at.
    """

    readings: tuple[Reading, ...]
    cursor: Cursor
    complete: bool
    total: int | None = None
    skipped: tuple[tuple[str, str, str], ...] = ()
    stamped_ahead: int = 0


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One field of a tracker: id, name, and its type in the tracker's words."""

    id: str
    name: str
    type: str = ""
    custom: bool = False
    audited: bool | None = None
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StatusDef:
    """One status: id (ServiceNow: the raw state value), name, and category (`new`, `indeterminate`, `done`, "")."""

    id: str
    name: str
    category: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A user account of a tracker; `active` None where the tracker does not say.

    `aliases` are other ids by which the same tracker names this account: ServiceNow's `user_name` (audit rows,
    `sys_updated_by`) beside the sys_id, Data Center's user key beside the user name.
    """

    id: str
    name: str
    active: bool | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What a tracker says about itself; read at start and refreshed with each census.

    Attributes:
        fields: every field visible to us. statuses: every status. accounts: users met so far (may be partial).
        me: our own account. time_zone: our account's zone name (for advice only).
        server_time: the tracker's clock at the read, and `skew` to ours may be derived from it.
        absent_is_empty: an absent key means an empty field (Jira); False: a hidden one (ServiceNow).
        history_readable: False when audit rights are missing and only our own observations count.
        fields_complete: False when the tracker did not tell all fields: one that is named by its id may be there.
        missing_rights: what our account may not read of the tracker itself, and how to mend it, in words for people.
    """

    fields: tuple[FieldDef, ...]
    statuses: tuple[StatusDef, ...]
    me: Account
    accounts: tuple[Account, ...] = ()
    time_zone: str = "UTC"
    server_time: datetime | None = None
    absent_is_empty: bool = True
    history_readable: bool = True
    fields_complete: bool = True
    missing_rights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Census:
    """An id-only sweep, read to the tracker's own end or not at all.

    Attributes:
        ids: immutable ids of all tickets in scope of the query (records) and of the action tickets asked for.
        containers: container -> `live`, `archived`, `deleted`; a container absent here is not visible to us.
        count: the tracker's own count of what the query names, None unknown.
        in_query: how many of `ids` the query itself named, None unknown; beside `count` it tells a drift.
        witness: one of `ids` that the query named; an answer about others must name it to be believed. "" none.
        named: which of `ids` those are, None unknown.
    """

    ids: frozenset[str]
    containers: Mapping[str, str]
    count: int | None = None
    in_query: int | None = None
    witness: str = ""
    named: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """Tickets that a census missed and that answered when asked for by their ids; the others were silent.

    Attributes:
        in_scope: the query names them. elsewhere: they exist, and the query does not name them.
    """

    in_scope: frozenset[str]
    elsewhere: frozenset[str]
