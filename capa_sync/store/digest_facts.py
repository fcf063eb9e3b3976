"""Reads what a digest may contain: what needs somebody now, and every open warning that is written on its ticket."""

from __future__ import annotations

from capa_sync.model.digest import DigestFacts, DigestItem, DigestSource
from capa_sync.store.columns import day_or_instant, optional_instant
from capa_sync.store.database import Database, Row

_OF_ROW = """COALESCE(r.owner_id, ''), COALESCE(r.ticket_url, ''), COALESCE(r.grade, ''), r.cb_deadline,
    COALESCE(r.confidential, '') NOT IN ('', 'no'), EXISTS (SELECT 1 FROM v_actions a
        WHERE a.source = r.source AND a.ticket_id = r.ticket_id AND a.confidential = 'yes')"""
_ASKED_BY = """COALESCE((SELECT w.asked_by FROM waiver w WHERE w.source = {0}.source AND w.ticket_id = {0}.ticket_id
    AND w.rule = {0}.rule AND w.ended_at IS NULL ORDER BY w.id DESC LIMIT 1), '')"""
_MOST = 300
"""Characters of a text that are read: no line shows more of it."""
_TODAY = f"""SELECT t.matter, t.source, t.ticket_id, t.ticket_key, t.register_no, t.title, t.owner, t.since, t.due_at,
    t.rule, t.severity, substr(t.reason, 1, {_MOST}), substr(t.fix, 1, {_MOST}),
    CASE t.matter WHEN 'waiver_ends' THEN {_ASKED_BY.format("t")} ELSE '' END, {_OF_ROW}
    FROM v_today t LEFT JOIN register_row r ON r.source = t.source AND r.ticket_id = t.ticket_id
    WHERE t.matter <> 'warned'"""
_WARNINGS = f"""SELECT 'warning', f.source, f.ticket_id, COALESCE(r.ticket_key, ''),
    CASE WHEN n.year IS NULL THEN '' ELSE printf('NC-%04d-%04d', n.year, n.serial) END, COALESCE(r.title, ''),
    COALESCE(r.owner, ''), f.opened_at, NULL, f.rule, f.severity,
    substr(f.message, 1, {_MOST}), substr(f.fix, 1, {_MOST}), '', {_OF_ROW}
    FROM finding f
    JOIN mirror m ON m.source = f.source AND m.ticket_id = f.ticket_id AND m.presence = 'present'
    LEFT JOIN register_row r ON r.source = f.source AND r.ticket_id = f.ticket_id
    LEFT JOIN register_number n ON n.source = f.source AND n.ticket_id = f.ticket_id
    WHERE f.state = 'open' AND f.hidden_by = '' AND f.mode = 'warn'"""


_HEAD = "SELECT number, hash FROM event ORDER BY number DESC LIMIT 1"


def digest_facts(db: Database) -> DigestFacts:
    """Return the matters of all sources and how fresh these are."""
    sources = db.rows("SELECT source, as_of, problem FROM v_sources ORDER BY source")
    return DigestFacts(
        tuple(_item(row) for sql in (_TODAY, _WARNINGS) for row in db.rows(f"{sql} ORDER BY 2, 3")),
        tuple(DigestSource(name, optional_instant(as_of), problem) for name, as_of, problem in sources),
        next((f"{number}:{found.hex()}" for number, found in db.rows(_HEAD)), ""),
    )


def _item(row: Row) -> DigestItem:
    matter, source, ticket_id, key, number, title, owner, since, due, rule, severity, reason, fix, asked, *of_row = (
        row
    )
    owner_id, url, grade, cb_deadline, is_confidential, has_secret_action = of_row
    return DigestItem(
        matter=matter,
        source=source,
        ticket_id=ticket_id,
        ticket_key=key,
        register_no=number,
        title=title,
        owner=owner,
        owner_id=owner_id,
        asked_by=asked,
        since=optional_instant(since),
        due_at=day_or_instant(due),
        rule=rule,
        severity=severity,
        reason=reason,
        fix=fix,
        url=url,
        grade=grade,
        cb_deadline=day_or_instant(cb_deadline),
        is_confidential=bool(is_confidential),
        has_secret_action=bool(has_secret_action),
    )
