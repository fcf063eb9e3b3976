"""The pipeline's step `map` as of a past instant: a ticket as it was, with the tickets joined to it then."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.mapped import map_alone
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.mapping import join, stage_doubt, with_doubts
from capa_sync.model.record import CapaRecord, Unmapped
from capa_sync.model.ticket import Presence


def map_past(inputs: PipelineInputs, ticket_id: str, mirror: PastMirror) -> CapaRecord | Unmapped | None:
    """Map a ticket as it was, with the tickets of the same nonconformity; None when it was not there.

    The record is that of its primary, which may be another ticket.
    """
    source, joins = inputs.source.name, inputs.joins
    own = _alone(inputs, ticket_id, mirror)
    if not isinstance(own, CapaRecord):
        return own
    if (earlier := mirror.earlier(source, ticket_id)) != own.earlier:
        own = replace(own, earlier=earlier)
    if not joins.may_join(source):
        return own
    others, is_whole = _duplicates(inputs, own, mirror)
    if not others and is_whole:
        return own
    records = {(record.source, record.ticket_id): record for record in (own, *others)}
    primary, *joined = (records[ticket] for ticket in joins.in_order(records))
    is_gone = any(record.presence is not Presence.PRESENT for record in records.values())
    found = join(primary, joined, unread=is_gone or not is_whole)
    unknown = [record.unread_join for record in records.values() if record.unread_join]
    return replace(found, unread_join=unknown[0]) if unknown else found


def _duplicates(inputs: PipelineInputs, own: CapaRecord, mirror: PastMirror) -> tuple[list[CapaRecord], bool]:
    """Return the records that were joined with one, and whether all of them could be mapped."""
    joins, tickets, found, is_whole = inputs.joins, inputs.register.tickets, list[CapaRecord](), True
    named = joins.named_by(own.source)
    places = set(joins.named_or_naming(own.source, own.ticket_id))
    if named and own.same_as_key:
        then = {place for place in tickets.find(own.same_as_key) if place[0] == named}
        places, is_whole = places | then, bool(then)
    for name, naming in inputs.sources.items():
        if joins.named_by(name) == own.source and naming.bound is not None and naming.bound.same_as_id:
            once = mirror.once_named(name, naming.bound.same_as_id, own.ticket_key)
            places |= {(name, ticket_id) for ticket_id in once}
    for source, ticket_id in sorted(places - {(own.source, own.ticket_id)}):
        other = _alone(inputs.of(source), ticket_id, mirror)
        if isinstance(other, CapaRecord):
            found += [other] if _names(inputs, own, other) or _names(inputs, other, own) else []
        elif other is not None or mirror.version(source, ticket_id) is None:
            is_whole = False
    return found, is_whole


def _names(inputs: PipelineInputs, own: CapaRecord, other: CapaRecord) -> bool:
    """Return whether a ticket named another one as the same nonconformity."""
    if not own.same_as_key or inputs.joins.named_by(own.source) != other.source:
        return False
    return (other.source, other.ticket_id) in inputs.register.tickets.find(own.same_as_key)


def _alone(inputs: PipelineInputs, ticket_id: str, mirror: PastMirror) -> CapaRecord | Unmapped | None:
    """Map a ticket as it was; where its stage, or all of it, is not known then, no rule can tell."""
    source = inputs.source
    record = map_alone(inputs, ticket_id, mirror, mirror.at)
    if not isinstance(record, CapaRecord) or source.bound is None:
        return record
    doubts = mirror.doubts(source.name, ticket_id)
    if why := mirror.why_unknown(source.name, ticket_id) or stage_doubt(source.bound, doubts):
        return replace(record, unread_join=why)
    of_actions = [(action.key, mirror.why_unknown(source.name, action.id)) for action in record.actions]
    if unknown := [f"{key}: {why}" for key, why in of_actions if why]:
        record = replace(record, actions_problem="; ".join(filter(None, (record.actions_problem, *unknown))))
    return with_doubts(record, source.bound, doubts)
