"""Derived rows of a mirrored ticket: what the views show, and the keys and relations by which tickets are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from capa_sync.model.ticket import Origin, RawChange, SourceTicket
from capa_sync.store.columns import instant_text, json_text, optional_text, raw_words
from capa_sync.store.database import Database, Params

INSERT_TICKET = "INSERT INTO ticket VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
INSERT_CHANGE = """INSERT INTO change (nr, entry, group_no, changed_at, field_id, field, changed_by, origin,
    from_value, to_value) VALUES (?,?,?,?,?,?,?,?,?,?)"""
INSERT_CHILD = "INSERT INTO child (nr, child_id, child_key, relation, link_type) VALUES (?,?,?,?,?)"
INSERT_OLD_KEY = "INSERT INTO old_key VALUES (?,?) ON CONFLICT DO NOTHING"
_ORIGINS = {origin: origin.value for origin in Origin}
"""Texts of origins; the `value` of a member takes four times as long."""
INSERT_PARENT = "INSERT INTO parentage VALUES (?,?) ON CONFLICT DO NOTHING"


@dataclass(slots=True)
class DerivedRows:
    """Rows of one batch, collected first so that each table is written in one call."""

    tickets: list[Params] = field(default_factory=list)
    changes: list[Params] = field(default_factory=list)
    children: list[Params] = field(default_factory=list)
    old_keys: list[Params] = field(default_factory=list)
    parents: list[Params] = field(default_factory=list)

    def add(
        self,
        nr: int,
        ticket: SourceTicket,
        changes: Sequence[RawChange],
        lost: Iterable[str],
        old_keys: Iterable[str],
    ) -> None:
        """Add the rows of one ticket; `changes` are history and observations, `lost` are fields seen only earlier."""
        self.tickets.append(_ticket_row(nr, ticket, len(changes), lost))
        at, text = None, ""
        for change in changes:
            if change.at is not at:  # changes saved together share their instant object
                at, text = change.at, instant_text(change.at)
            self.changes.append(_change_row(nr, change, text))
        self.children.extend((nr, child.id, child.key, child.relation, child.link_type) for child in ticket.children)
        self.old_keys.extend((nr, key) for key in old_keys if key != ticket.key)
        if ticket.parent:
            self.parents.append((nr, ticket.parent))

    def insert(self, db: Database) -> None:
        """Insert all collected rows."""
        for sql, rows in (
            (INSERT_TICKET, self.tickets),
            (INSERT_CHANGE, self.changes),
            (INSERT_CHILD, self.children),
            (INSERT_OLD_KEY, self.old_keys),
            (INSERT_PARENT, self.parents),
        ):
            if rows:
                db.execute_many(sql, rows)


def forget(db: Database, nr: int) -> None:
    """Delete a ticket's derived rows before newer ones are inserted; its earlier keys and parents stay."""
    for table in ("ticket", "change", "child"):
        db.execute(f"DELETE FROM {table} WHERE nr = ?", (nr,))


def _ticket_row(nr: int, ticket: SourceTicket, changes: int, lost: Iterable[str]) -> Params:
    return (
        nr,
        ticket.source,
        ticket.id,
        ticket.key,
        ticket.url,
        ticket.kind,
        ticket.container,
        instant_text(ticket.created_at),
        instant_text(ticket.updated_at),
        int(ticket.history_complete),
        optional_text(ticket.history_from),
        len(ticket.comments),
        changes,
        json_text(sorted(lost)),
        ticket.part_of,
        ticket.parent,
        ", ".join(sorted(ticket.unknown)),
        ", ".join(sorted(ticket.unasked)),
    )


def _change_row(nr: int, change: RawChange, at: str) -> Params:
    return (
        nr,
        change.entry,
        change.order,
        at,
        change.field_id,
        change.field_name,
        change.by,
        _ORIGINS[change.origin],
        *_words(change),
    )


def _words(change: RawChange) -> tuple[str, str]:
    """Return a change's values as readable texts; with their ids where both texts are equal."""
    old, new = raw_words(change.old), raw_words(change.new)
    if old != new or change.old.ids == change.new.ids:
        return old, new
    return f"{old} ({', '.join(change.old.ids)})", f"{new} ({', '.join(change.new.ids)})"
