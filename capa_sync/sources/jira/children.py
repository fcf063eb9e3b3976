"""Decides which tickets are a record's actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capa_sync.model.settings import ChildSpec
from capa_sync.model.ticket import ChildRef, SourceTicket
from capa_sync.sources.jira.shapes import is_id


class Kinship:
    """Decides from a ticket alone whether it is an action, and which actions it names.

    A link that reads the same from both ends names no action: each end would make the other one. Fields of a shape
    that Jira does not have name nobody: the parser refuses such a ticket, and no other one depends on it.
    """

    def __init__(self, specs: Sequence[ChildSpec]) -> None:
        self.specs = tuple(specs)
        self._types = {
            relation: [spec.types for spec in specs if spec.relation == relation]
            for relation in ("subtask", "link", "child")
        }
        self.has_children = bool(self._types["child"])
        self.has_subtasks = bool(self._types["subtask"])

    def may_be_action(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether a ticket is an action by its parent, or would be one by a link from a record."""
        return self.is_child(fields) or bool(self.claimants(fields))

    def is_child(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether a ticket is an action of the parent that it names."""
        kind = fields.get("issuetype")
        if not isinstance(fields.get("parent"), dict) or not isinstance(kind, dict):
            return False
        relation = "subtask" if kind.get("subtask") else "child"
        return _named(self._types[relation], str(kind.get("name") or ""))

    def claimants(self, fields: Mapping[str, Any]) -> list[str]:
        """Return the ids of linked tickets that, read from their end, name this one as their action."""
        links = fields.get("issuelinks")
        if not self._types["link"] or not isinstance(links, list):
            return []
        return [id_ for link in links if isinstance(link, dict) and (id_ := self._claimant(link))]

    def _claimant(self, link: Mapping[str, Any]) -> str:
        type_ = link.get("type")
        if not isinstance(type_, dict) or type_.get("inward") == type_.get("outward"):
            return ""
        for here, there in (("inward", "outward"), ("outward", "inward")):
            other = link.get(f"{here}Issue")
            if isinstance(other, dict) and _named(self._types["link"], str(type_.get(there) or "")):
                return str(other.get("id") or other.get("key") or "")
        return ""

    def actions_of(self, ticket: SourceTicket) -> list[ChildRef]:
        """Return the actions that a record names."""
        return [ref for ref in ticket.children if self._counts(ref)]

    def _counts(self, ref: ChildRef) -> bool:
        if ref.relation == "child":
            return self.has_children
        return _named(self._types[ref.relation], ref.link_type)


def parent_of(fields: Mapping[str, Any]) -> str:
    """Return the id of the parent that a ticket names, "" when it names none by an id."""
    parent = fields.get("parent")
    found = parent.get("id") if isinstance(parent, dict) else None
    return found if isinstance(found, str) and is_id(found) else ""


def _named(lists: Iterable[tuple[str, ...]], name: str) -> bool:
    """Tell whether any of the specs lists a type; an empty list means all types."""
    wanted = name.casefold()
    return any(not types or wanted in {type_.casefold() for type_ in types} for types in lists)
