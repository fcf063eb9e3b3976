"""Today: what needs somebody now, each with its reason and its next step; tickets and findings are counted apart."""

from __future__ import annotations

from typing import Any

from capa_sync.model.columns import RESTRICTED
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.words import MATTERS, Matter

SHOWN = 8
"""Rows of a section; the others are behind its link."""
# Of each ticket first: distinct names over all rows take half as much time again.
_COUNTS = """SELECT matter, SUM(found) AS found, COUNT(*) AS tickets
    FROM (SELECT matter, COUNT(*) AS found FROM v_today GROUP BY matter, source, ticket_id) x
    GROUP BY matter"""
_ROWS = """SELECT source, ticket_id, ticket_key, register_no, title, owner, since, due_at, rule, severity, reason, fix
    FROM v_today WHERE matter = ? ORDER BY {order} LIMIT ?"""
_WAIVED = """SELECT waived_by, waived_reason FROM v_episodes
    WHERE source = ? AND ticket_id = ? AND rule = ? AND state = 'waived'"""
# The view tells confidential tickets apart; a ticket is on one side alone, so who may see both may add them up.
_UNKNOWN = """SELECT source, reason, SUM(tickets) AS tickets, SUM(verdicts) AS verdicts FROM v_cannot_tell
    GROUP BY source, reason ORDER BY tickets DESC, source, reason"""


def today(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    counts = {row["matter"]: row for row in asked.rows(_COUNTS)}
    sections = [_section(asked, matter, counts[matter.name]) for matter in MATTERS if matter.name in counts]
    stale = [row for row in asked.sources() if row["is_stale"] or row["problem"] or row["safety_stop"]]
    unknown = asked.rows(_UNKNOWN)
    return {
        "sections": sections,
        "stale": stale,
        "unknown": unknown[:SHOWN],
        "unknown_more": max(0, len(unknown) - SHOWN),
        "unknown_verdicts": sum(row["verdicts"] for row in unknown),
        "is_calm": not sections and not stale,
        "restricted": RESTRICTED,
    }


def _section(asked: PageQuery, matter: Matter, counts: Row) -> dict[str, Any]:
    rows = asked.rows(_ROWS.format(order=matter.order), (matter.name, SHOWN))
    return {
        "matter": matter,
        "tickets": counts["tickets"],
        "findings": counts["found"] if matter.name == "warned" else 0,
        "writes": counts["found"] if matter.name == "stuck_write" else 0,
        "more": max(0, counts["found"] - len(rows)),
        "all": f"/records?{matter.rows}" if matter.rows else link("/register/v_today", matter__exact=matter.name),
        "rows": [_worded(asked, matter, row) for row in rows],
    }


def _worded(asked: PageQuery, matter: Matter, row: Row) -> Row:
    """Return a row with its link and its next step in words, without the texts that are hidden."""
    clear = {name: "" if value == RESTRICTED else value for name, value in row.items()}
    shown = {**clear, "link": record_link(row), "is_hidden": row["title"] == RESTRICTED}
    if matter.name == "waiver_ends":
        shown |= {"due_at": asked.times.last_day(row["due_at"]), "waived": _waived(asked, row)}
    owner, ticket = shown["owner"] or "its owner", f"{row['source']}:{row['ticket_key']}"
    return {**shown, "step": matter.step.format(owner=owner, ticket=ticket) or shown["fix"]}


def _waived(asked: PageQuery, row: Row) -> str:
    """Return by whom a finding is waived and why; "" where a visitor may not know."""
    for found in asked.rows(_WAIVED, (row["source"], row["ticket_id"], row["rule"])):
        if found["waived_by"] and RESTRICTED not in found.values():
            return f"Waived by {found['waived_by']}: {found['waived_reason']}"
    return ""
