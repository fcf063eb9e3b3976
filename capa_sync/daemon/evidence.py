"""Collects the whole evidence of one record: what the register holds, and what its rules rest on.

Everything is stated as of the instant up to which its source was read, so that one register gives one result. A part
that is not there is named among `missing`, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.attached_files import AttachmentFetch
from capa_sync.daemon.evidence_fields import field_rows, fields_of_actions
from capa_sync.daemon.evidence_tickets import tickets_of
from capa_sync.daemon.pipeline import explain
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.verdict_history import SetThen, verdict_history
from capa_sync.daemon.verdict_rows import past_rows, verdict_row
from capa_sync.daemon.view_rows import view_rows
from capa_sync.errors import Problem, UserError
from capa_sync.exports import RecordEvidence, Row, TicketEvidence
from capa_sync.model.amounts import count_of
from capa_sync.model.days import moment_words
from capa_sync.model.finding import Finding
from capa_sync.model.record import Action, CapaRecord, distinct_names
from capa_sync.model.selection import ExportSelection
from capa_sync.model.write import Write
from capa_sync.store import RegisterSnapshot


def find_record(runtime: Runtime, name: str) -> tuple[str, str]:
    """Return (source, id) of the record of that name; of a joined one the ticket that carries finding and warning.

    Raises UserError: no source has a ticket of that name, several have, it was erased, or it is no record.
    """
    register = runtime.register
    named = register.tickets.named(name)
    found = [ticket for ticket in named if ticket[0] in runtime.contexts]
    if not found:
        raise _unknown(runtime, name, [source for source, _ in named])
    if len(found) > 1:
        names = [f"{source}:{register.tickets.key(source, ticket_id)}" for source, ticket_id in found]
        raise _refused(f"{count_of(len(found), 'ticket')} have the name '{name}'", f"name one of {', '.join(names)}")
    if register.tickets.is_action(*found[0]):
        hint = f"`capa-sync explain {name}` names the record whose pack has it"
        raise _refused(f"{name} is an action and no record of its own", hint)
    return runtime.joins.primary(*found[0])


def _unknown(runtime: Runtime, name: str, sources: Sequence[str]) -> UserError:
    """Return why there is no pack of a name; `sources` have such a ticket, and the settings name none of them."""
    if sources:
        hint = f"put it back while a pack is made; they name: {', '.join(runtime.contexts)}"
        return _refused(f"'{name}' is of the source {sources[0]}, which the settings name no longer", hint)
    if stones := runtime.register.erasures.named(name):
        return _refused(f"{stones[-1]}", "an erased ticket has no pack")
    return _refused(f"no source has a ticket '{name}' in the register", f"`capa-sync explain {name}` says more")


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
        rows = view_rows(snapshot, "v_register")
        record, verdicts, missing = _judged(runtime, context, ticket_id, as_of)
        if not rows:
            missing.append("the row of the register: the ticket could not be mapped, or was never evaluated")
        tickets = list(tickets_of(runtime, snapshot, source, ticket_id, fetch))
        past = _past(runtime, set_at, source, ticket_id, as_of)
        return RecordEvidence(
            as_of=as_of,
            register=rows[0] if rows else {},
            fields=_fields(runtime, record),
            verdicts=verdicts,
            findings=[_finding(finding) for finding in register.findings.episodes(source, ticket_id)],
            actions=list(_actions(snapshot, record)),
            waivers=view_rows(snapshot, "v_waivers"),
            writes=_writes(runtime, snapshot, source, ticket_id),
            tickets=tickets,
            about=snapshot.facts() | {"sources": snapshot.sources()},
            missing=[*missing, *_left_out(past, tickets[0], runtime.options.timezone)],
            past=past,
            timezone=runtime.options.timezone,
        )


def _fields(runtime: Runtime, record: CapaRecord | None) -> list[Row]:
    """Return what the record says; [] for a ticket that is no record now, which `_judged` names as missing."""
    if record is None:
        return []
    sources = (record.source, *(source for source, _, _ in record.also))
    return field_rows(record, fields_of_actions(runtime, sources))


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


def _left_out(past: Row, own: TicketEvidence, zone: str) -> Iterator[str]:
    """Yield which past verdicts are left out, and how to get them."""
    if past and past["cut_before"] is not None:
        again = f"`capa-sync explain {own.name} --as-of DAY` evaluates the ticket as it was on an earlier day"
        most = past["most_instants"]
        cut = moment_words(past["cut_before"], zone)
        yield f"verdicts before {cut}: a pack has those of the last {most} instants; {again}"


def _judged(
    runtime: Runtime, context: SourceContext, ticket_id: str, as_of: datetime | None
) -> tuple[CapaRecord | None, list[Row], list[str]]:
    """Return the record, its present verdicts with the facts behind them, and what is missing, with the reasons."""
    if as_of is None:
        return None, [], list(_unjudged(f"{context.name} was never read to its end"))
    explained = explain(runtime.inputs(context, as_of), ticket_id)
    if not isinstance(explained, tuple):
        why = "; ".join(explained.reasons) if explained is not None else "its stored parts make no ticket"
        return None, [], list(_unjudged(why))
    record, verdicts = explained
    names = distinct_names(record.people_names)
    missing = [f"{name}: {reason}" for name, reason in record.undelivered.items()]
    if record.unread_join:
        missing.append(f"what the other ticket of this record says: {record.unread_join}")
    return record, [verdict_row(verdict, names) for verdict in verdicts], [*missing, *_gaps(record)]


def _unjudged(why: str) -> Iterator[str]:
    """Yield what a pack lacks of a ticket that cannot be mapped."""
    yield f"the present verdicts: {why}"
    yield f"what the record says, field by field: {why}; the timeline and raw/ have what is stored of it"


def _actions(snapshot: RegisterSnapshot, record: CapaRecord | None) -> Iterator[Row]:
    addresses = snapshot.rows("v_actions", ("action_url",))
    for row, (address,) in zip(view_rows(snapshot, "v_actions"), addresses, strict=True):
        yield row | _action(record, row, address)


def _action(record: CapaRecord | None, row: Row, url: str) -> Row:
    """Return what shows that an action is done: its state, its proof as written in the tracker, its own ticket."""
    found = [action for action in record.actions if action.id == row["action_id"]] if record is not None else []
    return {
        "state": _state(found[0]) if found else "not known",
        "evidence": found[0].evidence.text if found else "",
        "url": url,
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
    return [row | _content(written.get(row["id"])) for row in view_rows(snapshot, "v_writes")]


def _content(write: Write | None) -> Row:
    if write is None:
        return {}
    return {
        "text": write.text.plain() if write.text is not None else "",
        "labels_add": list(write.labels_add),
        "labels_remove": list(write.labels_remove),
        "fields": dict(write.fields),
    }
