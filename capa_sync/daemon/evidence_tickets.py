"""Collects what the mirror has of each ticket of a record: its own, those joined to it, and those of its actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from capa_sync.daemon.attached_files import AttachmentFetch
from capa_sync.daemon.roles import namings_of
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.view_rows import view_rows
from capa_sync.exports import PartVersion, Row, TicketEvidence
from capa_sync.mapping import LinkRules
from capa_sync.model.attachment import Attachment
from capa_sync.model.days import moment_words
from capa_sync.model.ticket import Presence
from capa_sync.store import RegisterSnapshot, newest_parts


def tickets_of(
    runtime: Runtime, snapshot: RegisterSnapshot, source: str, ticket_id: str, fetch: AttachmentFetch | None
) -> Iterator[TicketEvidence]:
    """Yield the record's own ticket, then those joined to it, then those that the mapping takes as its actions."""
    register = runtime.register
    joined = register.records.joined(source, ticket_id)
    actions = [(source, child) for child in _actions_of(runtime, source, ticket_id)]
    for role, tickets in (("record", [(source, ticket_id)]), ("joined", joined), ("action", actions)):
        for ticket in tickets:
            yield _ticket(runtime, snapshot.of_ticket(*ticket), role, *ticket, fetch)


def _actions_of(runtime: Runtime, source: str, ticket_id: str) -> list[str]:
    """Return the mirrored tickets that are, or as parts of this one once were, its actions by the mapping."""
    children, context = runtime.register.tickets.children_of(source, ticket_id), runtime.contexts.get(source)
    if context is None:
        return children  # nothing tells any more which of them are
    namings = namings_of(runtime.register, context.mapping, source, children)
    rules, places = LinkRules(context.mapping.actions), runtime.register.roles.places(source, children)
    named = {
        n.part for n in namings if n.owner == ticket_id and (n.relation == "link" or rules.is_part(places[n.part]))
    }
    return [child for child in children if child in named]


def _ticket(
    runtime: Runtime,
    snapshot: RegisterSnapshot,
    role: str,
    source: str,
    ticket_id: str,
    fetch: AttachmentFetch | None,
) -> TicketEvidence:
    """Collect what the mirror has of one ticket."""
    rows = view_rows(snapshot, "v_tickets")
    found = TicketEvidence(role, rows[0] if rows else {"source": source, "ticket_key": "", "ticket_id": ticket_id})
    found.changes = view_rows(snapshot, "v_changes")
    stored = snapshot.versions(source, ticket_id)
    found.raw = {part.kind: part.body for part in newest_parts(version for version, _ in stored)}
    found.versions = [
        PartVersion(version.kind, version.version, version.form, version.digest, read_at, version.body)
        for version, read_at in stored
    ]
    if unknown := found.ticket.get("unknown"):
        found.missing.append(f"{unknown}: the tracker did not deliver them to our account")
    if found.ticket.get("quarantine_reason"):
        found.missing.append(f"the newest version may be missing: {found.ticket['quarantine_reason']}")
    presence, seen_at = found.ticket.get("presence"), found.ticket.get("seen_at")
    if presence and presence != Presence.PRESENT:
        since = f"after {_local(runtime, seen_at)}, when it was last seen" if seen_at else "on the tracker"
        found.missing.append(f"changes {since}: its presence is {presence}")
    context = runtime.contexts.get(source)
    if context is None:
        found.missing.append("comments and attachments: the settings name this source no longer")
        return found
    _add_comments(runtime, context, found, ticket_id)
    _add_attachments(runtime, context, found, ticket_id, fetch)
    return found


def _local(runtime: Runtime, instant: str) -> str:
    return moment_words(datetime.fromisoformat(instant), runtime.options.timezone)


def _add_comments(runtime: Runtime, context: SourceContext, found: TicketEvidence, ticket_id: str) -> None:
    ticket = runtime.register.tickets.ticket(context.name, ticket_id, context.source.parser())
    if ticket is None:
        found.missing.append("comments: the stored parts make no ticket")
        return
    accounts = context.facts.accounts if context.facts is not None else ()
    names = {known: account.name for account in accounts for known in (account.id, *account.aliases)}
    found.comments = [asdict(comment) | {"by_name": names.get(comment.by, "")} for comment in ticket.comments]


def _add_attachments(
    runtime: Runtime, context: SourceContext, found: TicketEvidence, ticket_id: str, fetch: AttachmentFetch | None
) -> None:
    record = runtime.register.tickets.record(context.name, ticket_id)
    names = context.kind.attachments
    known = list(names(record)) if names is not None and record is not None else None
    if fetch is not None:
        listed, why = fetch.listed(context, ticket_id, known)
        if why:
            found.missing.append(f"attachments: {why}")
        found.attachments = [_attachment(fetched) for fetched in fetch.fetched_all(context, found.name, listed)]
    elif names is None:
        hint = "`--fetch-attachments` asks the tracker for them"
        found.missing.append(f"attachments: capa-sync does not mirror those of {context.kind.title}; {hint}")
    else:
        found.attachments = [_attachment(attachment) for attachment in known or ()]


def _attachment(attachment: Attachment) -> Row:
    why = f": {attachment.problem}" if attachment.problem else ""
    return {
        "name": attachment.name,
        "size": attachment.size,
        "added_at": attachment.added_at,
        "added_by": attachment.added_by,
        "media_type": attachment.media_type,
        "sha256": attachment.sha256,
        "content": "fetched and hashed" if attachment.is_fetched else f"not fetched{why}",
    }
