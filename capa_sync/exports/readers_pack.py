"""The evidence of one record as a reader may have it: without what it says of other tickets that are confidential.

A tracker copies the title of a ticket into those linked to it, and in earlier versions it still stands where
the link is gone. So each stored body that names such a ticket is left out as a whole, and said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from capa_sync.exports.evidence import RecordEvidence, Row, TicketEvidence
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.patterns import TICKET_NAME

_OF_RULE = ("message", "fix", "reason")
_OF_FIELD = ("value", "text", "reason", "set_by")
_HINT = "an auditor may take it"


def for_reader(evidence: RecordEvidence, hidden: Mapping[str, str]) -> RecordEvidence:
    """Return the evidence of an open record without the content of other tickets that are confidential.

    Args:
        evidence: as collected.
        hidden: key, number or id -> SOURCE:KEY of each ticket that is not known to be open to all.
    """
    clear = {action["action_id"] for action in evidence.actions if action["confidential"] == "no"}
    shown = {t.name for t in evidence.tickets if t.role != "action" or t.ticket["ticket_id"] in clear}
    return _Reader({name: ticket for name, ticket in hidden.items() if ticket not in shown}).evidence(evidence)


class _Reader:
    """Hides what names the hidden tickets."""

    def __init__(self, hidden: Mapping[str, str]) -> None:
        self._hidden = hidden

    def evidence(self, given: RecordEvidence) -> RecordEvidence:
        """Return the evidence as a reader may have it."""
        left_out = [ticket for ticket in given.tickets if ticket.name in self._hidden.values()]
        are_clear = not left_out and all(action["confidential"] == "no" for action in given.actions)
        ours = frozenset() if are_clear else frozenset(write["remote_id"] for write in given.writes) - {""}
        spans = [self._said(span, are_clear=are_clear) for span in given.past.get("spans", ())]
        return replace(
            given,
            register=given.register if are_clear else given.register | _restricted(given.register, ["action_text"]),
            fields=[self._field(row, are_clear=are_clear) for row in given.fields],
            verdicts=[self._said(verdict, are_clear=are_clear) for verdict in given.verdicts],
            findings=[self._said(finding, are_clear=are_clear) for finding in given.findings],
            actions=[self._action(action) for action in given.actions],
            writes=[self._write(write, are_clear=are_clear) for write in given.writes],
            tickets=[self._ticket(ticket, ours) for ticket in given.tickets if ticket not in left_out],
            missing=[*given.missing, *(f"{t.name} ({t.role}): it is confidential; {_HINT}" for t in left_out)],
            past=given.past | {"spans": spans} if spans else given.past,
        )

    def _named(self, texts: Iterable[str]) -> set[str]:
        """Return which hidden tickets some texts name."""
        return {self._hidden[word] for text in texts for word in TICKET_NAME.findall(text) if word in self._hidden}

    def _names(self, value: Any) -> bool:
        return bool(self._named(_strings(value)))

    def _said(self, row: Row, *, are_clear: bool) -> Row:
        """Return what a rule said, without texts and facts where these may quote a hidden ticket."""
        if are_clear and not self._names(row):
            return row
        facts = "evidence" if "evidence" in row else "inputs"
        return row | _restricted(row, _OF_RULE) | {facts: []}

    def _field(self, row: Row, *, are_clear: bool) -> Row:
        """Return a field of the record, hidden where it names a hidden ticket, or may be the text of one."""
        is_clear = are_clear or not row["of_action"]
        return row if is_clear and not self._names(row) else row | _restricted(row, _OF_FIELD)

    def _action(self, action: Row) -> Row:
        return (
            action if action["confidential"] == "no" else action | _restricted(action, ("text", "owner", "evidence"))
        )

    def _write(self, write: Row, *, are_clear: bool) -> Row:
        if are_clear and not self._names([write.get("text"), write.get("fields")]):
            return write
        fields = dict.fromkeys(write.get("fields", ()), RESTRICTED)
        return write | _restricted(write, ("text", "error")) | ({"fields": fields} if fields else {})

    def _ticket(self, ticket: TicketEvidence, ours: frozenset[str]) -> TicketEvidence:
        """Return a ticket without the bodies, values and comments that name a hidden ticket; `ours`: our comments."""
        bodies = {kind: self._named(_strings(_loaded(body))) for kind, body in ticket.raw.items()}
        versions = [(version, self._named(_strings(_loaded(version.body)))) for version in ticket.versions]
        of_kind: dict[str, set[str]] = {kind: set(named) for kind, named in bodies.items()}
        for version, named in versions:
            of_kind.setdefault(version.kind, set()).update(named)
        why = (f"of {kind}: it names {', '.join(sorted(named))}" for kind, named in of_kind.items() if named)
        missing = [f"raw payloads {what}, which is confidential; {_HINT}" for what in why]
        return replace(
            ticket,
            changes=[self._change(change) for change in ticket.changes],
            comments=[self._comment(comment, ours) for comment in ticket.comments],
            raw={kind: body for kind, body in ticket.raw.items() if not bodies[kind]},
            versions=[version for version, named in versions if not named],
            missing=[*ticket.missing, *missing],
        )

    def _change(self, change: Row) -> Row:
        values = ("from_value", "to_value")
        return change | _restricted(change, [name for name in values if self._names(change[name])])

    def _comment(self, comment: Row, ours: frozenset[str]) -> Row:
        is_clear = comment["id"] not in ours and not self._names(comment["text"])
        return comment if is_clear else comment | {"text": RESTRICTED}


def _restricted(row: Row, names: Iterable[str]) -> Row:
    """Return the columns of these names that hold something, hidden."""
    return {name: RESTRICTED for name in names if row.get(name)}


def _strings(value: Any) -> Iterator[str]:
    """Yield every text in plain data, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, held in value.items():
            yield str(name)
            yield from _strings(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _strings(held)


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
