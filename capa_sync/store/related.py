"""Finds the mirrored children of many parent tickets in a few statements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from capa_sync.store.database import Database, Row

# CROSS JOIN makes SQLite start from the few wanted tickets; `+` prevents the use of the index of all keys.
_CHILDREN = (
    """SELECT c.nr, t.source, t.ticket_id FROM child c CROSS JOIN mirror m ON m.nr = c.nr
    CROSS JOIN ticket t ON t.source = m.source AND t.ticket_id = c.child_id WHERE c.nr IN (?)""",
    """SELECT c.nr, t.source, t.ticket_id FROM child c CROSS JOIN ticket t ON t.ticket_key = c.child_key
    WHERE +c.child_id = '' AND c.nr IN (?)""",
)
_NAMING = """SELECT p.parent_id, m.source, m.ticket_id FROM parentage p CROSS JOIN mirror m ON m.nr = p.nr
    WHERE p.parent_id IN (?)"""


class RelatedTickets:
    """Finds children of one source's tickets: tickets that a parent names, and tickets that name it."""

    def __init__(self, db: Database, source: str) -> None:
        self._db = db
        self._source = source

    def of(self, numbers: Mapping[int, str], ids: Sequence[str]) -> dict[str, list[str]]:
        """Return parent id -> ids of its mirrored children, in id order; only for parents that have children.

        Args:
            numbers: mirror number -> id of the mirrored parents.
            ids: of all parents; a child may name a parent that is not mirrored.
        """
        found: dict[str, set[str]] = {}
        for parent, child in self._pairs(numbers, ids):
            found.setdefault(parent, set()).add(child)
        return {parent: sorted(children) for parent, children in found.items()}

    def _pairs(self, numbers: Mapping[int, str], ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        for sql in _CHILDREN:
            rows: list[Row] = self._db.rows_in(sql, (), list(numbers))
            yield from ((numbers[nr], child) for nr, source, child in rows if source == self._source)
        rows = self._db.rows_in(_NAMING, (), ids)
        yield from ((parent, child) for parent, source, child in rows if source == self._source)
