"""Sets a private copy of a register back to a past instant: findings, writes, waivers and brakes of then."""

from __future__ import annotations

from datetime import datetime

from capa_sync.store.columns import instant_text
from capa_sync.store.database import Database

_LATER: tuple[tuple[str, str], ...] = (
    ("finding", "opened_at"),
    ("write_out", "created_at"),
    ("waiver", "recorded_at"),
    ("waiver_request", "asked_at"),
    ("deletion", "deleted_at"),
    ("release", "released_at"),
    ("refresh", "asked_at"),
    ("safety_stop", "stopped_at"),
    ("halt", "since"),
    ("verdict_change", "changed_at"),
    ("request", "asked_at"),
)
"""Table and the column with the instant at which its row came."""
_UNDONE: tuple[tuple[str, str, str], ...] = (
    ("finding", "cleared_at", "cleared_at = NULL, state = 'open'"),
    ("write_out", "delivered_at", "delivered_at = NULL, marked_at = NULL, state = 'pending', attempts = 0"),
    ("waiver", "ended_at", "ended_at = NULL, ended_why = ''"),
    ("release", "closed_at", "closed_at = NULL"),
)
"""Table, the column with the instant of a later event of a row, and what the row was before it."""
_JUDGED = (
    "verdict_own", "verdict_ticket", "register_row", "action", "birth", "waiver_standing", "due", "plan_due",
)  # fmt: skip
"""Derived tables that evaluation fills again."""


def rewind(db: Database, at: datetime) -> None:
    """Set a copy back to an instant; verdicts and register rows are emptied, to be made again.

    What is mirrored stays: `past` reads it as it was. Which set is live stays where none was live yet.
    """
    text = instant_text(at)
    with db.transaction():
        for table, column in _LATER:
            db.execute(f"DELETE FROM {table} WHERE {column} > ?", (text,))
        for table, column, former in _UNDONE:
            db.execute(f"UPDATE {table} SET {former} WHERE {column} > ?", (text,))
        db.execute("DELETE FROM activation WHERE activated_at > ? AND id > (SELECT MIN(id) FROM activation)", (text,))
        db.execute(
            """UPDATE mirror SET role = (SELECT p.role FROM past_role p WHERE p.nr = mirror.nr AND p.until > ?1
                ORDER BY p.id LIMIT 1)
            WHERE EXISTS (SELECT 1 FROM past_role p WHERE p.nr = mirror.nr AND p.until > ?1)""",
            (text,),
        )
        for table in _JUDGED:
            db.execute(f"DELETE FROM {table}")
        db.execute("DELETE FROM quarantine WHERE unread = 0")
