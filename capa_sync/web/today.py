"""Today: what needs somebody now, each with its reason and its next step; tickets and findings are counted apart."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import Any, NamedTuple

from capa_sync.model.columns import RESTRICTED
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.words import MATTERS, Matter

SHOWN = 8
"""Rows of a section; the others are behind its link."""
_KEY = "source, ticket_id, rule"
_FIRST = " UNION ALL ".join(
    f"""SELECT * FROM (SELECT matter, 0, 0, {_KEY} FROM x WHERE matter = '{matter.name}'
        ORDER BY {matter.order}, {_KEY} LIMIT {SHOWN})"""  # noqa: S608 - names of ours
    for matter in MATTERS
)
# One reading of narrow rows counts and orders; texts are read of the rows that are shown. A register whose rules were
# just switched on has 20,000 others. Of each ticket first: distinct names over all rows take half as much time again.
_FOUND = f"""WITH x AS MATERIALIZED (SELECT matter, {_KEY}, severity, since, due_at FROM v_today)
    SELECT matter, SUM(found), COUNT(*), '', '', ''
    FROM (SELECT matter, COUNT(*) AS found FROM x GROUP BY matter, source, ticket_id) GROUP BY matter
    UNION ALL {_FIRST}"""  # noqa: S608 - names of ours
_ROWS = """SELECT source, ticket_id, ticket_key, register_no, title, owner, since, due_at, rule, severity, reason, fix
    FROM v_today WHERE matter = ? AND (source, ticket_id, rule) IN (VALUES {keys})"""
_WAIVED = """SELECT waived_by, waived_reason FROM v_episodes
    WHERE source = ? AND ticket_id = ? AND rule = ? AND state = 'waived'"""
# The view tells confidential tickets apart; a ticket is on one side alone, so who may see both may add them up.
_UNKNOWN = """SELECT source, reason, SUM(tickets) AS tickets, SUM(verdicts) AS verdicts FROM v_cannot_tell
    GROUP BY source, reason ORDER BY tickets DESC, source, reason"""


class _Found(NamedTuple):
    """What one matter has: its rows and tickets are counted, the first rows named by source, ticket and rule."""

    rows: int
    tickets: int
    first: list[tuple[str, str, str]]


def today(asked: PageQuery) -> dict[str, Any]:
    """Return the content of the page."""
    found = _found(asked)
    sections = [_section(asked, matter, found[matter.name]) for matter in MATTERS if matter.name in found]
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


def _found(asked: PageQuery) -> dict[str, _Found]:
    """Return what each matter has that has anything."""
    counts: dict[str, tuple[int, int]] = {}
    first: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for matter, rows, tickets, source, ticket_id, rule in asked.connection.execute(_FOUND):
        if tickets:
            counts[matter] = rows, tickets
        else:
            first[matter].append((source, ticket_id, rule))
    return {matter: _Found(*counted, first[matter]) for matter, counted in counts.items()}


def _section(asked: PageQuery, matter: Matter, found: _Found) -> dict[str, Any]:
    rows = _rows(asked, matter, found)
    return {
        "matter": matter,
        "tickets": found.tickets,
        "findings": found.rows if matter.name == "warned" else 0,
        "writes": found.rows if matter.name == "stuck_write" else 0,
        "more": max(0, found.rows - len(rows)),
        "all": f"/records?{matter.rows}" if matter.rows else link("/register/v_today", matter__exact=matter.name),
        "rows": [_worded(asked, matter, row) for row in rows],
    }


def _rows(asked: PageQuery, matter: Matter, found: _Found) -> list[Row]:
    """Return the rows that are shown; a ticket with two stuck writes is two rows of one key."""
    places = {key: place for place, key in enumerate(dict.fromkeys(found.first))}
    sql = _ROWS.format(keys=", ".join(["(?, ?, ?)"] * len(places)))
    rows = asked.rows(sql, (matter.name, *chain.from_iterable(places)))
    return sorted(rows, key=lambda row: places[row["source"], row["ticket_id"], row["rule"]])[:SHOWN]


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
