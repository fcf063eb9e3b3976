"""The attachments of a record: rows of `sys_attachment`, whose content the Attachment API sends."""

from __future__ import annotations

from capa_sync.errors import BadAnswer
from capa_sync.model.attachment import Attachment
from capa_sync.sources.servicenow.cells import Row, is_text, value_of
from capa_sync.sources.servicenow.client import SYS_ID, TableClient

TABLE = "sys_attachment"
_COLUMNS = (
    "sys_id", "table_sys_id", "file_name", "size_bytes", "content_type", "sys_created_on", "sys_created_by", "hash",
)  # fmt: skip
_MOST = 200
"""Attachments of one record that are listed."""
_DIGITS, _HEX = 64, frozenset("0123456789abcdef")
"""Of a SHA-256; older instances name none."""


def attachments_of(client: TableClient, sys_id: str) -> list[Attachment]:
    """Read what is attached to a record, the oldest first. Raises SourceError.

    A row that names another record or none is refused: without it, it would look as if nothing were attached.
    """
    if not SYS_ID.fullmatch(sys_id):
        return []
    query = f"table_sys_id={sys_id}^ORDERBYsys_created_on^ORDERBYsys_id"
    rows = client.rows(TABLE, query, limit=_MOST, fields=_COLUMNS).rows
    if not all(_names(row, "sys_id") and value_of(row, "table_sys_id") == sys_id for row in rows):
        raise BadAnswer(client.source, f"{TABLE}: a row is no attachment, or not of the record that was asked for")
    return list(map(_attachment, rows))


def _names(row: Row, column: str) -> bool:
    return is_text(row.get(column)) and SYS_ID.fullmatch(value_of(row, column)) is not None


def content_path(attachment: Attachment) -> str:
    """Return the path of an attachment's content."""
    return f"api/now/attachment/{attachment.id}/file"


def _attachment(row: dict[str, object]) -> Attachment:
    size, digest = value_of(row, "size_bytes"), value_of(row, "hash").lower()
    added_at = value_of(row, "sys_created_on")
    return Attachment(
        value_of(row, "file_name"),
        int(size) if size.isascii() and size.isdecimal() and len(size) < 16 else None,
        f"{added_at.replace(' ', 'T')}Z" if added_at else "",
        value_of(row, "sys_created_by"),
        value_of(row, "content_type"),
        value_of(row, "sys_id"),
        digest if len(digest) == _DIGITS and set(digest) <= _HEX else "",
    )
