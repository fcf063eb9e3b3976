"""The kinds of source: each source's package declares what differs about its tracker, and this module finds it.

A kind is registered by one line: a built-in kind in `BUILT_IN`, a kind of another distribution as an entry point of
the group `capa_sync.kinds` in its own pyproject.toml. Both name the module that holds the `SourceKind`. It is
imported only when a settings or mapping file names the kind, so stages know kinds without importing a source.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from capa_sync.errors import Problem, UserError
from capa_sync.model.address import check_address
from capa_sync.model.attachment import Attachment
from capa_sync.model.clock import Clock
from capa_sync.model.light import light
from capa_sync.model.record import ActionOrigin
from capa_sync.model.settings import ChildSpec
from capa_sync.model.write import WriteKind
from capa_sync.ports.mirror import EndpointHolds, MirrorLookup
from capa_sync.ports.reading import Parser, Source
from capa_sync.ports.writing import TicketWriter

GROUP = "capa_sync.kinds"
BUILT_IN = {
    "jira": "capa_sync.sources.jira.kind:JIRA",
    "servicenow": "capa_sync.sources.servicenow.kind:SERVICENOW",
}
"""Name of a kind -> module and attribute of its `SourceKind`."""


@light
class SourceOptions:
    """What the settings say about one source, without any secret; the keys of docs/contract.md 4.

    Attributes:
        method: of signing in, "" for a kind without sign-in. user: its user name, or the client id.
        request_budget: as written, `10/s`. max_answer: bytes. takes_hints: a secret for hints is named.
    """

    url: str
    query: str = ""
    table: str = ""
    method: str = ""
    user: str = ""
    token_url: str = ""
    header: str = ""
    overlap: timedelta = timedelta(minutes=5)
    request_budget: str = "10/s"
    page_size: int = 500
    max_answer: int = 16 * 1_048_576
    request_deadline: timedelta = timedelta(minutes=2)
    allow_http: bool = False
    takes_hints: bool = False
    text_field: str = ""
    state_field: str = ""
    work_notes: bool = True


@light
class BuildRequest:
    """What a kind needs to build the two ports of one source.

    Attributes:
        name: the source's name in the settings. secret: of its sign-in. children: where its mapping finds actions.
        lookup: what it may read from the mirror. holds: how long the tracker asked us to wait.
    """

    name: str
    options: SourceOptions
    secret: str = field(repr=False)
    children: tuple[ChildSpec, ...]
    clock: Clock
    stop: threading.Event
    lookup: MirrorLookup
    holds: EndpointHolds


@light
class ChildTickets:
    """How the tickets of this kind contain the actions of a record, for the mapping.

    Attributes:
        origins: the places besides the record's own fields where actions can be.
        text, owner, due_at, status: fields of a child ticket that are used where the mapping names none.
        has_categories: statuses have a category, so a mapping may leave out which ones mean started and done.
        has_own_fields: child tickets have fields of their own (another table's columns), not those of the record.
        parent_relation: the relation of a ticket that names its parent, as in `ChildRef.relation`.
        are_named: a record names all its children itself; False: only the children name their parent.
    """

    origins: tuple[ActionOrigin, ...] = ()
    text: str = ""
    owner: str = ""
    due_at: str = ""
    status: str = ""
    has_categories: bool = False
    has_own_fields: bool = False
    parent_relation: ActionOrigin = ActionOrigin.CHILD
    are_named: bool = True


@light
class HistoryFields:
    """The fields under which a ticket's change history records what the ticket is, besides its values.

    "" for what the history does not record.

    Attributes:
        type: of its type; parent: of the ticket that it is part of, by id; attachments: of files added and removed.
    """

    type: str = ""
    parent: str = ""
    attachments: str = ""


Header = Callable[[str], str]
"""Returns a request's header by name, "" when it is absent."""


@light
class HintFormat:
    """The form of a kind's webhooks.

    Attributes:
        is_genuine: whether the sender knows the secret: secret, headers, body.
        ids: the immutable ids of the tickets that a payload names; other content is not believed.
        identifier: header with an id that a repeated hint has too, "" none.
    """

    is_genuine: Callable[[str, Header, bytes], bool]
    ids: Callable[[Mapping[str, Any]], Iterator[str]]
    identifier: str = ""


@light
class Prevention:
    """What a tracker is to demand, so that a rule is not broken in the first place.

    Attributes:
        rule: the rule's id. message: for the person who is stopped.
        table: of the source. status: the field that has the status. statuses: name -> id of those on the way into
            which it is demanded; empty: from the creation on. The id is the name where it is not known yet.
        fields: label -> id of the fields that must be filled; the id is the name where it is not known yet.
    """

    rule: str
    message: str
    table: str
    status: str
    statuses: Mapping[str, str]
    fields: Mapping[str, str]


def _no_own_form(_wanted: Prevention) -> list[str]:
    return []


def _nothing_wrong(_query: str) -> str | None:
    return None


def _https(url: str, allow_http: bool) -> str | None:
    return check_address(url, allow_http=allow_http)


@light
class SourceKind:
    """What differs between one kind of tracker and the others; declared by the package of its source.

    Attributes:
        name: as in `kind = "…"` of settings and mapping files. title: its name in messages.
        build: builds reader and writer; vendor libraries are imported inside it.
        auth_methods: ways to sign in, in the words of `auth.method`; empty for a kind without sign-in.
        check: says in one sentence what the settings of a source lack, None when they are complete.
        check_query: the same for the query alone, in the tracker's own syntax.
        check_url: why an address cannot be used (address, allow_http); None when it can.
        channels: what is written on a ticket, in the order of delivery.
        labels_field: the field that has the tickets' labels, for the channel LABELS.
        children: how tickets contain actions. hints: the form of webhooks; None for a kind without.
        prevent: lines that tell an admin how the tracker itself demands it, with its own form; none where it cannot.
        history: the fields of a change history that are no values.
        attachments: yields the attached files that a record part names; None where the mirror holds none of them.
        parser: makes the parser of a source from its name and address, without a vendor library, for work that asks
            no tracker; None: reader and writer are built for it.
    """

    name: str
    title: str
    build: Callable[[BuildRequest], tuple[Source, TicketWriter]]
    channels: tuple[WriteKind, ...]
    auth_methods: tuple[str, ...] = ()
    check: Callable[[SourceOptions], str | None] = field(default=lambda _options: None)
    check_query: Callable[[str], str | None] = _nothing_wrong
    check_url: Callable[[str, bool], str | None] = _https
    labels_field: str = ""
    children: ChildTickets = ChildTickets()
    hints: HintFormat | None = None
    prevent: Callable[[Prevention], list[str]] = _no_own_form
    attachments: Callable[[Mapping[str, Any]], Iterator[Attachment]] | None = None
    history: HistoryFields = HistoryFields()
    parser: Callable[[str, str], Parser] | None = None


class UnknownKind(LookupError):
    """No kind of source has this name."""


@cache
def kind_named(name: str) -> SourceKind:
    """Return the kind of this name.

    Raises:
        UnknownKind: no kind has this name.
        UserError: an installed distribution adds it, and it cannot be loaded.
    """
    entry = EntryPoint(name, BUILT_IN[name], GROUP) if name in BUILT_IN else _added(name)
    try:
        found = entry.load()
    except Exception as error:
        raise _broken(entry, f"{type(error).__name__}: {error}") from error
    if not isinstance(found, SourceKind) or found.name != name:
        raise _broken(entry, f"it is no SourceKind of the name '{name}'")
    return found


def _added(name: str) -> EntryPoint:
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise UnknownKind(name)
    if len(found) > 1:
        names = ", ".join(sorted(entry.dist.name for entry in found if entry.dist))
        what = f"two installed distributions add the kind of source '{name}': {names}"
        raise UserError([Problem("", 0, what, "uninstall one of them")])
    return found[0]


def _broken(entry: EntryPoint, why: str) -> UserError:
    return UserError(
        [Problem("", 0, f"the kind of source '{entry.name}' cannot be loaded from {entry.value}: {why}")]
    )


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds: the built-in ones, then those of other distributions."""
    return (*BUILT_IN, *sorted({entry.name for entry in entry_points(group=GROUP)} - BUILT_IN.keys()))
