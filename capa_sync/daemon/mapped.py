"""Maps one mirrored ticket, with its children and its joined duplicates, to the record that rules judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import CapaSyncError
from capa_sync.mapping import MappingFile, join, map_ticket
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import ChildRef, Presence, SourceTicket
from capa_sync.ports import Mirror
from capa_sync.store import Register

_UNSEEN = frozenset({Presence.DELETED_OR_HIDDEN, Presence.ACCESS_LOST, Presence.UNOBSERVED})
_GONE = frozenset({Presence.DELETED, Presence.DELETED_OR_HIDDEN})
"""Such a ticket is not joined: its statement about its duplicate is no longer valid."""


def join_groups_of(setups: Sequence[SourceContext]) -> list[set[str]]:
    """Return the join groups: sets of names of sources whose tickets may be joined with one another's."""
    join_groups = {setup.name: {setup.name} for setup in setups}
    for setup in setups:
        named = setup.mapping.same_as
        if named is not None and named.source in join_groups:
            joined = join_groups[setup.name] | join_groups[named.source]
            join_groups |= dict.fromkeys(joined, joined)
    return list({id(join_group): join_group for join_group in join_groups.values()}.values())


def map_mirrored(
    runtime: Runtime,
    setup: SourceContext,
    ticket_id: str,
    now: datetime,
    *,
    learn: bool = False,
    mirror: Mirror | None = None,
    as_of: datetime | None = None,
) -> CapaRecord | Unmapped | None:
    """Map a ticket from the mirror (from `mirror` when that is given); None when it is not mirrored.

    `as_of` is the instant of the last whole read, if the caller knows it already.

    The primary of a joined record is returned with the fields and history of its duplicates; with `learn` the
    duplicate that it names is stored first. While one of them cannot be mapped or is no longer read, the joined
    record counts as unread; so does every record while a source that may hold a duplicate of it was not read yet.
    """
    own = _map_alone(runtime, setup, ticket_id, now, mirror, as_of)
    if not isinstance(own, CapaRecord) or not may_be_joined(runtime, setup):
        return own
    if learn:
        _remember_duplicate(runtime, setup, own, now)
    mappings = {name: other.mapping for name, other in runtime.setups.items()}
    if unread := sources_to_ask(runtime.register, mappings, setup.name):
        return replace(own, unread_join=f"{unread[0]} was not read to its end yet, and may hold this record as well")
    duplicates = (
        [] if primary(runtime, setup, ticket_id) != (setup.name, ticket_id) else duplicates_of(runtime, setup, own)
    )
    if not duplicates:
        return own
    mapped = [
        _map_alone(runtime, runtime.setups[source], duplicate, now) for source, duplicate in duplicates if duplicate
    ]
    known = [record for record in mapped if isinstance(record, CapaRecord)]
    is_gone = any(record.presence is not Presence.PRESENT for record in (own, *known))
    return join(own, known, unread=is_gone or len(known) < len(duplicates))


def is_learnt_before_judging(runtime: Runtime, setup: SourceContext) -> bool:
    """Tell whether tickets of this source name duplicates in this source or in one that is judged before it.

    Otherwise the naming ticket is the primary, and it is judged first.
    """
    named, order = setup.mapping.same_as, list(runtime.setups)
    return named is not None and named.source in order and order.index(named.source) <= order.index(setup.name)


def learn_duplicates(runtime: Runtime, setup: SourceContext, ticket_ids: Iterable[str], now: datetime) -> None:
    """Store which duplicates the tickets name, where doing so during judging would be too late."""
    if not is_learnt_before_judging(runtime, setup):
        return
    for ticket_id in ticket_ids:
        try:
            own = _map_alone(runtime, setup, ticket_id, now)
        except CapaSyncError:
            raise
        except Exception:  # noqa: BLE001 - it is quarantined with its reason when it is judged
            own = None
        if isinstance(own, CapaRecord):
            _remember_duplicate(runtime, setup, own, now)


def may_name_duplicates(runtime: Runtime, setup: SourceContext) -> bool:
    """Tell whether tickets of this source may name duplicates in a source of the settings."""
    return setup.mapping.same_as is not None and setup.mapping.same_as.source in runtime.setups


def may_be_joined(runtime: Runtime, setup: SourceContext) -> bool:
    """Tell whether a ticket of this source and another ticket may be the same nonconformity."""
    named = {other.mapping.same_as.source for other in runtime.setups.values() if other.mapping.same_as is not None}
    return setup.name in named or may_name_duplicates(runtime, setup)


def note_duplicates_known(runtime: Runtime, setup: SourceContext, now: datetime) -> None:
    """Store once that the duplicates of all tickets of this source are known; make the tickets that waited due."""
    named, queue = setup.mapping.same_as, runtime.register.queue
    if (
        named is None
        or named.source not in runtime.setups
        or queue.duplicates_known(setup.name) == _link(setup.mapping)
    ):
        return
    with runtime.register.transaction():
        queue.know_duplicates(setup.name, _link(setup.mapping))
        queue.want_all_judged(named.source, now)


def note_links(runtime: Runtime) -> None:
    """Store in the register which source's tickets name those of which other: `status` reads no mapping."""
    runtime.register.queue.note_links({name: _link(setup.mapping) for name, setup in runtime.setups.items()})


def sources_to_ask(register: Register, mappings: Mapping[str, MappingFile], source: str) -> list[str]:
    """Return the other sources whose tickets may name duplicates in this source, and were not read yet.

    A source counts as read when it was read to its end and the duplicates of all its tickets are known.
    """
    return [
        name
        for name, mapping in mappings.items()
        if name != source and mapping.same_as is not None and mapping.same_as.source == source
        if register.queue.duplicates_known(name) != _link(mapping)
    ]


def _link(mapping: MappingFile) -> str:
    """Return the source of the duplicates and the field that names them, as text; "" for none."""
    return f"{mapping.same_as.source}: {mapping.same_as.ref.name}" if mapping.same_as is not None else ""


def primary(runtime: Runtime, setup: SourceContext, ticket_id: str) -> tuple[str, str]:
    """Return (source, ticket id) of the primary: the ticket with the finding and warning of this record.

    The primary is the ticket itself, or its joined duplicate in a source named earlier in the settings.
    """
    if not may_be_joined(runtime, setup):
        return setup.name, ticket_id
    order = list(runtime.setups)
    joined = _joined(runtime, setup, ticket_id)
    return min([(setup.name, ticket_id), *joined], key=lambda ticket: (order.index(ticket[0]), ticket[1]))


def to_be_judged_with(runtime: Runtime, setup: SourceContext, ticket_id: str) -> set[tuple[str, str]]:
    """Return (source, id) of the other tickets to be judged because this one is.

    These are the primary of its record, and tickets that become or stop being a primary because a duplicate vanished
    or came back.
    """
    records, own = runtime.register.records, (setup.name, ticket_id)
    duplicates = [duplicate for duplicate in records.joined(*own) if duplicate[0] in runtime.setups]
    changed = {
        (source, duplicate)
        for source, duplicate in duplicates
        if (primary(runtime, runtime.setups[source], duplicate) == (source, duplicate))
        != records.has_row(source, duplicate)
    }
    return (changed | {primary(runtime, setup, ticket_id)}) - {own}


def duplicates_of(runtime: Runtime, setup: SourceContext, own: CapaRecord) -> list[tuple[str, str]]:
    """Return (source, ticket id) of the joined tickets; the id is "" for one that is named and not mirrored."""
    joined, named = _joined(runtime, setup, own.ticket_id), setup.mapping.same_as
    if joined or named is None or not own.same_as_key or own.presence in _GONE:
        return joined
    return [(named.source, "")] if named.source in runtime.setups else []


def _joined(runtime: Runtime, setup: SourceContext, ticket_id: str) -> list[tuple[str, str]]:
    """Return (source, id) of the joined records that are not gone; none for a ticket that is gone or an action."""
    tickets = runtime.register.tickets
    joined = [
        duplicate
        for duplicate in runtime.register.records.joined(setup.name, ticket_id)
        if duplicate[0] in runtime.setups
    ]
    if not joined or tickets.presence(setup.name, ticket_id) in _GONE or tickets.is_action(setup.name, ticket_id):
        return []
    return [
        duplicate
        for duplicate in joined
        if tickets.presence(*duplicate) not in _GONE and not tickets.is_action(*duplicate)
    ]


def _remember_duplicate(runtime: Runtime, setup: SourceContext, own: CapaRecord, now: datetime) -> None:
    """Store which duplicate this ticket names; make the present and the former duplicate due for judging."""
    named = setup.mapping.same_as
    if named is None or not may_name_duplicates(runtime, setup):
        return
    for source, duplicate in runtime.register.records.save_join(
        setup.name, own.ticket_id, named.source, own.same_as_key
    ):
        runtime.register.queue.want_judging(source, [duplicate], now)


def _map_alone(
    runtime: Runtime,
    setup: SourceContext,
    ticket_id: str,
    now: datetime,
    mirror: Mirror | None = None,
    as_of: datetime | None = None,
) -> CapaRecord | Unmapped | None:
    """Map one ticket with its children."""
    tickets, parser = mirror or runtime.register.tickets, setup.source.parser()
    if reason := tickets.unread(setup.name).get(ticket_id):
        return Unmapped(setup.name, ticket_id, tickets.key(setup.name, ticket_id), (reason,))
    ticket = tickets.ticket(setup.name, ticket_id, parser)
    if ticket is None or setup.bound is None or setup.facts is None:
        return None
    children = children_of(setup, ticket, tickets)
    unread = [child_id for child_id, child in children.items() if child is None]
    return map_ticket(
        setup.bound,
        _naming(setup, ticket, unread, tickets),
        children,
        people=setup.mapping.people,
        as_of=as_of or runtime.register.runs.as_of(setup.name) or now,
        presence=tickets.presence(setup.name, ticket_id),
        own_account=setup.facts.me.id,
    )


def children_of(setup: SourceContext, ticket: SourceTicket, tickets: Mirror) -> dict[str, SourceTicket | None]:
    """Return the mirrored children of a ticket by id (by key where only that is known), None for unread ones.

    A child whose deletion is proven is left out. A child is unread when it is not visible to us, or when its answer
    could not be parsed.
    """
    parser, unread = setup.source.parser(), tickets.unread(setup.name)
    named = {child.id or child.key for child in ticket.children}
    found: dict[str, SourceTicket | None] = {}
    for child_id in sorted(named | set(tickets.children_of(setup.name, ticket.id))):
        presence, child = tickets.presence(setup.name, child_id), tickets.ticket(setup.name, child_id, parser)
        is_not_mirrored = presence in _UNSEEN or child_id in unread
        if child_id not in named and (
            child is None or child.parent != ticket.id or (is_not_mirrored and setup.kind.children.are_named)
        ):
            continue  # it has another parent now; or its kind's tickets themselves name their children
        if presence is not Presence.DELETED:
            found[child_id] = None if is_not_mirrored else child
    return found


def _naming(setup: SourceContext, ticket: SourceTicket, found: Iterable[str], tickets: Mirror) -> SourceTicket:
    """Return the ticket with its unread children added, where only the children name their parent."""
    named = {child.id or child.key for child in ticket.children}
    unnamed = [child_id for child_id in found if child_id not in named]
    relation = setup.kind.children.parent_relation.value
    refs = tuple(ChildRef(child_id, tickets.key(setup.name, child_id), relation) for child_id in unnamed)
    return replace(ticket, children=(*ticket.children, *refs)) if refs else ticket
