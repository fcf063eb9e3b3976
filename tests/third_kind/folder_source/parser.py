"""From the files of one issue to raw parts, and from raw parts to a ticket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from capa_sync.errors import Skippable
from capa_sync.model.ticket import Part, RawChange, RawComment, SourceTicket
from capa_sync.model.values import Raw
from capa_sync.sources.bodies import UNREADABLE, body_of

RECORD, HISTORY, COMMENTS = "record", "history", "comments"
CONTAINER = "issues"
"""A folder has one container of issues."""


def parts_of(issue: dict[str, Any], comments: Sequence[dict[str, Any]]) -> tuple[Part, ...]:
    """Return one issue as raw parts. Raises TooMuch for one beyond the bounds."""
    record = {name: value for name, value in issue.items() if name != "history"}
    return (_part(RECORD, record), _part(HISTORY, issue.get("history", [])), _part(COMMENTS, list(comments)))


def _part(kind: str, content: Any) -> Part:
    body = body_of(content)
    return Part(kind, body, hashlib.sha256(body).hexdigest())


class FolderParser:
    """Parses the issues of one source; a pure function of the parts."""

    computed_fields: frozenset[str] = frozenset()
    updated_by_field = ""

    def __init__(self, source: str) -> None:
        self._source = source

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse the newest parts of one issue. Raises Skippable when they make none."""
        found = {part.kind: json.loads(part.body) for part in parts}
        try:
            return self._ticket(found[RECORD], found[HISTORY], found[COMMENTS])
        except UNREADABLE as error:
            raise Skippable(self._source, "?", f"a part of it cannot be read ({type(error).__name__})") from error

    def _ticket(self, issue: Any, history: Any, comments: Any) -> SourceTicket:
        return SourceTicket(
            source=self._source,
            id=issue["id"],
            key=issue["key"],
            url="",
            kind=issue["type"],
            container=CONTAINER,
            created_at=datetime.fromisoformat(issue["created"]),
            updated_at=datetime.fromisoformat(issue["updated"]),
            created_by=issue["by"],
            values={name: _raw(value) for name, value in issue["fields"].items()},
            changes=tuple(_change(order, entry) for order, entry in enumerate(history, 1)),
            comments=tuple(
                RawComment(comment["id"], datetime.fromisoformat(comment["at"]), comment["by"], comment["text"])
                for comment in comments
            ),
        )


def _change(order: int, entry: Any) -> RawChange:
    return RawChange(
        entry=entry["id"],
        at=datetime.fromisoformat(entry["at"]),
        order=order,
        field_id=entry["field"],
        field_name=entry["field"],
        old=_raw(entry["old"]),
        new=_raw(entry["new"]),
        by=entry["by"],
    )


def _raw(value: str | None) -> Raw:
    return Raw((value,), (), value) if value else Raw()
