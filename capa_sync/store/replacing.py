"""Replaces derived rows of many tickets where they differ: one statement to read, two to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capa_sync.store.database import Database, Params, Row


def replace_rows(
    db: Database, table: str, source: str, wanted: Mapping[str, Sequence[Params]]
) -> dict[str, list[Row]]:
    """Make `table` hold exactly these rows (ticket id -> rows with all columns) for these tickets of a source.

    Tickets whose rows are equal already change no row. Returns the earlier rows of each ticket that changed.
    """
    stored: dict[str, list[Row]] = {}
    for row in db.rows_in(f"SELECT * FROM {table} WHERE source = ? AND ticket_id IN (?)", (source,), list(wanted)):
        stored.setdefault(row[1], []).append(row)
    changed = {
        ticket_id: stored.get(ticket_id, [])
        for ticket_id, new in wanted.items()
        if not _are_equal(stored.get(ticket_id, ()), new)
    }
    rows = [row for ticket_id in changed for row in wanted[ticket_id]]
    with db.transaction():
        stale = [(source, ticket_id) for ticket_id, before in changed.items() if before]
        db.execute_many(f"DELETE FROM {table} WHERE source = ? AND ticket_id = ?", stale)
        if rows:
            db.execute_many(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
    return changed


def _are_equal(stored: Sequence[Params], new: Sequence[Params]) -> bool:
    """Return whether these are the same rows in any order; usually the order is equal, or no row is stored."""
    return len(stored) == len(new) and (
        list(stored) == list(new) or sorted(stored, key=_words) == sorted(new, key=_words)
    )


def _words(row: Params) -> tuple[str, ...]:
    return tuple([str(cell) for cell in row])
