"""Which rows the hash chain covers, and how their changes get into it.

Triggers note which rows a transaction changed, and before its commit they are appended to the chain: no code can
change such a row and forget the event. What fills by thousands of rows at once is appended where it is written,
from what is in memory then: parts (`Intake`), findings (`Findings`), register numbers (`Records`), and new writes
(`SqlOutbox`).

Columns that are chained stay the same for ever, since the digests of earlier events cover just these: a column that a
later migration adds is chained in a table of its own, or not. A migration must not change chained cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from capa_sync.store.chain import GONE, Chain, ChainEntry, content_of
from capa_sync.store.database import Database, Row


class RowKey(NamedTuple):
    """What tells a row of a table from the others.

    Attributes:
        source, ticket, name: SQL, with `{row}` for the row.
        match: SQL condition that row `x` is the one that was noted as `t`.
    """

    source: str
    ticket: str
    name: str
    match: str


@dataclass(frozen=True)
class ChainedTable:
    """A table of which each row is covered by an event.

    Attributes:
        kind: of the events. table: its name. says: what a row is, for messages. key: what tells it from the others.
        columns: those that are chained. further: SQL of content that other tables hold.
        is_noted: by triggers; `is_noted_when_new`: also its insertion.
        is_plain: SQL condition that a row needs no event, being as its page made it.
    """

    kind: str
    table: str
    says: str
    key: RowKey
    columns: tuple[str, ...]
    further: str = ""
    is_noted: bool = True
    is_noted_when_new: bool = True
    is_plain: str = "0"

    @cached_property
    def content(self) -> str:
        """SQL of the content of row `x`, in order."""
        return ", ".join([f"x.{column}" for column in self.columns] + ([self.further] if self.further else []))

    def _place(self, row: str) -> str:
        """Return SQL of source, ticket id and name of a row."""
        return ", ".join(part.format(row=row) for part in self.key[:3])

    @cached_property
    def noted(self) -> str:
        """SQL that returns the noted rows: source, ticket id, name, whether it is gone, content."""
        return f"""SELECT t.source, t.ticket_id, t.name, x.rowid IS NULL, {self.content}
            FROM (SELECT source, ticket_id, name, MIN(rowid) AS place FROM temp.noted_row
                WHERE kind = '{self.kind}' GROUP BY 1, 2, 3) t
            LEFT JOIN {self.table} x ON {self.key.match} ORDER BY t.place"""

    @cached_property
    def every(self) -> str:
        """SQL that returns every row: source, ticket id, name, whether it may be without event, content."""
        return f"SELECT {self._place('x')}, {self.is_plain}, {self.content} FROM {self.table} x"

    def triggers(self) -> Iterator[str]:
        """Yield the statements that make the triggers."""
        for event, row in (("INSERT", "NEW"), (f"UPDATE OF {', '.join(self.columns)}", "NEW"), ("DELETE", "OLD")):
            if event == "INSERT" and not (self.is_noted_when_new and self.is_plain == "0"):
                continue
            yield f"""CREATE TEMP TRIGGER chain_{self.kind}_{event[:6]} AFTER {event} ON main.{self.table}
                BEGIN INSERT INTO noted_row VALUES ('{self.kind}', {self._place(row)}); END"""


_OWN = ("{row}.source", "{row}.ticket_id")
_OF_SOURCE = ("{row}.source", "''")
_OF_MIRROR = (
    "(SELECT source FROM mirror WHERE nr = {row}.nr)",
    "(SELECT ticket_id FROM mirror WHERE nr = {row}.nr)",
)
_ID = ("CAST({row}.id AS TEXT)", "x.id = CAST(t.name AS INTEGER)")
_PARTS_OF_SET = """(SELECT group_concat(line, char(10)) FROM (
            SELECT role || ' ' || key || ' ' || name || ' ' || digest AS line FROM set_part
            WHERE set_part.hash = x.hash ORDER BY role, key))"""
_SAME_TICKET = "x.source = t.source AND x.ticket_id = t.ticket_id"

CHAINED: tuple[ChainedTable, ...] = (
    ChainedTable(
        "finding", "finding", "finding", RowKey(*_OWN, "{row}.rule || '/' || {row}.episode", ""),
        columns=(
            "source", "ticket_id", "rule", "episode", "number", "clause", "severity", "state", "mode", "title",
            "message", "fix", "args", "opened_at", "cleared_at", "hidden_by", "waived_until", "waived_by",
            "waived_reason", "rule_set", "inputs",
        ),
        is_noted=False,
    ),
    ChainedTable(
        "presence", "mirror", "presence of ticket", RowKey(*_OWN, "''", _SAME_TICKET),
        columns=("presence", "presence_proof", "presence_at"),
        is_plain="""(x.presence = 'present' AND x.presence_proof = ''
            AND x.presence_at = (SELECT MIN(read_at) FROM part WHERE nr = x.nr))""",
    ),
    ChainedTable(
        "past_presence", "past_presence", "earlier presence", RowKey(*_OF_MIRROR, *_ID),
        columns=("nr", "presence", "until"),
    ),
    ChainedTable(
        "past_role", "past_role", "earlier role", RowKey(*_OF_MIRROR, *_ID), columns=("nr", "role", "until"),
    ),
    ChainedTable(
        "past_match", "past_match", "earlier matches of a record", RowKey(*_OWN, *_ID),
        columns=("source", "ticket_id", "until", "was"),
    ),
    ChainedTable(
        "past_site", "past_site", "earlier facts of a site", RowKey(*_OF_SOURCE, *_ID),
        columns=("source", "until", "was"),
    ),
    ChainedTable(
        "past_account", "past_account", "earlier state of an account", RowKey(*_OF_SOURCE, *_ID),
        columns=("source", "account", "until", "was"),
    ),
    ChainedTable(
        "observed", "observed", "observed change", RowKey(*_OF_MIRROR, *_ID),
        columns=(
            "nr", "entry", "changed_at", "since", "until", "field_id", "field_name", "old", "new", "changed_by",
        ),
    ),
    ChainedTable(
        "write", "write_out", "write", RowKey(*_OWN, "{row}.id", "x.id = t.name"),
        columns=(
            "id", "source", "ticket_id", "ticket_key", "kind", "hash", "created_at", "text", "labels_add",
            "labels_remove", "fields", "points", "notifies", "marker", "state", "attempts", "error", "remote_id",
            "delivered_at", "marked_at",
        ),
        is_noted_when_new=False,
    ),
    ChainedTable(
        "deletion", "deletion", "deleted comment",
        RowKey(*_OWN, "{row}.remote_id", f"{_SAME_TICKET} AND x.remote_id = t.name"),
        columns=("source", "ticket_id", "remote_id", "deleted_at"),
    ),
    ChainedTable(
        "release", "release", "release", RowKey(*_OF_SOURCE, *_ID),
        columns=("source", "allowed", "used", "released_at", "closed_at"),
    ),
    ChainedTable(
        "halt", "halt", "pause or withdrawal", RowKey(*_OF_SOURCE, "''", "x.source = t.source"),
        columns=("source", "kind", "since", "asked_by"),
    ),
    ChainedTable(
        "waiver", "waiver", "waiver", RowKey(*_OWN, *_ID),
        columns=(
            "source", "ticket_id", "rule", "until", "reason", "asked_by", "asked_at", "way", "approved_by",
            "recorded_by", "reads", "origin", "revision", "is_bound", "recorded_at", "ended_at", "ended_why",
        ),
    ),
    ChainedTable(
        "waiver_request", "waiver_request", "waiver request in a comment",
        RowKey(*_OWN, "{row}.key", f"{_SAME_TICKET} AND x.key = t.name"),
        columns=("source", "ticket_id", "key", "rule", "name", "answer", "asked_at"),
    ),
    ChainedTable(
        "different", "different", "pair marked as different", RowKey(*_OWN, *_ID),
        columns=("source", "ticket_id", "other_source", "other_ticket_id", "marked_by", "marked_at"),
    ),
    ChainedTable(
        "tombstone", "tombstone", "erasure", RowKey(*_OWN, *_ID),
        columns=(
            "source", "ticket_id", "ticket_key", "reason", "erased_by", "erased_at", "way", "parts", "counts",
        ),
    ),
    ChainedTable(
        "legal_hold", "legal_hold", "legal hold", RowKey(*_OWN, *_ID),
        columns=(
            "source", "ticket_id", "name", "reason", "held_by", "held_at", "ended_at", "ended_by",
        ),
    ),
    ChainedTable(
        "digest", "digest_send", "digest", RowKey("''", "''", *_ID),
        columns=("kind", "period", "recipient", "state", "attempts", "error", "items", "marked_at", "not_before"),
    ),
    ChainedTable(
        "activation", "activation", "activation", RowKey("''", "''", *_ID),
        columns=(
            "hash", "rule_set", "activated_at", "activated_by", "how", "rules_alone", "revision",
        ),
        further=_PARTS_OF_SET,
    ),
    ChainedTable(
        "draft", "draft", "draft of rules", RowKey("''", "''", *_ID),
        columns=("hash", "base", "saved_at", "saved_by"),
        further=_PARTS_OF_SET,
    ),
    ChainedTable(
        "draft_discard", "draft_discard", "discarded draft", RowKey("''", "''", *_ID),
        columns=("draft", "discarded_at", "discarded_by"),
    ),
)  # fmt: skip
"""Every table whose rows are chained one by one; `capa_sync.store.verifying` checks these, parts and numbers."""


def watch(db: Database, chain: Chain) -> None:
    """Have every change of a chained row appended to the chain in the transaction that makes it."""
    noted = [table for table in CHAINED if table.is_noted]
    with db.transaction():  # one for each of sixty statements takes a fifth of the time in which a register is opened
        db.execute("CREATE TEMP TABLE noted_row (kind TEXT, source TEXT, ticket_id TEXT, name TEXT)")
        for statement in (trigger for table in noted for trigger in table.triggers()):
            db.execute(statement)

    def append_noted() -> None:
        kinds = set(db.column("SELECT DISTINCT kind FROM temp.noted_row"))
        if kinds:
            changed = [table for table in noted if table.kind in kinds]
            chain.append([entry for table in changed for entry in entries_of(table.kind, db.rows(table.noted))])
            db.execute("DELETE FROM temp.noted_row")

    db.before_commit = append_noted


def entries_of(kind: str, rows: Iterable[Row]) -> Iterator[ChainEntry]:
    """Yield one event per ticket: `rows` have source, ticket id, name, whether it is gone, and the content."""
    for (source, ticket_id), own in groupby(rows, key=lambda row: row[:2]):
        found = list(own)
        contents = [GONE if row[3] else content_of(row[4:]) for row in found]
        yield ChainEntry(kind, source, ticket_id, [row[2] for row in found], contents)
