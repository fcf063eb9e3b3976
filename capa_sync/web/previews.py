"""What the page shows of a preview: each ticket on which a verdict would change, with the link to its record."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

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
_PLACES = """SELECT source, ticket_key, ticket_id, title FROM v_register
    WHERE source || ' ' || ticket_key IN (SELECT value FROM json_each(?))"""
"""One pass over the register for all tickets: no index leads from a key to its record."""


def shown_preview(connection: sqlite3.Connection, preview: RulePreview) -> dict[str, Any]:
    """Return the rows of a preview that has ended; what a ticket is called is read from the views of the visitor."""
    result = preview.result or {}
    changes = result.get("tickets", [])
    places = _places(connection, changes[:SHOWN])
    return {
        "changes": [_placed(places, row) for row in changes[:SHOWN]],
        "more": max(0, len(changes) - SHOWN),
        "counts": [(words, sum(row["what"] == kind for row in changes)) for kind, words in KINDS.items()],
        "kinds": KINDS,
        "forecasts": result.get("sources", []),
        "quarantined": result.get("quarantined", []),
    }


Places = Mapping[tuple[str, str], tuple[str, str]]
"""Source and key of a ticket -> its id and its title."""


def _places(connection: sqlite3.Connection, changes: Sequence[Row]) -> Places:
    names = orjson.dumps(sorted({f"{row['source']} {row['ticket']}" for row in changes})).decode()
    found = connection.execute(_PLACES, (names,))
    return {(source, key): (ticket_id, title) for source, key, ticket_id, title in found}


def _placed(places: Places, row: Row) -> Row:
    ticket_id, title = places.get((row["source"], row["ticket"]), ("", ""))
    if not ticket_id:
        return {**row, "title": "", "link": link("/records", q=row["ticket"])}
    return {**row, "title": title, "link": record_link({"source": row["source"], "ticket_id": ticket_id})}
