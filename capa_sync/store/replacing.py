"""Derived rows of many tickets, replaced where they differ: read in one statement, written in two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capa_sync.store.database import Database, Params, Row


def replace_rows(
    db: Database, table: str, source: str, wanted: Mapping[str, Sequence[Params]]
) -> dict[str, list[Row]]:
    """Let `table` hold exactly these rows for these tickets of a source (ticket id -> rows, as wide as the table).

    Tickets whose rows are equal already change no row. Returns for each ticket that changed the rows held before.
    """
    held: dict[str, list[Row]] = {}
    for row in db.rows_in(f"SELECT * FROM {table} WHERE source = ? AND ticket_id IN (?)", (source,), list(wanted)):
        held.setdefault(row[1], []).append(row)
    changed = {each: held.get(each, []) for each, new in wanted.items() if not _are_equal(held.get(each, ()), new)}
    rows = [row for each in changed for row in wanted[each]]
    with db.transaction():
        stale = [(source, each) for each, before in changed.items() if before]
        db.execute_many(f"DELETE FROM {table} WHERE source = ? AND ticket_id = ?", stale)
        if rows:
            db.execute_many(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
    return changed


def _are_equal(held: Sequence[Params], new: Sequence[Params]) -> bool:
    """Tell whether these are the same rows in any order; most are in the same, or none is held."""
    return len(held) == len(new) and (list(held) == list(new) or sorted(held, key=_words) == sorted(new, key=_words))


def _words(row: Params) -> tuple[str, ...]:
    return tuple([str(cell) for cell in row])
