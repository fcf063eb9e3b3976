"""What the page shows of a preview: each ticket on which a verdict would change, with the link to its record."""

from __future__ import annotations

import sqlite3
from typing import Any

from capa_sync.model.workshop import RulePreview
from capa_sync.web.asked import Row, link, record_link

SHOWN = 200
"""Tickets of a preview that are shown."""
KINDS = {
    "new": "newly warned",
    "changed": "changed",
    "cleared": "cleared",
    "cannot_tell": "cannot tell any more",
}
_PLACES = "SELECT source, ticket_id, ticket_key, title FROM v_register WHERE source = ? AND ticket_key = ?"


def shown_preview(connection: sqlite3.Connection, preview: RulePreview) -> dict[str, Any]:
    """Return the rows of a preview that has ended; what a ticket is called is read from the views of the visitor."""
    result = preview.result or {}
    changes = result.get("tickets", [])
    return {
        "changes": [_placed(connection, row) for row in changes[:SHOWN]],
        "more": max(0, len(changes) - SHOWN),
        "counts": [(words, sum(row["what"] == kind for row in changes)) for kind, words in KINDS.items()],
        "kinds": KINDS,
        "forecasts": result.get("sources", []),
        "quarantined": result.get("quarantined", []),
    }


def _placed(connection: sqlite3.Connection, row: Row) -> Row:
    found = connection.execute(_PLACES, (row["source"], row["ticket"])).fetchone()
    if found is None:
        return {**row, "title": "", "link": link("/records", q=row["ticket"])}
    source, ticket_id, _, title = found
    return {**row, "title": title, "link": record_link({"source": source, "ticket_id": ticket_id})}
