"""A tracker in memory: tickets written by hand, read into real parts, with a pure parser of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from capa_sync.errors import Skippable
from capa_sync.model.ticket import (
    ChildRef,
    Cursor,
    Page,
    Part,
    RawChange,
    RawComment,
    Reading,
    Role,
    SourceTicket,
)
from capa_sync.model.values import Raw
from capa_sync.store.observed import without_address

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SOURCE = "paper"


def part(kind: str, content: Any) -> Part:
    """Return content as a part, hashed without object addresses as a source would."""
    body = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return Part(kind, body, hashlib.sha256(without_address(body.decode()).encode()).hexdigest())


def raw(content: Any) -> Raw:
    """Return a value: text, or an option as [id, name]; None is blank."""
    if content is None:
        return Raw()
    return (
        Raw((content[0],), (content[1],), content[1]) if isinstance(content, list) else Raw((content,), (), content)
    )


class FakeParser:
    """Parse the parts of fake tickets; a pure function of them."""

    computed_fields = frozenset({"updated", "votes", "sys_updated_by"})
    updated_by_field = "sys_updated_by"

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse one ticket's parts. Raises Skippable for a record without a key."""
        contents = {stored.kind: orjson.loads(stored.body) for stored in parts}
        record = contents["record"]
        if not record["key"]:
            raise Skippable(SOURCE, record["id"], "no key")
        return SourceTicket(
            source=SOURCE,
            id=record["id"],
            key=record["key"],
            url=f"https://paper.example/{record['key']}",
            kind="Nonconformity",
            container=record["key"].partition("-")[0],
            created_at=datetime.fromisoformat(record["created"]),
            updated_at=datetime.fromisoformat(record["updated"]),
            created_by="alice",
            values={name: raw(value) for name, value in record["fields"].items()},
            changes=tuple(_changes(contents.get("history", []))),
            comments=tuple(
                RawComment(comment["id"], datetime.fromisoformat(comment["at"]), comment["by"], comment["text"])
                for comment in contents.get("comments", [])
            ),
            children=tuple(ChildRef(*child) for child in record["children"]),
            parent=record["parent"],
            history_complete=record["history_complete"],
        )


def _changes(history: Iterable[dict[str, Any]]) -> Iterable[RawChange]:
    for order, entry in enumerate(history, 1):
        for item in entry["items"]:
            yield RawChange(
                entry["id"],
                datetime.fromisoformat(entry["at"]),
                order,
                item["field"],
                item["field"].title(),
                raw(item["old"]),
                raw(item["new"]),
                entry["by"],
            )


PARSER = FakeParser()


@dataclass
class FakeTicket:
    """One ticket in memory."""

    id: str
    key: str
    fields: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    children: list[list[str]] = field(default_factory=list)
    parent: str = ""
    updated: datetime = T0
    history_complete: bool = True

    def edit(self, at: datetime, by: str = "bob", **fields: Any) -> None:
        """Change fields as a person does: one history entry is added, and `updated` moves."""
        items = [{"field": name, "old": self.fields.get(name), "new": new} for name, new in fields.items()]
        self.history.append(
            {"id": f"{self.id}-{len(self.history) + 1}", "at": at.isoformat(), "by": by, "items": items}
        )
        self.fields |= fields
        self.updated = at

    def comment(self, at: datetime, text: str, by: str = "bob") -> None:
        """Add a comment; `updated` moves."""
        self.comments.append({"id": f"c{len(self.comments) + 1}", "at": at.isoformat(), "by": by, "text": text})
        self.updated = at

    def reading(self, role: Role = Role.RECORD) -> Reading:
        """Read the ticket as it is now."""
        record = {
            "id": self.id,
            "key": self.key,
            "created": T0.isoformat(),
            "updated": self.updated.isoformat(),
            "fields": self.fields,
            "children": self.children,
            "parent": self.parent,
            "history_complete": self.history_complete,
        }
        parts = (part("record", record), part("history", self.history), part("comments", self.comments))
        return Reading(PARSER.parse(parts), parts, role, in_query=role is Role.RECORD)


def page(*readings: Reading, position: str = "", complete: bool = True) -> Page:
    """Return a page with a cursor at `position`."""
    return Page(tuple(readings), Cursor({"position": position}, T0), complete)


class OtherParser(FakeParser):
    """Parses tickets of another source, which has the same ids."""

    def parse(self, parts: Sequence[Part]) -> SourceTicket:
        """Parse one ticket's parts."""
        return replace(super().parse(parts), source="other")


OTHER = OtherParser()
