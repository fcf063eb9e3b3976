"""The data that decides whether a mirrored ticket is a record or an action, and which tickets name which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from capa_sync.model.ticket import Presence, Role, Scope
from capa_sync.store.columns import instant_text
from capa_sync.store.database import Database
from capa_sync.store.unreadable import reading


class TicketPlace(NamedTuple):
    """The properties of a ticket that decide its own role and the roles of tickets that it names.

    Attributes:
        role: as stored. scope, presence: of the mirror. kind, part_of, parent: of the ticket.
    """

    role: Role
    scope: Scope
    presence: Presence
    kind: str
    part_of: str
    parent: str


class Naming(NamedTuple):
    """One ticket names another: by its own list of parts and links, or as its parent (relation `parent`)."""

    owner: str
    part: str
    relation: str
    link_type: str


# CROSS JOIN makes SQLite start from the few wanted tickets.
_BY_OWNER = (
    """SELECT m.ticket_id, t.ticket_id, c.relation, c.link_type, t.source, m.source FROM mirror m
    CROSS JOIN child c ON c.nr = m.nr CROSS JOIN ticket t ON t.source = m.source AND t.ticket_id = c.child_id
    WHERE m.source = ? AND m.ticket_id IN (?)""",
    """SELECT m.ticket_id, t.ticket_id, c.relation, c.link_type, t.source, m.source FROM mirror m
    CROSS JOIN child c ON c.nr = m.nr CROSS JOIN ticket t ON t.ticket_key = c.child_key
    WHERE c.child_id = '' AND m.source = ? AND m.ticket_id IN (?)""",
)
_BY_PART = (
    """SELECT m.ticket_id, c.child_id, c.relation, c.link_type, m.source, ? FROM child c
    CROSS JOIN mirror m ON m.nr = c.nr WHERE c.child_id IN (?)""",
    """SELECT m.ticket_id, t.ticket_id, c.relation, c.link_type, m.source, t.source FROM ticket t
    CROSS JOIN child c ON c.child_key = t.ticket_key CROSS JOIN mirror m ON m.nr = c.nr
    WHERE c.child_id = '' AND t.source = ? AND t.ticket_id IN (?)""",
)
_PARENTS = """SELECT p.parent_id, m.ticket_id, 'parent', '', m.source, m.source FROM mirror m
    CROSS JOIN parentage p ON p.nr = m.nr WHERE m.source = ? AND m.ticket_id IN (?)"""
_PLACES = """SELECT m.ticket_id, m.role, m.scope, m.presence, t.kind, t.part_of, t.parent_id FROM mirror m
    CROSS JOIN ticket t ON t.nr = m.nr WHERE m.source = ? AND m.ticket_id IN (?)"""

_ROLES, _SCOPES = {role.value: role for role in Role}, {scope.value: scope for scope in Scope}
_PRESENCES = {presence.value: presence for presence in Presence}


class Roles:
    """Roles and scopes of mirrored tickets."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def places(self, source: str, ids: Sequence[str]) -> dict[str, TicketPlace]:
        """Return id -> place; only for tickets that are mirrored."""
        rows = self._db.rows_in(_PLACES, (source,), ids)
        with reading("no role, scope or presence"):
            return {
                row[0]: TicketPlace(_ROLES[row[1]], _SCOPES[row[2]], _PRESENCES[row[3]], *row[4:]) for row in rows
            }

    def named_by(self, source: str, ids: Sequence[str]) -> list[Naming]:
        """Return which mirrored tickets these tickets name as parts or by a link."""
        return self._namings(_BY_OWNER, source, ids)

    def naming(self, source: str, ids: Sequence[str]) -> list[Naming]:
        """Return which mirrored tickets name these as parts or by a link, or are or were named as their parent."""
        return self._namings((*_BY_PART, _PARENTS), source, ids)

    def _namings(self, statements: Iterable[str], source: str, ids: Sequence[str]) -> list[Naming]:
        rows = {row for sql in statements for row in self._db.rows_in(sql, (source,), ids)}
        return [Naming(*row[:4]) for row in sorted(rows) if row[4] == row[5] == source]

    def assign(self, source: str, roles: Mapping[str, Role], at: datetime) -> None:
        """Store roles by ticket id, and keep what those of an earlier read were until now."""
        now = instant_text(at)
        with self._db.transaction():
            self._db.execute_many(
                """INSERT INTO past_role (nr, role, until) SELECT nr, role, ? FROM mirror
                WHERE source = ? AND ticket_id = ? AND role <> ?
                AND EXISTS (SELECT 1 FROM part p WHERE p.nr = mirror.nr AND p.read_at < ?)""",
                [(now, source, ticket_id, role.value, now) for ticket_id, role in roles.items()],
            )
            rows = [(role.value, source, ticket_id) for ticket_id, role in roles.items()]
            self._db.execute_many("UPDATE mirror SET role = ? WHERE source = ? AND ticket_id = ?", rows)

    def note_scope(self, source: str, *, inside: Collection[str] = (), left: Collection[str] = ()) -> list[str]:
        """Store which tickets the query returns now and which no longer; return the ids that changed."""
        stored: dict[str, str] = dict(
            self._db.rows("SELECT ticket_id, scope FROM mirror WHERE source = ?", (source,))
        )
        wanted = {ticket_id: Scope.IN for ticket_id in inside if stored.get(ticket_id, Scope.IN) != Scope.IN}
        wanted |= {ticket_id: Scope.LEFT for ticket_id in left if stored.get(ticket_id) == Scope.IN}
        rows = [(scope.value, source, ticket_id) for ticket_id, scope in wanted.items()]
        self._db.execute_many("UPDATE mirror SET scope = ? WHERE source = ? AND ticket_id = ?", rows)
        return list(wanted)

    def misplaced(self, source: str, actions: Sequence[str] | None = None) -> list[str]:
        """Return ids of actions that the register still treats as records: with rows, verdicts or uncleared findings.

        `actions` are the ids to check, by default all of the source.
        """
        if actions is None:
            sql = "SELECT ticket_id FROM mirror WHERE source = ? AND role = 'action'"
            actions = self._db.column(sql, (source,))
        found: set[str] = set()
        for table in ("register_row", "verdict_ticket", "birth", "finding WHERE cleared_at IS NULL"):
            name, _, condition = table.partition(" WHERE ")
            where = f"{condition} AND" if condition else ""
            sql = f"SELECT ticket_id FROM {name} WHERE {where} source = ? AND ticket_id IN (?)"
            found.update(row[0] for row in self._db.rows_in(sql, (source,), actions))
        return sorted(found)

    def all_ids(self, source: str) -> list[str]:
        """Return ids of all mirrored tickets, in id order."""
        return self._db.column("SELECT ticket_id FROM mirror WHERE source = ? ORDER BY ticket_id", (source,))

    def without_record(self, source: str) -> list[str]:
        """Return keys of present sub-tasks and children in the mapping whose parent is no present record."""
        return self._db.column(
            """SELECT t.ticket_key FROM mirror m JOIN ticket t ON t.nr = m.nr
            WHERE m.source = ? AND m.role = 'action' AND m.presence = 'present' AND t.part_of <> ''
            AND NOT EXISTS (SELECT 1 FROM mirror r WHERE r.source = m.source AND r.ticket_id = t.parent_id
                AND r.role = 'record' AND r.presence = 'present') ORDER BY t.ticket_key""",
            (source,),
        )
