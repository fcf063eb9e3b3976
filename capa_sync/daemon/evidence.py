"""Collects the whole evidence of one record: what the register holds, and what its rules rest on.

Everything is stated as of the instant up to which its source was read, so that one register gives one result. A part
that is not there is named among `missing`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime

from capa_sync.daemon.attached_files import AttachmentFetch
from capa_sync.daemon.pipeline import explain
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.verdict_history import SetThen, verdict_history
from capa_sync.daemon.verdict_rows import past_rows, verdict_row
from capa_sync.errors import Problem, UserError
from capa_sync.exports import PartVersion, RecordEvidence, Row, TicketEvidence
from capa_sync.model.amounts import count_of
from capa_sync.model.attachment import Attachment
from capa_sync.model.finding import Finding
from capa_sync.model.record import Action, ActionOrigin, CapaRecord, distinct_names
from capa_sync.model.selection import ExportSelection
from capa_sync.model.ticket import Presence
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.model.write import Write
from capa_sync.store import RegisterSnapshot, newest_parts

_COLUMNS = {view.name: tuple(column.name for column in view.columns) for view in PUBLIC_VIEWS}


def find_record(runtime: Runtime, name: str) -> tuple[str, str]:
    """Return (source, id) of the record of that name; of a joined one the ticket that carries finding and warning.

    Raises UserError: no source has a ticket of that name, several have, or it is no record.
    """
    register = runtime.register
    found = [ticket for ticket in register.tickets.named(name) if ticket[0] in runtime.contexts]
    if not found:
        raise _refused(f"no source has a ticket '{name}' in the register", f"`capa-sync explain {name}` says more")
    if len(found) > 1:
        names = [f"{source}:{register.tickets.key(source, ticket_id)}" for source, ticket_id in found]
        raise _refused(f"{count_of(len(found), 'ticket')} have the name '{name}'", f"name one of {', '.join(names)}")
    if register.tickets.is_action(*found[0]):
        hint = f"`capa-sync explain {name}` names the record whose pack has it"
        raise _refused(f"{name} is an action and no record of its own", hint)
    return runtime.joins.primary(*found[0])


def _refused(what: str, hint: str) -> UserError:
    return UserError([Problem("", 0, what, f"{hint}; nothing was written")])


def collect_evidence(
    runtime: Runtime,
    source: str,
    ticket_id: str,
    *,
    set_at: Callable[[datetime], SetThen] | None = None,
    fetch: AttachmentFetch | None = None,
) -> RecordEvidence:
    """Collect the evidence of a record that `find_record` returned.

    Args:
        runtime: with the live set.
        source: of the record.
        ticket_id: its id.
        set_at: returns the set of a past instant; without it there are no past verdicts.
        fetch: fetches and hashes the attachments.
    """
    register, context = runtime.register, runtime.contexts[source]
    as_of = register.runs.as_of(source)
    with register.snapshot(ExportSelection(ticket=(source, ticket_id))) as snapshot:
        rows = _rows(snapshot, "v_register")
        record, verdicts, missing = _judged(runtime, context, ticket_id, as_of)
        if not rows:
            missing.append("the row of the register: the ticket could not be mapped, or was never evaluated")
        tickets = list(_tickets(runtime, source, ticket_id, fetch))
        past = _past(runtime, set_at, source, ticket_id, as_of)
        return RecordEvidence(
            as_of=as_of,
            register=rows[0] if rows else {},
            verdicts=verdicts,
            findings=[_finding(finding) for finding in register.findings.episodes(source, ticket_id)],
            actions=[row | _action(runtime, source, record, row) for row in _rows(snapshot, "v_actions")],
            waivers=_rows(snapshot, "v_waivers"),
            writes=_writes(runtime, snapshot, source, ticket_id),
            tickets=tickets,
            about=snapshot.facts() | {"sources": snapshot.sources()},
            missing=[*missing, *_left_out(past, tickets[0])],
            past=past,
        )


def _past(
    runtime: Runtime,
    set_at: Callable[[datetime], SetThen] | None,
    source: str,
    ticket_id: str,
    until: datetime | None,
) -> Row:
    """Return every verdict ever; {} for a source that was never read to its end."""
    if set_at is None or until is None:
        return {}
    return past_rows(verdict_history(runtime, set_at, source, ticket_id, until), until)


def _left_out(past: Row, own: TicketEvidence) -> Iterator[str]:
    """Yield which past verdicts are left out, and how to get them."""
    if past and past["cut_before"] is not None:
        again = f"`capa-sync explain {own.name} --as-of DAY` evaluates the ticket as it was on an earlier day"
        most = past["most_instants"]
        yield f"verdicts before {past['cut_before']}: a pack has those of the last {most} instants; {again}"


def _rows(snapshot: RegisterSnapshot, view: str) -> list[Row]:
    columns = _COLUMNS[view]
    return [dict(zip(columns, row, strict=True)) for row in snapshot.rows(view, columns)]


def _judged(
    runtime: Runtime, context: SourceContext, ticket_id: str, as_of: datetime | None
) -> tuple[CapaRecord | None, list[Row], list[str]]:
    """Return the record, its present verdicts with the facts behind them, and what is missing, with the reasons."""
    if as_of is None:
        return None, [], [f"the present verdicts: {context.name} was never read to its end"]
    explained = explain(runtime.inputs(context, as_of), ticket_id)
    if not isinstance(explained, tuple):
        why = "; ".join(explained.reasons) if explained is not None else "its stored parts make no ticket"
        return None, [], [f"the present verdicts: {why}"]
    record, verdicts = explained
    names = distinct_names(record.people_names)
    missing = [f"{name}: {reason}" for name, reason in record.undelivered.items()]
    return record, [verdict_row(verdict, names) for verdict in verdicts], [*missing, *_gaps(record)]


def _action(runtime: Runtime, source: str, record: CapaRecord | None, row: Row) -> Row:
    """Return what shows that an action is done: its state, its proof as written in the tracker, its own ticket."""
    found = [action for action in record.actions if action.id == row["action_id"]] if record is not None else []
    ticket_id = row["ticket_id"] if row["origin"] == ActionOrigin.FIELD else row["action_id"]
    with runtime.register.snapshot(ExportSelection(ticket=(source, ticket_id))) as snapshot:
        url = next(snapshot.rows("v_tickets", ("url",)), ("",))[0]
    return {
        "state": _state(found[0]) if found else "not known",
        "evidence": found[0].evidence.text if found else "",
        "url": url or "",
    }


def _state(action: Action) -> str:
    if not action.readable:
        return f"not readable: {action.reason}" if action.reason else "not readable"
    if action.cancelled:
        return "cancelled"
    return "done" if action.done_at is not None else "open"


def _gaps(record: CapaRecord) -> Iterator[str]:
    if not record.history_complete:
        yield "a part of the history: it could not be read whole"
    for name, reason in record.history_gaps.items():
        yield f"the history of {name}: {reason}"


def _finding(finding: Finding) -> Row:
    return {
        "rule": finding.rule,
        "episode": finding.episode,
        "title": finding.title,
        "clause": finding.clause,
        "severity": finding.severity.value,
        "state": finding.state.value,
        "opened_at": finding.opened_at,
        "cleared_at": finding.cleared_at,
        "message": finding.message,
        "fix": finding.fix,
        "hidden_by": finding.hidden_by,
        "waived_until": finding.waived_until,
        "waived_by": finding.waived_by,
        "waived_reason": finding.waived_reason,
        "rule_set": finding.rule_set,
        "inputs": list(finding.inputs),
    }


def _writes(runtime: Runtime, snapshot: RegisterSnapshot, source: str, ticket_id: str) -> list[Row]:
    """Return what we wrote or meant to write on the ticket, with the texts."""
    written = {w.id: w for w in runtime.register.outbox.writes_of(source, [ticket_id]).get(ticket_id, [])}
    return [row | _content(written.get(row["id"])) for row in _rows(snapshot, "v_writes")]


def _content(write: Write | None) -> Row:
    if write is None:
        return {}
    return {
        "text": write.text.plain() if write.text is not None else "",
        "labels_add": list(write.labels_add),
        "labels_remove": list(write.labels_remove),
        "fields": dict(write.fields),
    }


def _tickets(
    runtime: Runtime, source: str, ticket_id: str, fetch: AttachmentFetch | None
) -> Iterator[TicketEvidence]:
    """Yield the record's own ticket, then those joined to it, then the tickets of its actions."""
    register = runtime.register
    joined = register.records.joined(source, ticket_id)
    actions = [(source, child) for child in register.tickets.children_of(source, ticket_id)]
    for role, tickets in (("record", [(source, ticket_id)]), ("joined", joined), ("action", actions)):
        for ticket in tickets:
            with register.snapshot(ExportSelection(ticket=ticket)) as snapshot:
                yield _ticket(runtime, snapshot, role, *ticket, fetch)


def _ticket(
    runtime: Runtime,
    snapshot: RegisterSnapshot,
    role: str,
    source: str,
    ticket_id: str,
    fetch: AttachmentFetch | None,
) -> TicketEvidence:
    """Collect what the mirror has of one ticket."""
    rows = _rows(snapshot, "v_tickets")
    found = TicketEvidence(role, rows[0] if rows else {"source": source, "ticket_key": "", "ticket_id": ticket_id})
    found.changes = _rows(snapshot, "v_changes")
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
        since = f"after {seen_at}, when it was last seen" if seen_at else "on the tracker"
        found.missing.append(f"changes {since}: its presence is {presence}")
    context = runtime.contexts.get(source)
    if context is None:
        found.missing.append("comments and attachments: the settings name this source no longer")
        return found
    _add_comments(runtime, context, found, ticket_id)
    _add_attachments(runtime, context, found, ticket_id, fetch)
    return found


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
        found.attachments = [_attachment(fetch.fetched(context, attachment)) for attachment in listed]
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
