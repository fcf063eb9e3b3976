"""Decides whether a ticket is a record or only a record's action; pure, from the mapping and the links of tickets.

The rules apply in this order: a sub-task or child that `actions` names is an action; a linked ticket that the query
returns is a record, and also an action of the other, unless that entry says `also_record: false`; every other ticket
that was read because a record refers to it is an action.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from capa_sync.mapping.schema import ActionMapping
from capa_sync.mapping.texts import fold
from capa_sync.model.record import ActionOrigin
from capa_sync.model.ticket import Presence, Role, Scope

_GONE = frozenset({Presence.DELETED, Presence.DELETED_OR_HIDDEN, Presence.OUT_OF_SCOPE})
"""A ticket with such a presence makes no other ticket an action: its links are outdated or out of scope."""


class RoleBasis(Protocol):
    """The properties of a mirrored ticket that decide roles, as in `store.roles.TicketPlace`."""

    @property
    def scope(self) -> Scope:
        """Whether the query returns it."""

    @property
    def presence(self) -> Presence:
        """Whether it is still in the tracker."""

    @property
    def kind(self) -> str:
        """Its issue type, or table."""

    @property
    def part_of(self) -> str:
        """How it belongs to its parent."""


class LinkRules:
    """Which tickets the action entries of a mapping include, and by which links."""

    def __init__(self, actions: Iterable[ActionMapping]) -> None:
        entries = list(actions)
        self._subtasks = {
            fold(name) for entry in entries if entry.origin is ActionOrigin.SUBTASK for name in entry.types
        }
        self._links = [entry for entry in entries if entry.origin is ActionOrigin.LINK]

    @property
    def has_links(self) -> bool:
        """Return whether any link makes a ticket an action."""
        return bool(self._links)

    @property
    def has_exclusive(self) -> bool:
        """Return whether any link makes a ticket that the query returns only an action."""
        return any(not entry.also_record for entry in self._links)

    def is_part(self, place: RoleBasis) -> bool:
        """Return whether a ticket is the action of its parent, whether or not the query returns it."""
        return place.part_of == "child" or (place.part_of == "subtask" and fold(place.kind) in self._subtasks)

    def takes(self, link_type: str, kind: str) -> bool:
        """Return whether a link, as read on the record, makes a ticket of that kind an action."""
        return self._entry(link_type, kind) is not None

    def is_exclusive(self, link_type: str, kind: str) -> bool:
        """Return whether such a link makes it only an action; of several entries that fit, the first counts."""
        entry = self._entry(link_type, kind)
        return entry is not None and not entry.also_record

    def _entry(self, link_type: str, kind: str) -> ActionMapping | None:
        wanted = fold(link_type)
        fitting = (entry for entry in self._links if wanted in map(fold, entry.types))
        return next(
            (entry for entry in fitting if not entry.issue_types or fold(kind) in map(fold, entry.issue_types)), None
        )


Links = Mapping[str, Collection[tuple[str, str]]]
"""Ticket id -> (id of a ticket that names it by a link, the link's type as read there)."""


def role_of(ticket_id: str, rules: LinkRules, places: Mapping[str, RoleBasis], links: Links) -> Role:
    """Return a ticket's role.

    A link claims a ticket only where the link's owner is present, in the query, and no part of another ticket. An
    owner that an entry with `also_record: false` claims makes no exclusive claim itself: in a chain or cycle of such
    links, a ticket could otherwise be an action of no record and be missing from the register.

    Args:
        ticket_id: the ticket; one of `places`.
        rules: of the mapping.
        places: of this ticket, of the tickets that name it, and of the tickets that name those.
        links: to this ticket, and to the tickets that name it.
    """
    place = places[ticket_id]
    if rules.is_part(place) or place.scope is Scope.NEVER:
        return Role.ACTION
    claims = _claims(ticket_id, rules, places, links)
    if place.scope is Scope.LEFT:
        return Role.ACTION if claims else Role.RECORD
    owners = [owner for owner, link_type in claims if rules.is_exclusive(link_type, place.kind)]
    return Role.ACTION if any(not _is_claimed(owner, rules, places, links) for owner in owners) else Role.RECORD


def _is_claimed(ticket_id: str, rules: LinkRules, places: Mapping[str, RoleBasis], links: Links) -> bool:
    kind = places[ticket_id].kind
    return any(rules.is_exclusive(link_type, kind) for _, link_type in _claims(ticket_id, rules, places, links))


def _claims(
    ticket_id: str, rules: LinkRules, places: Mapping[str, RoleBasis], links: Links
) -> Sequence[tuple[str, str]]:
    """Return (owner, link type) of the links by which records in the query name a ticket as their action."""
    kind = places[ticket_id].kind
    return [
        (owner, link_type)
        for owner, link_type in links.get(ticket_id, ())
        if owner != ticket_id
        and owner in places
        and rules.takes(link_type, kind)
        and _may_claim(rules, places[owner])
    ]


def _may_claim(rules: LinkRules, owner: RoleBasis) -> bool:
    return owner.scope is Scope.IN and owner.presence not in _GONE and not rules.is_part(owner)
