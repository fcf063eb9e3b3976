"""The forms of instants, dates and JSON in columns; one form each, so that texts sort like the instants.

Whatever reads one of them raises UnreadableContent for a value that capa-sync does not write.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, TypeVar

import orjson

from capa_sync.model.values import Raw
from capa_sync.store.unreadable import unreadable

Member = TypeVar("Member", bound=Enum)


def instant_text(at: datetime) -> str:
    """Return an aware instant as ISO 8601 UTC with microseconds and `Z`; such texts sort like the instants."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    if at.microsecond:
        return at.isoformat(timespec="microseconds")[:26] + "Z"
    return orjson.dumps(at)[1:20].decode() + ".000000Z"  # three times as fast; most instants are whole seconds


def optional_text(at: datetime | None) -> str | None:
    """Return `instant_text`, None for None."""
    return None if at is None else instant_text(at)


def instant(text: str) -> datetime:
    """Return the aware UTC instant of an `instant_text`."""
    try:
        return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
    except (ValueError, TypeError) as error:
        raise unreadable("an instant that cannot be read", error) from error


def optional_instant(text: str | None) -> datetime | None:
    """Return `instant`, None for None or an empty text."""
    return instant(text) if text else None


def day_or_instant_text(when: date | datetime) -> str:
    """Return a plain date as `YYYY-MM-DD` and an instant as `instant_text`."""
    return instant_text(when) if isinstance(when, datetime) else when.isoformat()


def day_or_instant(text: str | None) -> date | datetime | None:
    """Return the date or the instant of a `day_or_instant_text`, None for None or an empty text."""
    if not text:
        return None
    return instant(text) if isinstance(text, str) and text.endswith("Z") else stored_day(text)


def stored_day(text: str) -> date:
    """Return the date of a `YYYY-MM-DD`."""
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise unreadable("a day that cannot be read", error) from error


def member(kind: type[Member], text: str) -> Member:
    """Return the member of an enumeration that has this value."""
    try:
        return kind(text)
    except ValueError as error:
        raise unreadable(f"no {kind.__name__}", error) from error


def json_text(value: Any) -> str:
    """Return canonical JSON (sorted keys); tuples become lists."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def json_value(text: str | bytes) -> Any:
    """Return the value of a `json_text`."""
    try:
        return orjson.loads(text)
    except (ValueError, TypeError) as error:
        raise unreadable("JSON that cannot be read", error) from error


def raw_json(raw: Raw) -> str:
    """Return a tracker's value as JSON, for rows that store all of it."""
    return json_text(
        {"ids": raw.ids, "names": raw.names, "text": raw.text, "media_only": raw.media_only, "parent": raw.parent}
    )


def raw_from(text: str) -> Raw:
    """Return the value of a `raw_json`."""
    raw = json_value(text)
    try:
        return Raw(tuple(raw["ids"]), tuple(raw["names"]), raw["text"], raw["media_only"], raw["parent"])
    except (KeyError, TypeError) as error:
        raise unreadable("a value that cannot be read", error) from error


def raw_words(raw: Raw) -> str:
    """Return a tracker's value as readable text: its text, else its names, else its ids."""
    return raw.text or ", ".join(raw.names or raw.ids)
