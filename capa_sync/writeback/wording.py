"""Makes people's text safe inside a sentence, and dates readable; without any vendor's markup."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.model.patterns import OWN_MARKER
from capa_sync.model.visible import one_line

_ENDS = (".", "!", "?", "…")


def clean(text: str, limit: int) -> str:
    """Return untrusted text on one line, without control or direction characters, at most `limit` characters.

    A text that imitates our own marker line (docs/contract.md 8) loses its bracket: nobody can forge a marker.
    """
    line = " ".join(one_line(text).split())
    if "[" in line:
        line = OWN_MARKER.sub("(", line)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def sentence(text: str, limit: int) -> str:
    """Return cleaned text that ends like a sentence; empty stays empty."""
    line = clean(text, limit - 1)
    return line if not line or line.endswith(_ENDS) else line + "."


def day(at: datetime, zone: str, texts: CommentTexts = ENGLISH) -> str:
    """Return the day of an instant in `zone` (an IANA name) as people write it: `4 June 2025`."""
    return written(at.astimezone(ZoneInfo(zone)), texts)


def written(local: date, texts: CommentTexts = ENGLISH) -> str:
    """Return a day as people write it: `4 June 2025`."""
    return texts.sentences.date.format(day=local.day, month=texts.months[local.month - 1], year=local.year)


def minute(at: datetime, zone: str, texts: CommentTexts = ENGLISH) -> str:
    """Return an instant to the minute in `zone`, with its difference to UTC: `4 June 2025 10:15 UTC+1`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{written(local, texts)} {local.hour:02}:{local.minute:02} UTC{_offset(local)}"


def _offset(local: datetime) -> str:
    """Return the difference to UTC as people write it: `+1`, `-3:30`, "" for none."""
    minutes = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else ""
