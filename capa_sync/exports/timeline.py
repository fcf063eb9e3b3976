"""The life of a record as one list in time: changes, comments, findings, waivers, actions, and what we wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from capa_sync.exports.evidence import RecordEvidence, Row, TicketEvidence
from capa_sync.model.record import distinct_names

_BIRTH = "birth"
_CHANGED, _CREATED, _FIRST_KNOWN = "change", "created", "first known"
_MADE = "the ticket was created"
VALUED = frozenset({_CHANGED, _CREATED, _FIRST_KNOWN})
"""Kinds of events whose text has values of fields in quotes."""
_ON_TICKETS = frozenset({_CHANGED, _CREATED, "comment", "internal comment"})


def timeline_of(evidence: RecordEvidence) -> list[Row]:
    """Return the events of a record, the oldest first: `at` (UTC), `ticket`, `kind`, `who`, `what`."""
    born = {instant(at): ticket.name for ticket in evidence.tickets if (at := ticket.ticket.get("created_at"))}
    events = [event for ticket in evidence.tickets for event in _of_ticket(ticket, born)]
    events += [*_of_findings(evidence), *_of_waivers(evidence), *_of_actions(evidence), *_of_writes(evidence)]
    return sorted(events, key=lambda event: (str(event["at"]), event["what"] != _MADE))


def after_closure(events: Sequence[Row], closed_at: Any) -> list[Row]:
    """Return what was changed and said on a record's tickets after it was closed."""
    closed = instant(closed_at)
    return [event for event in events if event["at"] > closed and event["kind"] in _ON_TICKETS]


def _of_ticket(ticket: TicketEvidence, born: Mapping[str, str]) -> Iterator[Row]:
    """Yield the events of one ticket; `born` is instant -> ticket created then.

    Of a joined record the register has the values at the creation of its oldest ticket, among the changes of the one
    that carries the record.
    """
    names = distinct_names({c["changed_by"]: c["changed_by_name"] for c in ticket.changes if c["changed_by_name"]})
    if created := ticket.ticket.get("created_at"):
        own = (c for c in ticket.changes if c["origin"] == _BIRTH and instant(c["changed_at"]) == instant(created))
        by = next((change["changed_by"] for change in own), "")
        yield _event(created, ticket.name, _CREATED, names.get(by, by), _MADE)
    first = _CREATED if ticket.ticket.get("history_complete", 1) else _FIRST_KNOWN
    for change in ticket.changes:
        is_birth = change["origin"] == _BIRTH
        before = "" if is_birth else f"“{change['from_value']}” → "
        what = f"{change['field']}: {before}“{change['to_value']}”"
        who = names.get(change["changed_by"], change["changed_by"])
        name = born.get(instant(change["changed_at"]), ticket.name) if is_birth else ticket.name
        yield _event(change["changed_at"], name, first if is_birth else _CHANGED, who, what)
    for comment in ticket.comments:
        kind = "internal comment" if comment["internal"] else "comment"
        yield _event(comment["at"], ticket.name, kind, comment["by_name"] or comment["by"], comment["text"])
    if ticket.ticket.get("presence") != "present" and ticket.ticket.get("presence_at"):
        what = f"{ticket.ticket['presence']}: {ticket.ticket['presence_proof']}"
        yield _event(ticket.ticket["presence_at"], ticket.name, "presence", "", what)


def _of_findings(evidence: RecordEvidence) -> Iterator[Row]:
    for finding in evidence.findings:
        what = f"{finding['rule']} ({finding['severity']}): {finding['message']}"
        yield _event(finding["opened_at"], evidence.name, "finding opened", "", what)
        if finding["cleared_at"] is not None:
            yield _event(finding["cleared_at"], evidence.name, "finding cleared", "", finding["rule"])


def _of_waivers(evidence: RecordEvidence) -> Iterator[Row]:
    for waiver in evidence.waivers:
        what = f"{waiver['rule']} until {waiver['until']}: {waiver['reason']}"
        yield _event(waiver["recorded_at"], evidence.name, "waived", waiver["asked_by"], what)
        if waiver["ended_at"]:
            yield _event(waiver["ended_at"], evidence.name, "waiver ended", "", f"{waiver['rule']}: {waiver['why']}")


def _of_actions(evidence: RecordEvidence) -> Iterator[Row]:
    for action in evidence.actions:
        if action["done_at"]:
            proof = f" (proof: {action['evidence']})" if action["evidence"] else ""
            yield _event(action["done_at"], evidence.name, "action done", action["owner"], f"{action['text']}{proof}")


def _of_writes(evidence: RecordEvidence) -> Iterator[Row]:
    for write in evidence.writes:
        if write["delivered_at"]:
            yield _event(
                write["delivered_at"], evidence.name, f"written: {write['kind']}", "capa-sync", _written(write)
            )


def _written(write: Row) -> str:
    labels = [f"+{label}" for label in write.get("labels_add", ())]
    labels += [f"-{label}" for label in write.get("labels_remove", ())]
    return write.get("text") or ", ".join(labels or write.get("fields", ())) or f"the {write['kind']} of capa-sync"


def _event(at: Any, ticket: str, kind: str, who: Any, what: str) -> Row:
    return {"at": instant(at), "ticket": ticket, "kind": kind, "who": who or "", "what": what}


def instant(at: Any) -> str:
    """Return an instant as ISO 8601 UTC with `Z`; microseconds always, so that the texts sort like the instants."""
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
