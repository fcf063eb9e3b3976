"""Stores the drafts of the page's workshop; their texts are those of a verdict set (`VerdictSets.keep`)."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.draft import RuleDraft
from capa_sync.store.columns import instant, instant_text
from capa_sync.store.database import Database

_SELECT = """SELECT d.id, d.hash, d.base, d.saved_at, d.saved_by, x.discarded_at, COALESCE(x.discarded_by, '')
    FROM draft d LEFT JOIN draft_discard x ON x.draft = d.id"""


class Drafts:
    """The tables `draft` and `draft_discard`: a draft is added, may be discarded, and never changes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, set_hash: str, base_hash: str, at: datetime, by: str) -> int:
        """Store a draft of a kept set and return its number; needs the register's lock."""
        self._db.execute(
            "INSERT INTO draft (hash, base, saved_at, saved_by) VALUES (?,?,?,?)",
            (set_hash, base_hash, instant_text(at), by),
        )
        return int(self._db.value("SELECT MAX(id) FROM draft"))

    def find(self, number: int) -> RuleDraft | None:
        """Return a draft; None when there is none of this number."""
        row = self._db.row(f"{_SELECT} WHERE d.id = ?", (number,))
        return None if row is None else _draft(row)

    def newest(self, most: int) -> list[RuleDraft]:
        """Return the newest drafts that nobody discarded, the newest first."""
        sql = f"{_SELECT} WHERE x.draft IS NULL ORDER BY d.id DESC LIMIT ?"
        return [_draft(row) for row in self._db.rows(sql, (most,))]

    def discard(self, number: int, at: datetime, by: str) -> None:
        """Record that somebody discarded a draft, which is there and was not discarded; needs the register's lock."""
        self._db.execute(
            "INSERT INTO draft_discard (draft, discarded_at, discarded_by) VALUES (?,?,?)",
            (number, instant_text(at), by),
        )


def _draft(row: tuple[int, str, str, str, str, str | None, str]) -> RuleDraft:
    number, set_hash, base, at, by, discarded_at, discarded_by = row
    return RuleDraft(
        number, set_hash, base, instant(at), by, instant(discarded_at) if discarded_at else None, discarded_by
    )
