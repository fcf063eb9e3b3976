"""What a tracker reports about itself, and which of its tickets there are: facts, census, located tickets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from capa_sync.model.light import light


@light
class FieldDef:
    """One field of a tracker: id, name, and its type as the tracker calls it.

    capa-sync reads one type: `date`, or ServiceNow's `glide_date`, is a date without time.
    """

    id: str
    name: str
    type: str = ""
    custom: bool = False
    audited: bool | None = None
    options: tuple[tuple[str, str], ...] = ()


@light
class StatusDef:
    """One status: id (ServiceNow: the raw state value), name, and category (`new`, `indeterminate`, `done`, "")."""

    id: str
    name: str
    category: str = ""


@light
class Account:
    """A user account of a tracker; `active` is None where the tracker does not report it.

    `aliases` are other ids that the same tracker uses for this account: ServiceNow's `user_name` (audit rows,
    `sys_updated_by`) besides the sys_id, Data Center's user key besides the user name.
    """

    id: str
    name: str
    active: bool | None = None
    aliases: tuple[str, ...] = ()


@light
class NameSeen:
    """A name under which a custom field was seen; `since` orders first sights, 0 for the first contact."""

    id: str
    name: str
    since: int = 0


@light
class ChildTableDef:
    """A table of action tickets: its columns; `is_complete` is False where the tracker did not report all of them."""

    name: str
    fields: tuple[FieldDef, ...]
    is_complete: bool = True


@light
class SiteLists:
    """Lists of the tracker that show which names of a mapping do not exist there; no record depends on them.

    Attributes:
        issue_types: names of all issue types. subtask_types: of those of sub-tasks. link_types: all link types, in
            both directions, as read from a record. Each is None where the tracker has no such list, or did not show
            it: then nothing is known to be missing.
        options: field id -> (id, name) of every option; only of fields whose options the tracker lists for the site.
        tables: those of action tickets that have columns of their own.
    """

    issue_types: tuple[str, ...] | None = None
    subtask_types: tuple[str, ...] | None = None
    link_types: tuple[str, ...] | None = None
    options: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    tables: tuple[ChildTableDef, ...] = ()


@light
class SiteFacts:
    """What a tracker reports about itself; read at the start and again with each census.

    Attributes:
        fields: every field visible to us. statuses: every status. accounts: users seen so far (may be incomplete).
        accounts_apart: the register keeps accounts in rows of their own; False until a first sign-in that does so.
        me: our own account. time_zone: our account's zone name (for advice only).
        server_time: the tracker's clock at the time of the read; it shows the difference to our clock.
        absent_is_empty: True: an absent key means an empty field (Jira); False: a hidden field (ServiceNow).
        history_readable: False when audit rights are missing and only our own observations make the history.
        fields_complete: False when the tracker did not report all fields: a field named by its id may exist.
        history_has_ids: False where the history names custom fields by name alone (Jira Data Center).
        names_seen: on such a tracker, the names that custom fields took or lost after the first contact. The register
            knows them; a tracker does not.
        missing_rights: which data of the tracker our account may not read, and how to change that; for people.
        lists: what shows mistakes in the mapping.
    """

    fields: tuple[FieldDef, ...]
    statuses: tuple[StatusDef, ...]
    me: Account
    accounts: tuple[Account, ...] = ()
    accounts_apart: bool = False
    time_zone: str = "UTC"
    server_time: datetime | None = None
    absent_is_empty: bool = True
    history_readable: bool = True
    fields_complete: bool = True
    history_has_ids: bool = True
    names_seen: tuple[NameSeen, ...] = ()
    missing_rights: tuple[str, ...] = ()
    lists: SiteLists = SiteLists()


@light
class Census:
    """The ids of all tickets in scope; complete, never a part of them.

    Attributes:
        ids: immutable ids of all tickets that the query finds (records), and of the requested action tickets.
        containers: container -> `live`, `archived`, `deleted`; of mirrored tickets whose container the settings name
            no longer: `left` where it is visible to us, else `left_closed`. A container absent here is not visible
            to us.
        count: the tracker's own count of tickets that the query finds, None unknown.
        in_query: how many of `ids` the query itself found, None unknown; a difference to `count` shows a drift.
        witness: one of `ids` that the query found; an answer about other tickets is trusted only if it contains this
            id too. "" none.
        named: which of `ids` the query found, None unknown.
    """

    ids: frozenset[str]
    containers: Mapping[str, str]
    count: int | None = None
    in_query: int | None = None
    witness: str = ""
    named: frozenset[str] | None = None


@light
class Located:
    """Tickets that were missing in a census and that the tracker returned when asked for their ids.

    Attributes:
        in_scope: the query finds them. elsewhere: they exist, and the query does not find them.
    """

    in_scope: frozenset[str]
    elsewhere: frozenset[str]
