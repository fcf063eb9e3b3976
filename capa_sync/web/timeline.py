"""The life of a record as one timeline: changes on its tickets, findings opened and cleared, and what we wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from capa_sync.model.amounts import count_of
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.record import distinct_names
from capa_sync.web.asked import PageQuery, Row
from capa_sync.web.words import WRITE_KINDS

MOST = 400
"""Changes of one ticket that the timeline shows, the latest ones; the others are behind a link."""
_CHANGES = """SELECT field, from_value, to_value, changed_at, changed_by, changed_by_name, origin, entry, group_no
    FROM v_changes WHERE source = ? AND ticket_id = ? ORDER BY changed_at DESC, group_no DESC, field
    LIMIT ?"""


@dataclass(frozen=True)
class TimelineChange:
    """One change of a field; `old` and `new` are "" for none."""

    field: str
    old: str
    new: str


@dataclass(frozen=True)
class TimelineEvent:
    """One entry of the timeline.

    Attributes:
        at: instant, in the form of the views. kind: change, created, opened, cleared or written.
        what: what happened, in words. who: the person, "" where nobody is known. ticket: the ticket's key, where
            the record has more than one. anchor: the place that evidence points to. text: what we wrote.
    """

    at: str
    kind: str
    what: str
    who: str = ""
    ticket: str = ""
    anchor: str = ""
    severity: str = ""
    text: str = ""
    changes: tuple[TimelineChange, ...] = field(default=())


def change_events(
    asked: PageQuery, source: str, ticket_id: str, ticket: str
) -> tuple[list[TimelineEvent], dict[str, str]]:
    """Return the changes of a ticket, those of one save together, and history entry -> anchor."""
    rows = asked.rows(_CHANGES, (source, ticket_id, MOST))
    names = distinct_names({row["changed_by"]: row["changed_by_name"] for row in rows if row["changed_by_name"]})
    events, anchors = [], dict[str, str]()
    for number, (_, group) in enumerate(groupby(rows, key=_save)):
        together = list(group)
        anchor = f"change-{len(ticket)}-{number}" if ticket else f"change-{number}"
        anchors |= {row["entry"]: anchor for row in together if row["entry"]}
        events.append(_changed(together, ticket, anchor, names))
    return events, anchors


def _save(row: Row) -> tuple[object, ...]:
    return row["changed_at"], row["group_no"], row["changed_by"]


def _changed(rows: list[Row], ticket: str, anchor: str, names: Mapping[str, str]) -> TimelineEvent:
    first = rows[0]
    who = names.get(first["changed_by"], first["changed_by"])
    is_birth = first["origin"] == "birth"
    fields = list(dict.fromkeys(row["field"] for row in rows))
    changed = fields[0] if len(fields) == 1 else count_of(len(fields), "field")
    what = "Created" if is_birth else f"{changed} changed"
    if first["origin"] == "observed":
        what += " (seen between two readings; the tracker does not say when or by whom)"
    changes = tuple(TimelineChange(row["field"], row["from_value"], row["to_value"]) for row in rows)
    kind = "created" if is_birth else "change"
    return TimelineEvent(first["changed_at"], kind, what, who, ticket, anchor, changes=changes)


def finding_events(episodes: Iterable[Row]) -> list[TimelineEvent]:
    """Return when each episode opened and was cleared."""
    events = []
    for episode in episodes:
        again = "" if episode["episode"] == 1 else " again"
        what = f"Finding opened{again}: {episode['title']}"
        events.append(TimelineEvent(episode["opened_at"], "opened", what, severity=episode["severity"]))
        if episode["cleared_at"]:
            ended = "Finding is in the past only" if episode["state"] == "historical" else "Finding cleared"
            events.append(TimelineEvent(episode["cleared_at"], "cleared", f"{ended}: {episode['title']}"))
    return events


def write_events(writes: Iterable[Row]) -> list[TimelineEvent]:
    """Return what we wrote on the ticket, one entry for all that was delivered in the same minute."""
    delivered = sorted((write for write in writes if write["delivered_at"]), key=_minute)
    return [_written(list(group)) for _, group in groupby(delivered, key=_minute)]


def _minute(write: Row) -> str:
    return str(write["delivered_at"])[:16]


def _written(writes: list[Row]) -> TimelineEvent:
    kinds = list(dict.fromkeys(WRITE_KINDS.get(write["kind"], write["kind"]) for write in writes))
    texts = [text for write in writes if (text := plain_text(write["text"]))]
    is_withdrawn = "comment" in kinds and not texts
    what = "capa-sync withdrew its comment" if is_withdrawn else f"capa-sync wrote the {' and '.join(kinds)}"
    return TimelineEvent(writes[-1]["delivered_at"], "written", what, text=texts[-1] if texts else "")


def plain_text(stored: str) -> str:
    """Return the text of a write without its form; what is hidden or no such text stays as it is."""
    if not stored or stored == RESTRICTED:
        return stored
    content: Mapping[str, list[Mapping[str, list[Mapping[str, str]]]]] = json.loads(stored)
    paragraphs = ["".join(span["text"] for span in paragraph["spans"]) for paragraph in content["paragraphs"]]
    return "\n".join(paragraphs)
