"""The attachments of an issue, as the record part of the mirror has them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

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
                _text(member.get("id")),
            )


def content_path(attachment: Attachment, *, is_cloud: bool) -> str:
    """Return the path of an attachment's content below the address of a Jira.

    Cloud redirects to its media host unless asked to answer itself; Data Center has no REST path for content.
    """
    if is_cloud:
        return f"rest/api/3/attachment/content/{quote(attachment.id, safe='')}?redirect=false"
    return f"secure/attachment/{quote(attachment.id, safe='')}/{quote(attachment.name, safe='')}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
