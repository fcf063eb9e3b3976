"""Where mirrored tickets are now: present, or gone with the proof of it; and what they are, record or action."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from capa_sync.model.ticket import Presence, Role
from capa_sync.store.columns import instant_text, member, optional_instant
from capa_sync.store.database import Database


class Presences:
    """Presence, container and role of the tickets of the mirror."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; `unobserved` for a ticket that was never mirrored."""
        found = self._db.value("SELECT presence FROM mirror WHERE source = ? AND ticket_id = ?", (source, ticket_id))
        return member(Presence, found) if found else Presence.UNOBSERVED

    def gone_among(self, source: str, ticket_ids: Sequence[str]) -> list[str]:
        """Return those of these tickets that are mirrored and not present."""
        sql = "SELECT ticket_id FROM mirror WHERE source = ? AND presence <> 'present' AND ticket_id IN (?)"
        return [row[0] for row in self._db.rows_in(sql, (source,), ticket_ids)]

    def presence_confirmed_at(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the tracker last confirmed a ticket's presence, None while it is in doubt."""
        sql = "SELECT presence_confirmed_at FROM v_tickets WHERE source = ? AND ticket_id = ?"
        return optional_instant(self._db.value(sql, (source, ticket_id)))

    def presence_since(self, source: str, ticket_id: str) -> datetime | None:
        """Return since when the ticket has its presence, None when it is not mirrored."""
        sql = "SELECT presence_at FROM mirror WHERE source = ? AND ticket_id = ?"
        return optional_instant(self._db.value(sql, (source, ticket_id)))

    def set_presence(self, source: str, ticket_id: str, presence: Presence, proof: str, at: datetime) -> None:
        """Record a ticket's presence and its proof; known values change no row.

        It never begins before the presence that it ends, nor a loss before the ticket was last seen: where `at` says
        so, our clock is behind.
        """
        self._db.execute(
            """UPDATE mirror SET last_seen_at = CASE WHEN ? = 'present' THEN NULL WHEN presence = 'present' THEN
                (SELECT last_success_at FROM freshness WHERE freshness.source = mirror.source) ELSE last_seen_at END,
            presence_at = CASE WHEN presence = ? THEN presence_at ELSE MAX(?, presence_at, CASE presence
                WHEN 'present' THEN COALESCE((SELECT last_success_at FROM freshness
                    WHERE freshness.source = mirror.source), '') ELSE '' END) END,
            presence = ?, presence_proof = ?
            WHERE source = ? AND ticket_id = ? AND (presence, presence_proof) IS NOT (?, ?)""",
            (presence, presence, instant_text(at), presence, proof, source, ticket_id, presence, proof),
        )

    def mend_presences(self, source: str) -> None:
        """Correct losses that are stored as older than the last sight of the ticket: our clock was behind."""
        self._db.execute(
            """UPDATE mirror SET presence_at = last_seen_at
            WHERE source = ? AND presence <> 'present' AND presence_at < last_seen_at""",
            (source,),
        )

    def presences(self, source: str) -> dict[str, tuple[Presence, str]]:
        """Return id -> (presence, container) of every mirrored ticket of a source."""
        rows = self._db.rows(
            """SELECT m.ticket_id, m.presence, t.container FROM mirror m JOIN ticket t ON t.nr = m.nr
            WHERE m.source = ?""",
            (source,),
        )
        shared = {
            pair: (member(Presence, pair[0]), pair[1]) for pair in {row[1:] for row in rows}
        }  # saves memory: one tuple per distinct pair
        return {row[0]: shared[row[1:]] for row in rows}

    def number(self, source: str, presence: Presence) -> int:
        """Return how many tickets of a source have this presence."""
        sql = "SELECT COUNT(*) FROM mirror WHERE source = ? AND presence = ?"
        return int(self._db.value(sql, (source, presence)))

    def containers(self, source: str) -> Sequence[str]:
        """Return the containers of a source's mirrored tickets, in order."""
        return self._db.column("SELECT DISTINCT container FROM ticket WHERE source = ? ORDER BY 1", (source,))

    def roles(self, source: str) -> dict[str, Role]:
        """Return id -> role of every mirrored ticket of a source."""
        rows = self._db.rows("SELECT ticket_id, role FROM mirror WHERE source = ?", (source,))
        return {row[0]: member(Role, row[1]) for row in rows}
