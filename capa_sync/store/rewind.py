"""Sets a private copy of a register back to a past instant: findings, writes, waivers and brakes of then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from capa_sync.model.ticket import Presence
from capa_sync.store.columns import instant_text, json_text
from capa_sync.store.database import Database
from capa_sync.store.waivers import Waivers

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
    "month_figure", "month_made",
)  # fmt: skip
"""Derived tables that evaluation fills again."""
_OF_TICKET = ("part", "observed", "past_presence", "past_role", "mirror")
"""Tables with rows of a mirrored ticket, the last one being the ticket itself."""


def rewind(db: Database, at: datetime) -> None:
    """Set a copy back to an instant; verdicts and register rows are emptied, to be made again.

    What is mirrored stays: `past` reads it as it was. Which set is live stays where none was live yet.
    """
    text = instant_text(at)
    waivers = Waivers(db).recorded_by(at)
    with db.transaction():
        for table, column in _LATER:
            db.execute(f"DELETE FROM {table} WHERE {column} > ?", (text,))
        for own in waivers:
            then = own.as_of(at)
            if then != own.waiver:
                sql = "UPDATE waiver SET approved_by = ?, reads = ?, is_bound = ? WHERE id = ?"
                db.execute(sql, (then.approved_by, json_text(dict(then.reads)), int(then.is_bound), then.id))
        for table, column, former in _UNDONE:
            db.execute(f"UPDATE {table} SET {former} WHERE {column} > ?", (text,))
        db.execute("DELETE FROM activation WHERE activated_at > ? AND id > (SELECT MIN(id) FROM activation)", (text,))
        db.execute(
            """UPDATE mirror SET role = (SELECT p.role FROM past_role p WHERE p.nr = mirror.nr AND p.until > ?1
                ORDER BY p.id LIMIT 1)
            WHERE EXISTS (SELECT 1 FROM past_role p WHERE p.nr = mirror.nr AND p.until > ?1)""",
            (text,),
        )
        db.execute("DELETE FROM month_check WHERE month > ?", (text[:7],))
        for table in _JUDGED:
            db.execute(f"DELETE FROM {table}")
        db.execute("DELETE FROM quarantine WHERE unread = 0")


def show_as_of(
    db: Database,
    at: datetime,
    presences: Mapping[tuple[str, str], Presence],
    reads: Mapping[str, tuple[datetime, Collection[str]]],
    hidden: Collection[tuple[str, str]],
) -> None:
    """Let the views of a copy that was set back, and judged again, show the instant.

    Args:
        db: the copy.
        at: the instant, which becomes the `as_of` of each source in `reads`.
        presences: (source, ticket id) -> presence then, of the tickets that have another one now.
        reads: source -> when the read ended that shows the instant, and ids of the tickets unreadable then.
        hidden: (source, ticket id) of records that are confidential whatever they were then.
    """
    text = instant_text(at)
    with db.transaction():
        db.execute("DELETE FROM change WHERE changed_at > ?", (text,))
        for table in _OF_TICKET:
            db.execute(f"DELETE FROM {table} WHERE nr IN (SELECT nr FROM ticket WHERE created_at > ?)", (text,))
        for own, presence in presences.items():
            sql = "UPDATE mirror SET presence = ? WHERE source = ? AND ticket_id = ?"
            db.execute(sql, (str(presence), *own))
        db.execute(
            """UPDATE ticket SET ticket_key = r.ticket_key FROM register_row r
            WHERE r.source = ticket.source AND r.ticket_id = ticket.ticket_id"""
        )
        sql = (
            "UPDATE register_row SET confidential = 'yes' WHERE confidential = 'no' AND source = ? AND ticket_id = ?"
        )
        for own in hidden:
            db.execute(sql, own)
        db.execute("DELETE FROM run WHERE started_at > ?", (text,))
        for source, (ended, unread) in reads.items():
            db.execute(
                "INSERT INTO run (source, kind, started_at, finished_at, ok, as_of) VALUES (?, 'past', ?, ?, 1, ?)",
                (source, text, instant_text(ended), text),
            )
            db.execute(
                """DELETE FROM quarantine WHERE source = ? AND unread = 1
                AND ticket_id NOT IN (SELECT value FROM json_each(?))""",
                (source, json_text(sorted(unread))),
            )
