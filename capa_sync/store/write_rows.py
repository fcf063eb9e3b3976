"""A write as a row of the outbox, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capa_sync.model.write import Paragraph, Span, WarningText, Wording, Write, WriteKind, WriteState
from capa_sync.store.columns import instant, instant_text, json_text, json_value, optional_instant, optional_text
from capa_sync.store.database import Params, Row

FIELDS: tuple[str, ...] = (
    "id", "source", "ticket_id", "ticket_key", "kind", "hash", "created_at", "text", "labels_add", "labels_remove",
    "fields", "points", "notifies", "marker", "state", "attempts", "error", "remote_id", "not_before", "delivered_at",
    "facts", "wording", "seq",
)  # fmt: skip


def row_of(write: Write) -> Params:
    """Return a new write's row; `seq` is left to the table."""
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


def facts_text(facts: Mapping[str, str] | None) -> str | None:
    """Return the facts of a write as stored."""
    return None if facts is None else json_text(dict(facts))


def write_from(row: Row) -> Write:
    """Return the write of a row."""
    held = dict(zip(FIELDS, row, strict=True))
    return Write(
        **held
        | {
            "kind": WriteKind(held["kind"]),
            "created_at": instant(held["created_at"]),
            "text": None if held["text"] is None else _text_from(json_value(held["text"])),
            "labels_add": tuple(json_value(held["labels_add"])),
            "labels_remove": tuple(json_value(held["labels_remove"])),
            "fields": json_value(held["fields"]),
            "points": json_value(held["points"]),
            "notifies": bool(held["notifies"]),
            "state": WriteState(held["state"]),
            "not_before": optional_instant(held["not_before"]),
            "delivered_at": optional_instant(held["delivered_at"]),
            "facts": None if held["facts"] is None else json_value(held["facts"]),
            "wording": Wording(held["wording"]),
        }
    )


def _text_row(text: WarningText) -> dict[str, Any]:
    # by hand: `asdict` copies deeply and takes ten times as long
    return {
        "paragraphs": [
            {"spans": [_span_row(span) for span in each.spans], "numbered": each.numbered} for each in text.paragraphs
        ]
    }


def _span_row(span: Span) -> dict[str, Any]:
    return {"text": span.text, "bold": span.bold, "small": span.small, "href": span.href}


def _text_from(held: dict[str, Any]) -> WarningText:
    return WarningText(
        tuple(
            Paragraph(tuple(Span(**span) for span in paragraph["spans"]), paragraph["numbered"])
            for paragraph in held["paragraphs"]
        )
    )
