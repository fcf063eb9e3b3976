"""Compares the derived tables of a private copy with those that a rebuild made of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from capa_sync.model.chain import DerivedReport
from capa_sync.store.columns import instant_text, json_text
from capa_sync.store.database import Database, Row

_OF_TICKET = ("ticket", "old_key", "parentage", "child", "change")
"""Tables made of the stored versions alone; their rows have the number of the mirrored ticket."""
_OF_VERDICT = (
    "verdict", "register_row", "action", "birth", "waiver_standing", "disagreement", "quarantine", "joined",
    "similar_key", "earlier_match",
)  # fmt: skip
"""Tables and views that evaluation fills; a ticket that waits to be evaluated has other rows afterwards."""
APART = {
    "change.id, child.id": "running numbers, which a rebuild gives anew",
    "due, plan_due, similar_stale": "work lists, which depend on when something was looked at last",
    "month_figure, month_made, review_fact, review_made": "counted after a census, until then older than the records",
}
"""What is derived and not compared, with the reason."""


def keep_derived(db: Database, now: datetime) -> None:
    """Keep the derived tables of this private copy beside them, and note which tickets wait to be evaluated."""
    with db.transaction():
        for table in (*_OF_TICKET, *_OF_VERDICT, "account"):
            db.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
        db.execute("CREATE TABLE kept_waiting (source TEXT, ticket_id TEXT, PRIMARY KEY (source, ticket_id))")
        db.execute(
            "INSERT INTO kept_waiting SELECT source, ticket_id FROM due WHERE due_at <= ?", (instant_text(now),)
        )


def compare_derived(db: Database, sources: Collection[str]) -> DerivedReport:
    """Compare what was kept with what the tables hold now, of these sources; name the first row that differs."""
    known = json_text(sorted(sources))
    listed = "(SELECT value FROM json_each(?))"
    by_number = f"nr IN (SELECT nr FROM mirror WHERE source IN {listed})"
    by_source = f"source IN {listed}"
    judged = f"{by_source} AND (source, ticket_id) NOT IN (SELECT source, ticket_id FROM kept_waiting)"
    wheres = dict.fromkeys(_OF_TICKET, by_number) | dict.fromkeys(_OF_VERDICT, judged) | {"account": by_source}
    differs = next(filter(None, (_difference(db, table, where, known) for table, where in wheres.items())), "")
    held = f"""SELECT COUNT(*) FROM (SELECT source, ticket_id FROM quarantine WHERE {by_source}
        UNION SELECT source, ticket_id FROM mirror WHERE {by_source} AND presence IN ('unobserved', 'access_lost'))"""
    waiting = f"SELECT COUNT(*) FROM kept_waiting WHERE {by_source}"
    return DerivedReport(differs, tuple(wheres), db.value(waiting, (known,)), db.value(held, (known, known)))


def _difference(db: Database, table: str, where: str, known: str) -> str:
    """Return the first row of a table that differs, in words; "" where none does."""
    columns = [row[1] for row in db.rows(f"PRAGMA table_info({table})")]
    compared = columns[1:] if columns[0] == "id" else columns
    cells = ", ".join(compared)
    was, now = (f"SELECT {cells} FROM {name} WHERE {where}" for name in (f"kept_{table}", table))
    for these, others, alone in ((was, now, "`rebuild` makes no such row"), (now, was, "its row is gone")):
        row = db.row(f"{these} EXCEPT {others} LIMIT 1", (known, known))
        if row is not None:
            near = _nearest(db, f"{others} EXCEPT {these}", known, compared, row)
            return f"{table} of {_named(db, compared, row)}: {near or alone}"
    counts = [db.value(f"SELECT COUNT(*) FROM ({rows})", (known,)) for rows in (was, now)]
    return f"{table}: {counts[0]} rows, of which `rebuild` makes {counts[1]}" if counts[0] != counts[1] else ""


def _nearest(db: Database, sql: str, known: str, columns: list[str], row: Row) -> str:
    """Return which column differs from the row of the same ticket that is most like it; "" without such a row."""
    own = [place for place, name in enumerate(columns) if name in ("nr", "source", "ticket_id", "rule", "account")]
    alike = [
        other
        for other in db.rows(f"SELECT * FROM ({sql})", (known, known))
        if all(other[place] == row[place] for place in own)
    ]
    differing = [
        [name for name, *cells in zip(columns, row, other, strict=True) if cells[0] != cells[1]] for other in alike
    ]
    least = min(differing, key=len, default=[])
    return f"{least[0]} is not as `rebuild` makes it" if least else ""


def _named(db: Database, columns: list[str], row: Row) -> str:
    """Return key and source of the ticket of a row; of an account its id."""
    cells = dict(zip(columns, row, strict=True))
    if "account" in cells:
        return f"account {cells['account']} of {cells['source']}"
    if "nr" in cells:
        found = db.row("SELECT source, ticket_id FROM mirror WHERE nr = ?", (cells["nr"],))
        cells |= dict(zip(("source", "ticket_id"), found or ("?", cells["nr"]), strict=True))
    sql = "SELECT ticket_key FROM ticket WHERE source = ? AND ticket_id = ?"
    key = db.value(sql, (cells["source"], cells["ticket_id"]))
    return f"{key or cells['ticket_id']} of {cells['source']}"
