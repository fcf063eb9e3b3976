"""The evidence of one record, collected by the daemon's side and written by `pack`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

Row = dict[str, Any]


class PartVersion(NamedTuple):
    """One stored version of a ticket's raw part; `form` says how a list is continued (docs/evidence.md)."""

    kind: str
    version: int
    form: str
    digest: str
    read_at: str
    body: bytes


@dataclass(slots=True)
class TicketEvidence:
    """One ticket of a record: the record's own, a joined one, or one of its actions.

    Attributes:
        role: `record`, `joined` or `action`. ticket: its row of `v_tickets`.
        changes: rows of `v_changes`. comments: of everybody, oldest first. attachments: names, sizes, dates.
        raw: part -> its newest whole body. versions: every stored version. missing: what is not there, and why.
    """

    role: str
    ticket: Row
    changes: list[Row] = field(default_factory=list)
    comments: list[Row] = field(default_factory=list)
    attachments: list[Row] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict)
    versions: list[PartVersion] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return SOURCE:KEY."""
        return f"{self.ticket['source']}:{self.ticket['ticket_key'] or self.ticket['ticket_id']}"


@dataclass(slots=True)
class RecordEvidence:
    """The evidence of one record.

    Attributes:
        as_of: up to when its source was read, None never. register: its row of `v_register`, {} without one.
        verdicts: the present ones, with the facts behind them. past: every verdict ever (`past_rows`), {} where they
            are not known. findings: every episode of every rule, ever.
        actions: rows of `v_actions`. waivers: rows of `v_waivers`. writes: rows of `v_writes` with the texts.
        tickets: the record's own first.
        about: what the register says about itself. missing: what is not there, and why.
        timezone: the zone (IANA name) in which people read its times.
        fields: what the record says, field by field, whole; [] where it cannot be mapped.
    """

    as_of: datetime | None
    register: Row
    verdicts: list[Row]
    findings: list[Row]
    actions: list[Row]
    waivers: list[Row]
    writes: list[Row]
    tickets: list[TicketEvidence]
    about: Row
    missing: list[str]
    past: Row = field(default_factory=dict)
    timezone: str = "UTC"
    fields: list[Row] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Return SOURCE:KEY of the record's own ticket."""
        return self.tickets[0].name

    @property
    def is_confidential(self) -> bool:
        """Return whether its texts are not for everybody; so it is while nothing says that they are."""
        return bool(self.register.get("confidential") != "no")
