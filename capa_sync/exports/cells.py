"""The values of a view's rows as a spreadsheet holds them: inert texts within its limits, real local times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from capa_sync.model.inert import inert

MOST_UNITS = 32_767
"""UTF-16 units that a cell may hold; a spreadsheet cuts the rest, or calls the file damaged."""
_ROOM = 60
_FIRST_YEAR = 1900
"""Spreadsheets know no earlier date."""


def in_words(value: Any) -> str:
    """Return a value that an export says of itself as text: members beside each other, and no word of Python.

    Sentences follow each other; other members have a comma between them.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        members = [in_words(member) for member in (sorted(value) if isinstance(value, set | frozenset) else value)]
        return (" " if all(member.endswith(".") for member in members) else ", ").join(members)
    return str(value)


def text_cell(text: str) -> str:
    """Return a text as an inert cell; one that is too long is cut, and says how much is left out."""
    cell = inert(text)
    if len(cell) * 2 <= MOST_UNITS or _units(cell) <= MOST_UNITS:
        return cell
    kept = cell.encode("utf-16-le")[: 2 * (MOST_UNITS - _ROOM)].decode("utf-16-le", "ignore")
    return f"{kept}… [{len(cell) - len(kept)} more characters in the register]"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def local_time(text: str, zone: ZoneInfo) -> datetime | None:
    """Return an instant or a plain date of a view as a spreadsheet's date in a zone; None where it can be none."""
    try:
        if len(text) == len("YYYY-MM-DD"):
            found = datetime.combine(date.fromisoformat(text), time.min)
        else:
            found = datetime.fromisoformat(text).astimezone(UTC).astimezone(zone).replace(tzinfo=None, microsecond=0)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= _FIRST_YEAR else None
