"""Corrects rows written while our own clock was ahead: an entry in the future counts as not done."""

from __future__ import annotations

from datetime import datetime

from capa_sync.store.columns import instant_text
from capa_sync.store.database import Database

WAS_AHEAD = "stamped in the future: our own clock was ahead; done again"

_LAST = 1000
"""Runs that are looked at: those that failed since our clock was set right are among them."""
_TAKEN_BACK: tuple[tuple[str, str], ...] = (
    # only these rows prove how far a source was read; they stay, but no longer count
    ("run", f"ok = 0, problem = '{WAS_AHEAD}' WHERE source = ?1 AND started_at > ?2"),
    ("run", "finished_at = ?2 WHERE source = ?1 AND finished_at > ?2"),
    # until then, a notification in the future would block its ticket and count against the daily limit
    ("write_out", "not_before = NULL WHERE source = ?1 AND marked_at > ?2 AND state <> 'delivered'"),
    ("write_out", "delivered_at = ?2 WHERE source = ?1 AND delivered_at > ?2"),
    ("write_out", "created_at = ?2 WHERE source = ?1 AND created_at > ?2"),
    ("write_out", "marked_at = ?2 WHERE source = ?1 AND marked_at > ?2"),
    # all changes of verdicts count for the brake until the next planning that passes it
    ("milestone", "value = ?2 WHERE source = ?1 AND name = 'settled_at' AND value > ?2"),
    ("verdict_change", "changed_at = ?2 WHERE source = ?1 AND changed_at > ?2"),
    ("waiver", "ended_at = NULL, ended_why = '' WHERE source = ?1 AND ended_at > ?2"),
    ("mirror", "presence_at = ?2 WHERE source = ?1 AND presence_at > ?2 AND presence <> 'present'"),
    ("safety_stop", "stopped_at = ?2 WHERE source = ?1 AND stopped_at > ?2"),
)


def drop_future_waits(db: Database, source: str, now: datetime) -> None:
    """Delete waits that a tracker asked for where they were noted after `now`: at worst it asks for them again."""
    text = instant_text(now)
    for table in ("hold", "endpoint_hold"):
        sql = f"SELECT 1 FROM {table} WHERE source = ? AND noted_at > ? LIMIT 1"
        if db.row(sql, (source, text)) is not None:
            db.execute(f"DELETE FROM {table} WHERE source = ? AND noted_at > ?", (source, text))


def was_ahead(db: Database, source: str, now: datetime, run: int) -> bool:
    """Return whether our clock was ahead of `now` in one of this source's last runs before `run`.

    Every cycle stores a run, so these show it.
    """
    latest = db.value(
        """SELECT MAX(MAX(started_at, COALESCE(finished_at, ''))) FROM (
            SELECT * FROM run WHERE source = ? AND id < ? ORDER BY id DESC LIMIT ?) WHERE problem <> ?""",
        (source, run, _LAST, WAS_AHEAD),
    )
    return latest is not None and latest > instant_text(now)


def take_back_future(db: Database, source: str, now: datetime) -> None:
    """Correct this source's rows whose time is after `now`.

    Our clock must not be known to be behind: everything would be in its future. The caller must make tickets due
    again for evaluation and planning.
    """
    with db.transaction():
        for table, change in _TAKEN_BACK:
            db.execute(f"UPDATE {table} SET {change}", (source, instant_text(now)))
