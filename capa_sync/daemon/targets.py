"""The targets of plans: what planning needs to know of a ticket."""

from __future__ import annotations

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.roles import records_with
from capa_sync.daemon.source_inputs import SourceInputs
from capa_sync.mapping import last_human_at
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import SourceTicket
from capa_sync.model.write import WriteKind
from capa_sync.ports.mirror import Mirror
from capa_sync.writeback import Target, is_before_baseline


def target_of(inputs: PipelineInputs, record: CapaRecord, mirror: Mirror, *, was_meant: bool) -> Target:
    """Return what planning needs to know of a ticket; `mirror` holds the version that the record was mapped from.

    `was_meant` is True when a write was ever planned for the ticket; otherwise no comment is stored and none deleted.
    """
    source, ticket_id = inputs.source, record.ticket_id
    tickets, outbox = inputs.past or inputs.register.tickets, inputs.register.outbox
    ticket = mirror.ticket(source.name, ticket_id, source.parser)
    comment = outbox.remote_comment(source.name, ticket_id) if was_meant else ""
    primary = inputs.joins.primary(source.name, ticket_id)
    return Target(
        register=inputs.register.id,
        source=source.name,
        ticket_id=ticket_id,
        ticket_key=ticket.key if ticket is not None else record.ticket_key,
        read_at=mirror.read_at(source.name, ticket_id) or inputs.now,
        presence=mirror.presence(source.name, ticket_id),
        labels=_labels(source, ticket),
        is_before_baseline=is_before_baseline(record, inputs.options.baseline, inputs.options.timezone),
        last_human_at=record.last_human_at,
        tracker_now=inputs.now + source.clock_skew,
        owner=record.fields["owner"].text,
        owner_id=str(record.fields["owner"].data or ""),
        deletions=outbox.deletions(source.name, ticket_id) if was_meant else 0,
        is_comment_gone=_is_gone(source, ticket, comment),
        joined_to="" if primary == (source.name, ticket_id) else tickets.key(*primary),
    )


def target_of_action(inputs: PipelineInputs, ticket_id: str, mirror: Mirror) -> Target | None:
    """Return what planning needs to know of an action that was a record once; None when it is not mirrored."""
    source, register = inputs.source, inputs.register
    ticket = mirror.ticket(source.name, ticket_id, source.parser)
    if ticket is None or source.bound is None or source.facts is None:
        return None
    directory = source.bound.directory(source.name, source.mapping.people, source.facts.me.id)
    comment = register.outbox.remote_comment(source.name, ticket_id)
    owners = records_with(register, source.mapping, source.name, [ticket_id], former=False)
    return Target(
        register=register.id,
        source=source.name,
        ticket_id=ticket_id,
        ticket_key=ticket.key,
        read_at=mirror.read_at(source.name, ticket_id) or inputs.now,
        presence=mirror.presence(source.name, ticket_id),
        labels=_labels(source, ticket),
        last_human_at=last_human_at([ticket], directory),
        tracker_now=inputs.now + source.clock_skew,
        deletions=register.outbox.deletions(source.name, ticket_id),
        is_comment_gone=_is_gone(source, ticket, comment),
        is_action=True,
        action_of=tuple(sorted(register.tickets.key(source.name, owner) for owner in owners)),
    )


def target_of_withdrawal(inputs: PipelineInputs, ticket_id: str) -> Target:
    """Return what a withdrawal needs to know of a ticket, which may be one that can no longer be mapped."""
    source, tickets = inputs.source, inputs.register.tickets
    return Target(
        register=inputs.register.id,
        source=source.name,
        ticket_id=ticket_id,
        ticket_key=tickets.key(source.name, ticket_id),
        read_at=tickets.read_at(source.name, ticket_id) or inputs.now,
        presence=tickets.presence(source.name, ticket_id),
        labels=_labels(source, tickets.ticket(source.name, ticket_id, source.parser)),
    )


def _labels(source: SourceInputs, ticket: SourceTicket | None) -> frozenset[str] | None:
    """Return the labels of a ticket as last read; no set where they are unknown.

    The set is empty where its kind of source gets no labels from us.
    """
    if WriteKind.LABELS not in source.kind.channels:
        return frozenset()
    labels = ticket.values.get(source.kind.labels_field) if ticket is not None else None
    return None if labels is None else frozenset(labels.ids)


def _is_gone(source: SourceInputs, ticket: SourceTicket | None, comment: str) -> bool:
    """Return whether our comment of this id was missing when the ticket was last read."""
    if not comment or ticket is None or WriteKind.COMMENT not in source.kind.channels:
        return False
    return "comments" not in ticket.unknown and all(found.id != comment for found in ticket.comments)
