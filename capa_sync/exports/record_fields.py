"""The section of an evidence pack with what the record says: each field whole, and who set it last."""

from __future__ import annotations

from datetime import date, datetime

from capa_sync.exports.evidence import Row
from capa_sync.exports.pack_section import PackSection
from capa_sync.model.days import day_words, moment_words

HEADING = "What the record says"
_COLUMNS = ("Field", "What it says", "Last set")
_SHARES = (21, 55, 24)
_HOW = (
    "Every mapped field that has content, whole, as it is now. In brackets stand the tracker's own name of a field, "
    "and our word for an option, where they differ. “Last set” is what the tracker's history says."
)
_MISSING = "Nothing: what is missing in this pack says why."


def what_it_says(fields: list[Row], zone: str) -> PackSection:
    """Return the section of rows of `evidence_fields`, its times in a zone."""
    if not fields:
        return PackSection(HEADING, says=(_MISSING,))
    rows = [[_title(row), _value(row, zone), _last_set(row, zone)] for row in fields]
    return PackSection(HEADING, says=(_HOW,), columns=_COLUMNS, shares=_SHARES, rows=rows)


def _title(row: Row) -> str:
    title, label = row["title"], row["label"]
    return f"{title} ({label})" if label and label.casefold() != title.casefold() else f"{title}"


def _value(row: Row, zone: str) -> str:
    value, text, reason = row["value"], row["text"], row["reason"]
    if isinstance(value, datetime):
        return moment_words(value, zone)
    if isinstance(value, date):
        return day_words(value)
    if row["state"] == "placeholder":
        return f"{text} (a placeholder: it does not count as filled)"
    if row["state"] in ("unreadable", "error"):
        unknown = f"not known: {reason}" if reason else "not known"
        return f"{text} ({unknown})" if text else unknown
    return f"{text}"


def _last_set(row: Row, zone: str) -> str:
    if row["set_at"] is None:
        return "not known"
    at = moment_words(row["set_at"], zone)
    if row["how"] == "observed":
        return f"seen {at}; the tracker does not say by whom"
    by = f", {row['set_by']}" if row["set_by"] else ""
    return f"at the creation, {at}{by}" if row["how"] == "created" else f"{at}{by}"
