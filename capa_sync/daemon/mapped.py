"""The pipeline's step `map`: one mirrored ticket, with its children and its joined duplicates, becomes a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.source_inputs import SourceInputs
from capa_sync.errors import is_of_more_than_one_ticket
from capa_sync.mapping import join, map_ticket
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import ChildRef, Presence, SourceTicket
from capa_sync.ports.mirror import Mirror

_UNSEEN = frozenset({Presence.DELETED_OR_HIDDEN, Presence.ACCESS_LOST, Presence.UNOBSERVED})


def map_mirrored(
    inputs: PipelineInputs, ticket_id: str, mirror: Mirror, as_of: datetime | None, *, learn: bool = False
) -> CapaRecord | Unmapped | None:
    """Map a ticket from the mirror; None when it is not mirrored. `as_of`: when the source was last read to its end.

    The primary of a joined record is returned with the fields and history of its duplicates; with `learn` the
    duplicate that it names is stored first. While one of them cannot be mapped or is no longer read, the joined
    record counts as unread; so does every record while a source that may hold a duplicate of it was not read yet.
    """
    source, joins = inputs.source.name, inputs.joins
    own = map_alone(inputs, ticket_id, mirror, as_of)
    if not isinstance(own, CapaRecord) or not joins.may_join(source):
        return own
    if learn:
        joins.remember(own, inputs.now)
    if unread := joins.sources_to_ask(source):
        return replace(own, unread_join=f"{unread[0]} was not read to its end yet, and may hold this record as well")
    duplicates = [] if joins.primary(source, ticket_id) != (source, ticket_id) else joins.duplicates_of(own)
    if not duplicates:
        return own
    mapped = [_map_duplicate(inputs.of(other), duplicate) for other, duplicate in duplicates if duplicate]
    known = [record for record in mapped if isinstance(record, CapaRecord)]
    is_gone = any(record.presence is not Presence.PRESENT for record in (own, *known))
    return join(own, known, unread=is_gone or len(known) < len(duplicates))


def _map_duplicate(inputs: PipelineInputs, ticket_id: str) -> CapaRecord | Unmapped | None:
    """Map one ticket of another source."""
    register = inputs.register
    return map_alone(inputs, ticket_id, register.tickets, register.runs.as_of(inputs.source.name))


def map_alone(
    inputs: PipelineInputs, ticket_id: str, mirror: Mirror, as_of: datetime | None
) -> CapaRecord | Unmapped | None:
    """Map one ticket with its children, without its joined duplicates."""
    source = inputs.source
    if reason := mirror.unread(source.name).get(ticket_id):
        return Unmapped(source.name, ticket_id, mirror.key(source.name, ticket_id), (reason,))
    ticket = mirror.ticket(source.name, ticket_id, source.parser)
    if ticket is None or source.bound is None or source.facts is None:
        return None
    children = _children_of(source, ticket, mirror)
    unread = [child_id for child_id, child in children.items() if child is None]
    return map_ticket(
        source.bound,
        _naming(source, ticket, unread, mirror),
        children,
        people=source.mapping.people,
        as_of=as_of or inputs.now,
        presence=mirror.presence(source.name, ticket_id),
        own_account=source.facts.me.id,
    )


def _children_of(source: SourceInputs, ticket: SourceTicket, mirror: Mirror) -> dict[str, SourceTicket | None]:
    """Return the mirrored children of a ticket by id (by key where only that is known), None for unread ones.

    A child whose deletion is proven is left out. A child is unread when it is not visible to us, or when its answer
    could not be parsed.
    """
    unread = mirror.unread(source.name)
    named = {child.id or child.key for child in ticket.children}
    found: dict[str, SourceTicket | None] = {}
    for child_id in sorted(named | set(mirror.children_of(source.name, ticket.id))):
        presence = mirror.presence(source.name, child_id)
        child = mirror.ticket(source.name, child_id, source.parser)
        is_not_mirrored = presence in _UNSEEN or child_id in unread
        if child_id not in named and (
            child is None or child.parent != ticket.id or (is_not_mirrored and source.kind.children.are_named)
        ):
            continue  # it has another parent now; or its kind's tickets themselves name their children
        if presence is not Presence.DELETED:
            found[child_id] = None if is_not_mirrored else child
    return found


def _naming(source: SourceInputs, ticket: SourceTicket, found: Iterable[str], mirror: Mirror) -> SourceTicket:
    """Return the ticket with its unread children added, where only the children name their parent."""
    named = {child.id or child.key for child in ticket.children}
    unnamed = [child_id for child_id in found if child_id not in named]
    relation = source.kind.children.parent_relation.value
    refs = tuple(ChildRef(child_id, mirror.key(source.name, child_id), relation) for child_id in unnamed)
    return replace(ticket, children=(*ticket.children, *refs)) if refs else ticket


def learn_duplicates(inputs: PipelineInputs, ids: Iterable[str]) -> None:
    """Store which duplicates the tickets name, where doing so during judging would be too late."""
    tickets, as_of = inputs.register.tickets, inputs.register.runs.as_of(inputs.source.name)
    for ticket_id in ids:
        try:
            own = map_alone(inputs, ticket_id, tickets, as_of)
        except Exception as error:
            if is_of_more_than_one_ticket(error):
                raise
            own = None  # it is quarantined with its reason when it is judged
        if isinstance(own, CapaRecord):
            inputs.joins.remember(own, inputs.now)
