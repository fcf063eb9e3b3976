"""Sync: how fresh and how complete the copy of each source is, and what does not reach the trackers."""

from __future__ import annotations

from typing import Any

from capa_sync.model.columns import RESTRICTED
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.words import PRESENCES

_SHOWN = 50
_TICKETS = """SELECT source, COUNT(CASE WHEN role = 'record' THEN 1 END) AS records,
    COUNT(CASE WHEN role = 'action' THEN 1 END) AS actions,
    COUNT(CASE WHEN history_complete = 0 AND presence = 'present' THEN 1 END) AS gaps,
    COUNT(CASE WHEN unknown <> '' AND presence = 'present' THEN 1 END) AS undelivered
    FROM v_tickets GROUP BY source"""
_ABSENT = """SELECT source, presence, COUNT(*) AS tickets FROM v_tickets WHERE presence <> 'present'
    GROUP BY source, presence ORDER BY source, tickets DESC"""
_WRITES = "SELECT source, state, COUNT(*) AS writes FROM v_writes GROUP BY source, state ORDER BY source, state"
_STUCK = """SELECT source, ticket_id, ticket_key, kind, state, attempts, error, created_at, not_before FROM v_writes
    WHERE state IN ('failed', 'unknown') OR (state = 'pending' AND attempts > 0)
    ORDER BY seq LIMIT ?"""
_QUARANTINED = """SELECT source, ticket_id, ticket_key, reason FROM v_today WHERE matter = 'quarantined'
    ORDER BY source, ticket_key LIMIT ?"""
_QUARANTINES = "SELECT source, COUNT(*) AS tickets FROM v_today WHERE matter = 'quarantined' GROUP BY source"
_NONE = {"records": 0, "actions": 0, "gaps": 0, "undelivered": 0}


def sync(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    tickets = {row["source"]: row for row in asked.rows(_TICKETS)}
    quarantines = {row["source"]: row["tickets"] for row in asked.rows(_QUARANTINES)}
    absent, writes = asked.rows(_ABSENT), asked.rows(_WRITES)
    stuck = [_linked(row) for row in asked.rows(_STUCK, (_SHOWN,))]
    return {
        "copies": [
            {
                **_NONE,
                **tickets.get(source["source"], {}),
                **source,
                "quarantined": quarantines.get(source["source"], 0),
                "absent": [_absent(row) for row in absent if row["source"] == source["source"]],
                "writes": [row for row in writes if row["source"] == source["source"]],
                "gaps_link": link("/register/v_tickets", source__exact=source["source"], history_complete__exact=0),
            }
            for source in asked.sources()
        ],
        "stuck": stuck,
        "quarantined": [_linked(row) for row in asked.rows(_QUARANTINED, (_SHOWN,))],
        "shown": _SHOWN,
    }


def _absent(row: Row) -> Row:
    address = link("/register/v_tickets", source__exact=row["source"], presence__exact=row["presence"])
    return {**row, "words": PRESENCES.get(row["presence"], row["presence"]), "link": address}


def _linked(row: Row) -> Row:
    return {name: "not shown" if value == RESTRICTED else value for name, value in row.items()} | {
        "link": record_link(row)
    }
