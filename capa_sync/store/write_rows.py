"""Converts a write to a row of the outbox, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capa_sync.model.write import Paragraph, Span, WarningText, Wording, Write, WriteKind, WriteState, says_the_same
from capa_sync.store.columns import (
    instant,
    instant_text,
    json_text,
    json_value,
    member,
    optional_instant,
    optional_text,
)
from capa_sync.store.database import Row

FIELDS: tuple[str, ...] = (
    "id", "source", "ticket_id", "ticket_key", "kind", "hash", "created_at", "text", "labels_add", "labels_remove",
    "fields", "points", "notifies", "marker", "state", "attempts", "error", "remote_id", "not_before", "delivered_at",
    "facts", "wording", "seq",
)  # fmt: skip
WriteRow = tuple[Any, ...]
"""A row of the outbox, with the cells of FIELDS."""
_NOTIFIES, _STATE, _ATTEMPTS, _ERROR = (FIELDS.index(name) for name in ("notifies", "state", "attempts", "error"))
_DELIVERY = FIELDS.index("not_before")
"""The chain holds the columns before this one, `delivered_at`, and `marked_at`, which a new write does not have."""


def write_row(write: Write) -> WriteRow:
    """Return a new write's row; the table assigns `seq`."""
    return (
        write.id,
        write.source,
        write.ticket_id,
        write.ticket_key,
        write.kind.value,
        write.hash,
        instant_text(write.created_at),
        None if write.text is None else json_text(_text_row(write.text)),
        json_text(write.labels_add),
        json_text(write.labels_remove),
        json_text(dict(write.fields)),
        json_text(dict(write.points)),
        int(write.notifies),
        write.marker,
        write.state.value,
        write.attempts,
        write.error,
        write.remote_id,
        optional_text(write.not_before),
        optional_text(write.delivered_at),
        facts_text(write.facts),
        int(write.wording),
        None,
    )


def withheld_row(row: WriteRow, why: str) -> WriteRow:
    """Return the row of a write that may not be sent now."""
    return (*row[:_STATE], WriteState.WITHHELD.value, row[_ATTEMPTS], why, *row[_ERROR + 1 :])


def write_notifies(row: WriteRow) -> bool:
    """Return whether the write of a row notifies people."""
    return bool(row[_NOTIFIES])


def chained_cells(row: WriteRow) -> Row:
    """Return what `entries_of` needs of a new write's row: its place, that it is there, and its chained columns."""
    return (row[1], row[2], row[0], 0, *row[:_DELIVERY], row[_DELIVERY + 1], None)


def facts_text(facts: Mapping[str, str] | None) -> str | None:
    """Return the facts of a write as stored."""
    return None if facts is None else json_text(dict(facts))


def write_from(row: WriteRow) -> Write:
    """Return the write of a row; of a new one, too."""
    stored = dict(zip(FIELDS, row, strict=True))
    return Write(
        **stored
        | {
            "kind": member(WriteKind, stored["kind"]),
            "created_at": instant(stored["created_at"]),
            "text": None if stored["text"] is None else _text_from(json_value(stored["text"])),
            "labels_add": tuple(json_value(stored["labels_add"])),
            "labels_remove": tuple(json_value(stored["labels_remove"])),
            "fields": json_value(stored["fields"]),
            "points": json_value(stored["points"]),
            "notifies": bool(stored["notifies"]),
            "state": member(WriteState, stored["state"]),
            "not_before": optional_instant(stored["not_before"]),
            "delivered_at": optional_instant(stored["delivered_at"]),
            "facts": None if stored["facts"] is None else json_value(stored["facts"]),
            "wording": member(Wording, stored["wording"]),
            "seq": stored["seq"] or 0,
        }
    )


def differs_in_words(stored: str | None, write: Write) -> bool:
    """Return whether a stored text says something else than that of a write; the instant of the write is no word."""
    if stored is None or write.text is None:
        return (stored is None) is not (write.text is None)
    return not says_the_same(_text_from(json_value(stored)).plain(), write.text.plain())


def _text_row(text: WarningText) -> dict[str, Any]:
    # written by hand: `asdict` makes deep copies and takes ten times as long
    return {
        "paragraphs": [
            {"spans": [_span_row(span) for span in paragraph.spans], "numbered": paragraph.numbered}
            for paragraph in text.paragraphs
        ]
    }


def _span_row(span: Span) -> dict[str, Any]:
    return {"text": span.text, "bold": span.bold, "small": span.small, "href": span.href}


def _text_from(content: dict[str, Any]) -> WarningText:
    return WarningText(
        tuple(
            Paragraph(tuple(Span(**span) for span in paragraph["spans"]), paragraph["numbered"])
            for paragraph in content["paragraphs"]
        )
    )
