"""The attachments of an issue, as the record part of the mirror has them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capa_sync.model.attachment import Attachment


def attachments_of(record: Mapping[str, Any]) -> Iterator[Attachment]:
    """Yield name, size, instant and author of each attachment; a member without a name is left out."""
    fields = record.get("fields")
    listed = fields.get("attachment") if isinstance(fields, dict) else None
    for member in listed if isinstance(listed, list) else ():
        if isinstance(member, dict) and isinstance(name := member.get("filename"), str):
            size, author = member.get("size"), member.get("author")
            yield Attachment(
                name,
                size if isinstance(size, int) else None,
                _text(member.get("created")),
                _text(author.get("displayName")) if isinstance(author, dict) else "",
                _text(member.get("mimeType")),
            )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
