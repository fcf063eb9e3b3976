"""The life of a record as one timeline: changes on its tickets, findings, waivers, actions, and what we wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from capa_sync.model.amounts import count_of
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.record import distinct_names
from capa_sync.web.asked import PageQuery, Row, link, record_link
from capa_sync.web.words import WRITE_KINDS

MOST = 400
"""Changes of one ticket, or of all actions, that the timeline shows, the latest ones; a link leads to the others."""
_CHANGES = """SELECT source, ticket_id, ticket_key, field, from_value, to_value, changed_at, changed_by,
    changed_by_name, origin, entry, group_no FROM v_changes WHERE source = ? AND ticket_id IN ({0})
    ORDER BY changed_at DESC, group_no DESC, ticket_id, field LIMIT ?"""


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
        at: instant, in the form of the views. kind: change, created, opened, cleared, written, waived, unwaived or
            action.
        what: what happened, in words. who: the person, "" where nobody is known. ticket: the ticket's key, where
            it is not the record's own or the record has more than one. page: that ticket's page, "" without one.
        anchor: the place that evidence points to. text: what we wrote, or why a waiver was made or is over.
        until: the last day of a waiver. also: what else is to be said of it.
    """

    at: str
    kind: str
    what: str
    who: str = ""
    ticket: str = ""
    page: str = ""
    anchor: str = ""
    severity: str = ""
    text: str = ""
    until: str = ""
    also: str = ""
    changes: tuple[TimelineChange, ...] = field(default=())


@dataclass(frozen=True)
class TicketChanges:
    """The changes of one or more tickets.

    Attributes:
        events: those of one save together. anchors: history entry -> anchor.
        others: where all changes are, when not all are here; otherwise "".
    """

    events: Sequence[TimelineEvent]
    anchors: Mapping[str, str]
    others: str


def change_events(
    asked: PageQuery, source: str, ticket_ids: Sequence[str], place: str = "", *, named: bool = False
) -> TicketChanges:
    """Return the changes of tickets of a source; `place` keeps their anchors apart, `named` names their tickets."""
    marks = ",".join("?" * len(ticket_ids))
    found = asked.rows(_CHANGES.format(marks), (source, *ticket_ids, MOST + 1)) if ticket_ids else []
    rows = found[:MOST]
    names = distinct_names({row["changed_by"]: row["changed_by_name"] for row in rows if row["changed_by_name"]})
    events, anchors = [], dict[str, str]()
    for number, (_, group) in enumerate(groupby(rows, key=_save)):
        together = list(group)
        anchor = f"change-{place}{number}"
        anchors |= {row["entry"]: anchor for row in together if row["entry"]}
        events.append(_changed(together, anchor, names, is_named=named))
    everything = link("/register/v_changes", source__exact=source, ticket_id__in=",".join(ticket_ids))
    return TicketChanges(events, anchors, everything if len(found) > MOST else "")


def _save(row: Row) -> tuple[object, ...]:
    return row["changed_at"], row["group_no"], row["ticket_id"], row["changed_by"]


def _changed(rows: list[Row], anchor: str, names: Mapping[str, str], *, is_named: bool) -> TimelineEvent:
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
    ticket = first["ticket_key"] or first["ticket_id"] if is_named else ""
    page = record_link(first) if is_named else ""
    return TimelineEvent(first["changed_at"], kind, what, who, ticket, page, anchor, changes=changes)


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


def waiver_events(waivers: Sequence[Row], titles: Mapping[str, str]) -> list[TimelineEvent]:
    """Return when each waiver was recorded and when it ended; `titles` names rules in words.

    A second person is told with the waiver: the register does not know when he or she approved. Who ended one is
    known where a newer waiver of the same finding did: who asked for that.
    """
    newer = {(waiver["rule"], waiver["recorded_at"]): waiver["asked_by"] for waiver in waivers}
    events = []
    for waiver in waivers:
        rule = titles.get(waiver["rule"], "")
        says = f"{rule} (rule {waiver['rule']})" if rule else f"rule {waiver['rule']}"
        events.append(
            TimelineEvent(
                waiver["recorded_at"],
                "waived",
                f"Waived: {says}",
                waiver["asked_by"],
                anchor=f"waiver-{waiver['id']}",
                text=waiver["reason"],
                until=waiver["until"],
                also=_standing(waiver),
            )
        )
        if waiver["ended_at"]:
            what, anchor = f"Waiver ended: {says}", f"waiver-{waiver['id']}-end"
            by = newer.get((waiver["rule"], waiver["ended_at"]), "")
            events.append(TimelineEvent(waiver["ended_at"], "unwaived", what, by, anchor=anchor, text=waiver["why"]))
    return events


def _standing(waiver: Row) -> str:
    """Return who approved a waiver, and why it has no effect at present."""
    approved = waiver["approved_by"] not in ("", RESTRICTED)
    parts = [f"approved by {waiver['approved_by']}"] if approved else []
    if waiver["state"] == "inactive":
        parts.append("without effect" + (f": {waiver['why']}" if waiver["why"] != RESTRICTED else ""))
    return "; ".join(parts)


def action_events(actions: Iterable[Row]) -> list[TimelineEvent]:
    """Return when each action was done."""
    return [
        TimelineEvent(
            action["done_at"],
            "action",
            "Action done",
            action["owner"],
            action["action_key"] if action["page"] else "",
            action["page"],
            text=action["text"],
        )
        for action in actions
        if action["done_at"]
    ]


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
