"""Record: everything that the register knows of one ticket, with its life as one timeline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.record import ActionOrigin
from capa_sync.web.asked import PageQuery, Row, record_link, web_address
from capa_sync.web.filters import GAP
from capa_sync.web.timeline import (
    MOST,
    TicketChanges,
    TimelineEvent,
    action_events,
    change_events,
    finding_events,
    waiver_events,
    write_events,
)
from capa_sync.web.words import PRESENCES, SEVERITIES, STAGES

_OF_TICKET = "WHERE source = ? AND ticket_id = ?"
_RECORD = f"SELECT *, {GAP} AS is_gap FROM v_register {_OF_TICKET}"  # noqa: S608 - conditions of ours
_TICKET = f"SELECT * FROM v_tickets {_OF_TICKET}"  # noqa: S608
_EPISODES = f"SELECT * FROM v_episodes {_OF_TICKET} ORDER BY number, rule, episode"  # noqa: S608
_UNKNOWN = f"SELECT rule, title, reason FROM v_findings {_OF_TICKET} AND state = 'cannot_tell' ORDER BY number, rule"  # noqa: S608
_QUARANTINED = f"SELECT reason FROM v_today {_OF_TICKET} AND matter = 'quarantined'"  # noqa: S608
_ACTIONS = f"SELECT * FROM v_actions {_OF_TICKET} ORDER BY due_at IS NULL, due_at, action_id"  # noqa: S608
_WAIVERS = f"SELECT * FROM v_waivers {_OF_TICKET} ORDER BY id"  # noqa: S608
_WRITES = f"SELECT * FROM v_writes {_OF_TICKET} ORDER BY seq"  # noqa: S608
_JOINED = f"SELECT DISTINCT other_source AS source, other_ticket_id AS ticket_id FROM v_joined {_OF_TICKET}"  # noqa: S608
_DISAGREEMENTS = f"SELECT * FROM v_disagreements {_OF_TICKET} ORDER BY field <> 'stage', field"  # noqa: S608
_PARTS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "What happened",
        (
            ("requirement", "Requirement"),
            ("origin", "Found by"),
            ("origin_ref", "Reference"),
            ("location", "Where"),
            ("raised_by", "Raised by"),
            ("correction", "Correction"),
            ("consequences", "Consequences"),
        ),
    ),
    (
        "Why it happened",
        (
            ("root_cause", "Root cause"),
            ("rca_method", "Method"),
            ("cause_category", "Kind of cause"),
            ("extent", "Does it exist elsewhere?"),
            ("similar", "Similar records"),
        ),
    ),
    (
        "What follows",
        (
            ("communicated", "Communicated to"),
            ("effectiveness_criterion", "Effective when"),
            ("effectiveness_result", "Effectiveness"),
            ("reviewed_by", "Reviewed by"),
            ("isms_change", "Change of the ISMS"),
            ("risk_update", "Change of risks"),
            ("management_review", "Management review"),
            ("closed_by", "Closed by"),
        ),
    ),
)
_DATES = (
    ("occurred_at", "Happened"),
    ("detected_at", "Found"),
    ("corrected_at", "Corrected"),
    ("due_at", "Due"),
    ("implemented_at", "Actions done"),
    ("effectiveness_due", "Effectiveness review due"),
    ("reviewed_at", "Reviewed"),
    ("closed_at", "Closed"),
)


def record(asked: PageQuery) -> dict[str, Any] | None:
    """Return the content of the page of `source` and `ticket`; None when the register does not know the ticket."""
    source, ticket_id = asked.arguments.get("source", ""), asked.arguments.get("ticket", "")
    own = (source, ticket_id)
    tickets, rows = asked.rows(_TICKET, own), asked.rows(_RECORD, own)
    if not tickets and not rows:
        return None
    ticket = _clear(tickets[0]) if tickets else {}
    row = _clear(rows[0]) if rows else {}
    others = [other for found in asked.rows(_JOINED, own) for other in asked.rows(_TICKET, found.values())]
    episodes = asked.rows(_EPISODES, own)
    key = row.get("ticket_key") or ticket.get("ticket_key") or ticket_id
    actions = [_action(action) for action in asked.rows(_ACTIONS, own)]
    changes = _changes(asked, own, others, actions)
    anchors = {**changes[-1].anchors, **changes[0].anchors}  # an entry's id is unique within a source alone
    waivers = asked.rows(_WAIVERS, own)
    events: list[TimelineEvent] = [event for found in changes for event in found.events]
    events += finding_events(episodes) + waiver_events(waivers, {row["rule"]: row["title"] for row in episodes})
    events += action_events(actions) + write_events(asked.rows(_WRITES, own))
    opened = [_with_evidence(episode, anchors) for episode in sorted(_latest(episodes, "open"), key=_gravity)]
    quarantined = next((found["reason"] for found in asked.rows(_QUARANTINED, own)), None)
    is_judged = bool(row) and ticket.get("presence") == "present" and quarantined is None
    return {
        "row": row,
        "own": own,
        "waivable": [episode["rule"] for episode in opened if is_judged and episode["message"] != RESTRICTED],
        "ticket": ticket,
        "key": key,
        "source": source,
        "tracker": web_address(row.get("ticket_url") or ticket.get("url")),
        "quarantined": quarantined,
        "presence": PRESENCES.get(ticket.get("presence", ""), ""),
        "others": [_other(other) for other in others],
        "disagreements": asked.rows(_DISAGREEMENTS, own),
        "late": asked.times.late(row.get("due_at")) if row and not row["implemented_at"] else "",
        "dates": [(label, row[name]) for name, label in _DATES if row.get(name)],
        "parts": [(title, shown) for title, names in _PARTS if (shown := _filled(row, names))],
        "open": opened,
        "waived": _latest(episodes, "waived"),
        "waiver_places": {row["rule"]: f"waiver-{row['id']}" for row in waivers if row["state"] == "active"},
        "unknown": _by_reason(asked.rows(_UNKNOWN, own)),
        "actions": actions,
        "events": sorted(events, key=lambda event: event.at, reverse=True),
        "other_changes": [found.others for found in changes if found.others],
        "stages": STAGES,
        "restricted": RESTRICTED,
    }


def _changes(asked: PageQuery, own: tuple[str, str], others: list[Row], actions: list[Row]) -> list[TicketChanges]:
    """Return the changes of the record's tickets, its own first, and of those of its actions.

    All are read from `v_changes`: what is hidden there of a ticket, such as a confidential one, is hidden here.
    """
    source, ticket_id = own
    found = [change_events(asked, source, [ticket_id], named=bool(others))]
    found += [
        change_events(asked, other["source"], [other["ticket_id"]], f"{place}-", named=True)
        for place, other in enumerate(others)
    ]
    shown = {ticket_id, *(other["ticket_id"] for other in others if other["source"] == source)}
    ids = dict.fromkeys(action["action_id"] for action in actions if action["page"])
    return [
        *found,
        change_events(asked, source, [one for one in ids if one not in shown][:MOST], "action-", named=True),
    ]


def _action(action: Row) -> Row:
    """Add the page of an action that is a ticket, "" for one in a field."""
    is_ticket = action["origin"] != ActionOrigin.FIELD
    return {**action, "page": record_link({**action, "ticket_id": action["action_id"]}) if is_ticket else ""}


def _clear(row: Row) -> Row:
    """Return a row in which hidden texts are empty: what is shown and what only seems filled depends on it."""
    return {name: "" if value == RESTRICTED else value for name, value in row.items()}


def _other(ticket: Row) -> Row:
    return {**ticket, "link": record_link(ticket), "tracker": web_address(ticket["url"])}


def _filled(row: Row, names: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """Return label and text of the columns that hold something; a code at the beginning of a text is put in words."""
    return [(label, _in_words(str(row[name]))) for name, label in names if row.get(name)]


def _in_words(text: str) -> str:
    """Return a text whose code at the beginning, such as `five_whys` or `none_found: NOTE`, is put in words."""
    code, colon, rest = text.partition(": ")
    is_code = code.isascii() and code.islower() and code.replace("_", "").isalpha()
    return code.replace("_", " ") + colon + rest if is_code else text


def _latest(episodes: list[Row], state: str) -> list[Row]:
    return [row for row in episodes if row["state"] == state and not row["hidden_by"]]


def _gravity(episode: Row) -> int:
    """Return the place of its severity, the most severe first."""
    return SEVERITIES.index(episode["severity"])


def _with_evidence(episode: Row, anchors: Mapping[str, str]) -> Row:
    """Add the facts behind a finding, by the line of the rule that needed them."""
    if episode["evidence"] == RESTRICTED:
        return {**episode, "lines": []}
    lines: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for fact in json.loads(episode["evidence"]):
        line = (fact.get("phrase", ""), fact.get("truth", ""))
        lines.setdefault(line, []).append({**fact, "anchor": anchors.get(fact.get("entry", ""), "")})
    shown = [
        {"says": phrase.replace("_", " "), "truth": truth, "facts": facts} for (phrase, truth), facts in lines.items()
    ]
    return {**episode, "lines": shown}


def _by_reason(rows: list[Row]) -> dict[str, list[str]]:
    """Return reason -> titles of the rules that cannot tell for it."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["reason"], []).append(row["title"] or row["rule"])
    return found
