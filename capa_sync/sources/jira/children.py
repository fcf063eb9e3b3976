"""Which tickets are a record's actions, and which of those the query does not name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capa_sync.model.settings import ChildSpec
from capa_sync.model.ticket import ChildRef, Role, SourceTicket


class Kinship:
    """Reads from a ticket alone whether it is an action, and which actions it names.

    A link that reads the same from both ends names no action by itself: each end would make the other one.
    """

    def __init__(self, specs: Sequence[ChildSpec]) -> None:
        self.specs = tuple(specs)
        self._types = {
            relation: [spec.types for spec in specs if spec.relation == relation]
            for relation in ("subtask", "link", "child")
        }
        self.has_children = bool(self._types["child"])

    def role_of(self, fields: Mapping[str, Any]) -> Role:
        """Tell the role of a ticket that the query names."""
        return Role.ACTION if self._is_child(fields) or self._is_linked(fields) else Role.RECORD

    def _is_child(self, fields: Mapping[str, Any]) -> bool:
        kind = fields.get("issuetype")
        if not isinstance(fields.get("parent"), dict) or not isinstance(kind, dict):
            return False
        relation = "subtask" if kind.get("subtask") else "child"
        return _named(self._types[relation], str(kind.get("name") or ""))

    def _is_linked(self, fields: Mapping[str, Any]) -> bool:
        if not self._types["link"]:
            return False
        return any(self._names_us(link) for link in fields.get("issuelinks") or ())

    def _names_us(self, link: Mapping[str, Any]) -> bool:
        """Whether the other end of a link, read from there, names this ticket as its action."""
        type_ = link.get("type") or {}
        words = type_.get("outward") if isinstance(link.get("inwardIssue"), dict) else type_.get("inward")
        if type_.get("inward") == type_.get("outward"):
            return False
        return bool(words) and _named(self._types["link"], str(words))

    def actions_of(self, ticket: SourceTicket) -> list[ChildRef]:
        """The actions that a record names."""
        return [ref for ref in ticket.children if self._counts(ref)]

    def _counts(self, ref: ChildRef) -> bool:
        if ref.relation == "child":
            return self.has_children
        return _named(self._types[ref.relation], ref.link_type)


def _named(lists: Iterable[tuple[str, ...]], name: str) -> bool:
    """Whether a type is listed by any of the specs; an empty list means all types."""
    wanted = name.casefold()
    return any(not types or wanted in {one.casefold() for one in types} for types in lists)
