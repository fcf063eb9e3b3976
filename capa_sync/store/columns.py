"""How instants, dates and JSON stand in columns; one form each, so that text compares as time does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson

from capa_sync.model.values import Raw


def instant_text(at: datetime) -> str:
    """Return an aware instant as ISO 8601 UTC with microseconds and `Z`; such texts sort as the instants do."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    if at.microsecond:
        return at.isoformat(timespec="microseconds")[:26] + "Z"
    return orjson.dumps(at)[1:20].decode() + ".000000Z"  # a third of the time, and most are whole seconds


def optional_text(at: datetime | None) -> str | None:
    """Return `instant_text`, None for None."""
    return None if at is None else instant_text(at)


def instant(text: str) -> datetime:
    """Return the aware UTC instant that `instant_text` wrote."""
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)


def optional_instant(text: str | None) -> datetime | None:
    """Return `instant`, None for None or an empty text."""
    return instant(text) if text else None


def day_or_instant_text(when: date | datetime) -> str:
    """Return a plain date as `YYYY-MM-DD` and an instant as `instant_text`."""
    return instant_text(when) if isinstance(when, datetime) else when.isoformat()


def json_text(value: Any) -> str:
    """Return canonical JSON (sorted keys); tuples become lists."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def json_value(text: str | bytes) -> Any:
    """Return what `json_text` wrote."""
    return orjson.loads(text)


def raw_json(raw: Raw) -> str:
    """Return a tracker's value as JSON, for rows that keep it whole."""
    return json_text(
        {"ids": raw.ids, "names": raw.names, "text": raw.text, "media_only": raw.media_only, "parent": raw.parent}
    )


def raw_from(text: str) -> Raw:
    """Return the value that `raw_json` wrote."""
    held = json_value(text)
    return Raw(tuple(held["ids"]), tuple(held["names"]), held["text"], held["media_only"], held["parent"])


def raw_words(raw: Raw) -> str:
    """Return a tracker's value as a person reads it: its text, else its names, else its ids."""
    return raw.text or ", ".join(raw.names or raw.ids)
