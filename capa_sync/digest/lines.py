"""One matter on one line: which ticket, what about it, whose it is, and what to do."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.days import late_words
from capa_sync.model.digest import DigestItem, DigestLine
from capa_sync.model.visible import one_line
from capa_sync.model.waiver import end_of, last_day

MOST_CHARACTERS = 240
"""Characters of one text of a ticket in a line."""
_WHAT_TO_DO = {"waiver_ends": "Do this, or ask for another waiver"}


def line_of(item: DigestItem, now: datetime, zone: str, *, owner: bool) -> DigestLine:
    """Return the line of an item, its days in `zone`.

    `owner`: it is for others than the owner: with the owner's name, and without what to do.
    """
    parts = [
        " ".join(filter(None, (item.register_no, item.ticket_key or item.ticket_id))),
        _shown(item.title),
        _shown(item.owner) if owner else "",
        _when(item, now, zone),
        _shown(item.reason),
        f"{_WHAT_TO_DO.get(item.matter, 'Do this')}: {_shown(item.fix)}"
        if item.fix not in ("", RESTRICTED) and not owner
        else "",
    ]
    return DigestLine(" - ".join(part for part in parts if part), _address(item.url))


def _shown(text: str) -> str:
    """Return a text of others on one line, cut at its longest."""
    if text == RESTRICTED:
        return "(confidential)"
    line = " ".join(one_line(text).split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"


def _when(item: DigestItem, now: datetime, zone: str) -> str:
    if item.matter == "warning":
        opened = f"open since {_day(item.since, zone)}" if item.since else ""
        return ", ".join(filter(None, (item.severity, item.rule, opened)))
    if item.due_at is None:
        return ""
    if item.matter == "waiver_ends" and isinstance(item.due_at, datetime):
        return f"the waiver of {item.rule} ends after {last_day(item.due_at, zone)}"
    due = _day(item.due_at, zone)
    end = item.due_at if isinstance(item.due_at, datetime) else end_of(item.due_at, zone)
    late = late_words(end, now)
    return f"due {due}, {late}" if late else f"due {due}"


def _day(when: date | datetime, zone: str) -> date:
    return when.astimezone(ZoneInfo(zone)).date() if isinstance(when, datetime) else when


def _address(url: str) -> str:
    return url if url.startswith(("https://", "http://")) and one_line(url) == url else ""
