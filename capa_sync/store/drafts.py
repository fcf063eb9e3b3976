"""Stores the drafts of the page's workshop; their texts are those of a verdict set (`VerdictSets.keep`)."""

from __future__ import annotations

from datetime import datetime

from capa_sync.model.draft import RuleDraft
from capa_sync.store.columns import instant, instant_text
from capa_sync.store.database import Database

_SELECT = "SELECT id, hash, base, saved_at, saved_by FROM draft"


class Drafts:
    """The table `draft`: a draft is added, and never changed."""

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
        row = self._db.row(f"{_SELECT} WHERE id = ?", (number,))
        return None if row is None else _draft(row)

    def newest(self, most: int) -> list[RuleDraft]:
        """Return the newest drafts, the newest first."""
        return [_draft(row) for row in self._db.rows(f"{_SELECT} ORDER BY id DESC LIMIT ?", (most,))]


def _draft(row: tuple[int, str, str, str, str]) -> RuleDraft:
    number, set_hash, base, at, by = row
    return RuleDraft(number, set_hash, base, instant(at), by)
