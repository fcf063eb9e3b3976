"""Builds the target of a plan: what planning needs to know of a ticket."""

from __future__ import annotations

from datetime import datetime

from capa_sync.daemon.mapped import primary
from capa_sync.daemon.roles import records_with
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.mapping import last_human_at
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import SourceTicket
from capa_sync.model.write import WriteKind
from capa_sync.ports import Mirror
from capa_sync.writeback import Target, is_before_baseline


def target_of(
    runtime: Runtime, setup: SourceContext, record: CapaRecord, mirror: Mirror, now: datetime, *, was_meant: bool
) -> Target:
    """Return what planning needs to know of a ticket; `mirror` holds the version that the record was mapped from.

    `was_meant` is True when a write was ever planned for the ticket; otherwise no comment is stored and none deleted.
    """
    tickets, outbox, ticket_id = runtime.register.tickets, runtime.register.outbox, record.ticket_id
    ticket = mirror.ticket(setup.name, ticket_id, setup.source.parser())
    comment = outbox.remote_comment(setup.name, ticket_id) if was_meant else ""
    primary_ref = primary(runtime, setup, ticket_id)
    return Target(
        register=runtime.register.id,
        source=setup.name,
        ticket_id=ticket_id,
        ticket_key=ticket.key if ticket is not None else record.ticket_key,
        read_at=tickets.read_at(setup.name, ticket_id) or now,
        presence=mirror.presence(setup.name, ticket_id),
        labels=labels_of(setup, ticket),
        is_before_baseline=is_before_baseline(record, runtime.options.baseline, runtime.options.timezone),
        last_human_at=record.last_human_at,
        tracker_now=now + setup.clock_skew,
        owner=record.fields["owner"].text,
        owner_id=str(record.fields["owner"].data or ""),
        deletions=outbox.deletions(setup.name, ticket_id) if was_meant else 0,
        is_comment_gone=_is_gone(setup, ticket, comment),
        joined_to="" if primary_ref == (setup.name, ticket_id) else tickets.key(*primary_ref),
    )


def labels_of(setup: SourceContext, ticket: SourceTicket | None) -> frozenset[str]:
    """Return the labels of a ticket as last read; none where its kind of source gets no labels from us."""
    labels = ticket.values.get(setup.kind.labels_field) if ticket is not None else None
    is_ours = WriteKind.LABELS in setup.kind.channels
    return frozenset(labels.ids) if labels is not None and is_ours else frozenset()


def _is_gone(setup: SourceContext, ticket: SourceTicket | None, comment: str) -> bool:
    """Return whether our comment of this id was missing when the ticket was last read."""
    if not comment or ticket is None or WriteKind.COMMENT not in setup.kind.channels:
        return False
    return all(found.id != comment for found in ticket.comments)


def target_of_action(
    runtime: Runtime, setup: SourceContext, ticket_id: str, mirror: Mirror, now: datetime
) -> Target | None:
    """Return what planning needs to know of an action that was a record once; None when it is not mirrored."""
    tickets, outbox = runtime.register.tickets, runtime.register.outbox
    ticket = mirror.ticket(setup.name, ticket_id, setup.source.parser())
    if ticket is None or setup.bound is None or setup.facts is None:
        return None
    directory = setup.bound.directory(setup.name, setup.mapping.people, setup.facts.me.id)
    comment = outbox.remote_comment(setup.name, ticket_id)
    owners = records_with(runtime, setup, [ticket_id], former=False)
    return Target(
        register=runtime.register.id,
        source=setup.name,
        ticket_id=ticket_id,
        ticket_key=ticket.key,
        read_at=tickets.read_at(setup.name, ticket_id) or now,
        presence=mirror.presence(setup.name, ticket_id),
        labels=labels_of(setup, ticket),
        last_human_at=last_human_at([ticket], directory),
        tracker_now=now + setup.clock_skew,
        deletions=outbox.deletions(setup.name, ticket_id),
        is_comment_gone=_is_gone(setup, ticket, comment),
        is_action=True,
        action_of=tuple(sorted(tickets.key(setup.name, owner) for owner in owners)),
    )
