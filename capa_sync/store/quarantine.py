"""Tickets that cannot be read or evaluated, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable

from capa_sync.model.ticket import Skip
from capa_sync.store.database import Database


class Quarantine:
    """The quarantined tickets: mirrored ones, and those whose answer never made a ticket."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def quarantine(self, source: str, ticket_id: str, reasons: Iterable[str] | None) -> None:
        """Quarantine a mirrored ticket with the reasons why it cannot be judged; None ends the quarantine.

        The entry of a ticket that could not be read stays, see `set_unread`.
        """
        if not reasons:
            self._db.execute(
                "DELETE FROM quarantine WHERE source = ? AND ticket_id = ? AND unread = 0", (source, ticket_id)
            )
            return
        self._db.execute(
            """INSERT INTO quarantine VALUES (?,?,'',?,0,'') ON CONFLICT DO UPDATE SET reasons = excluded.reasons
            WHERE unread = 0 AND reasons <> excluded.reasons""",
            (source, ticket_id, "; ".join(reasons)),
        )

    def set_unread(self, source: str, skip: Skip) -> bool:
        """Quarantine a ticket whose answer could not be parsed, mirrored before or not; return whether this is new.

        The quarantine lasts until `lift_unread`; until then the mirror holds an earlier version, if any. An erased
        ticket gets none.
        """
        if self._db.row("SELECT 1 FROM tombstone WHERE source = ? AND ticket_id = ?", (source, skip.id)):
            return False
        is_new = self._db.execute(
            """INSERT INTO quarantine VALUES (?,?,?,?,1,?) ON CONFLICT DO UPDATE
            SET ticket_key = excluded.ticket_key, reasons = excluded.reasons, unread = 1, version = excluded.version
            WHERE (ticket_key, reasons, unread) IS NOT (excluded.ticket_key, excluded.reasons, 1)""",
            (source, *skip),
        )
        self._db.execute(
            "UPDATE quarantine SET version = ? WHERE source = ? AND ticket_id = ? AND version <> ?",
            (skip.version, source, skip.id, skip.version),
        )
        return is_new > 0

    def lift_unread(self, source: str, ticket_ids: Iterable[str]) -> list[str]:
        """End the quarantine of those of these tickets that could not be read before; return their ids."""
        unread = self.unread(source)
        found = [ticket_id for ticket_id in ticket_ids if ticket_id in unread]
        for ticket_id in found:
            self._db.execute("DELETE FROM quarantine WHERE source = ? AND ticket_id = ?", (source, ticket_id))
        return found

    def unread(self, source: str) -> dict[str, str]:
        """Return id -> reason of the tickets whose last answer could not be parsed."""
        return dict(
            self._db.rows("SELECT ticket_id, reasons FROM quarantine WHERE source = ? AND unread = 1", (source,))
        )

    def never_read(self) -> list[tuple[str, str, str, str]]:
        """Return (source, id, key, reason) of tickets that were never mirrored: no answer could be parsed."""
        return self._db.rows(
            """SELECT source, ticket_id, COALESCE(NULLIF(ticket_key, ''), ticket_id), reasons FROM quarantine q
            WHERE unread = 1 AND NOT EXISTS (SELECT 1 FROM mirror m
                WHERE m.source = q.source AND m.ticket_id = q.ticket_id) ORDER BY 1, 2"""
        )

    def refused(self, source: str) -> dict[str, tuple[str, str]]:
        """Return id -> (digest of the record part, reason) of the versions that could not be parsed."""
        rows = self._db.rows(
            "SELECT ticket_id, version, reasons FROM quarantine WHERE source = ? AND unread = 1 AND version <> ''",
            (source,),
        )
        return {ticket_id: (version, reason) for ticket_id, version, reason in rows}

    def quarantined(self, source: str) -> dict[str, str]:
        """Return id -> reasons of the quarantined tickets."""
        rows = self._db.rows("SELECT ticket_id, reasons FROM quarantine WHERE source = ?", (source,))
        return dict(rows)
