"""Whether a ticket is a record or a record's action alone; pure, from what the mapping says and who names whom.

In this order: a sub-task or child that `actions` names is an action; a linked ticket that the query itself names is a
record, and the other's action besides, unless that entry says `also_record: false`; everything else that was read for
a record's sake is an action.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from capa_sync.mapping.schema import ActionMapping
from capa_sync.mapping.texts import fold
from capa_sync.model.record import ActionOrigin
from capa_sync.model.ticket import Presence, Role, Scope

_GONE = frozenset({Presence.DELETED, Presence.DELETED_OR_HIDDEN, Presence.OUT_OF_SCOPE})
"""Such a ticket makes no action of another: its links are old, or not ours to follow."""


class Place(Protocol):
    """What of a mirrored ticket bears on roles: as `store.roles.Place`."""

    @property
    def scope(self) -> Scope:
        """Whether the query names it."""

    @property
    def presence(self) -> Presence:
        """Where it is."""

    @property
    def kind(self) -> str:
        """Its issue type, or table."""

    @property
    def part_of(self) -> str:
        """How it belongs to its parent."""


class LinkRules:
    """Which tickets the action entries of a mapping take in, and by which links."""

    def __init__(self, actions: Iterable[ActionMapping]) -> None:
        entries = list(actions)
        self._subtasks = {fold(t) for e in entries if e.origin is ActionOrigin.SUBTASK for t in e.types}
        self._links = [e for e in entries if e.origin is ActionOrigin.LINK]

    @property
    def has_links(self) -> bool:
        """Tell whether any link makes an action."""
        return bool(self._links)

    @property
    def has_exclusive(self) -> bool:
        """Tell whether any link makes an action alone of a ticket that the query names."""
        return any(not entry.also_record for entry in self._links)

    def is_part(self, place: Place) -> bool:
        """Tell whether a ticket is the action of its parent, whatever the query names."""
        return place.part_of == "child" or (place.part_of == "subtask" and fold(place.kind) in self._subtasks)

    def takes(self, link_type: str, kind: str) -> bool:
        """Tell whether a link, as read on the record, makes an action of a ticket of that kind."""
        return self._entry(link_type, kind) is not None

    def is_exclusive(self, link_type: str, kind: str) -> bool:
        """Tell whether it makes an action alone of it; of several entries that fit, the first counts."""
        entry = self._entry(link_type, kind)
        return entry is not None and not entry.also_record

    def _entry(self, link_type: str, kind: str) -> ActionMapping | None:
        wanted = fold(link_type)
        fitting = (e for e in self._links if wanted in map(fold, e.types))
        return next((e for e in fitting if not e.issue_types or fold(kind) in map(fold, e.issue_types)), None)


Links = Mapping[str, Collection[tuple[str, str]]]
"""Ticket id -> (id of a ticket that names it by a link, the link's type as read there)."""


def role_of(ticket_id: str, rules: LinkRules, places: Mapping[str, Place], links: Links) -> Role:
    """Return a ticket's role.

    A link claims a ticket only where its owner is there, named by the query and no part of another. Where that owner
    is claimed itself by an entry with `also_record: false`, it claims nothing exclusively: in a chain or a circle of
    such links a ticket would else be the action of none and in no register.

    Args:
        ticket_id: whose; one of `places`.
        rules: of the mapping.
        places: of this ticket, of those that name it, and of those that name these.
        links: of this ticket, and of those that name it.
    """
    place = places[ticket_id]
    if rules.is_part(place) or place.scope is Scope.NEVER:
        return Role.ACTION
    claims = _claims(ticket_id, rules, places, links)
    if place.scope is Scope.LEFT:
        return Role.ACTION if claims else Role.RECORD
    owners = [owner for owner, link_type in claims if rules.is_exclusive(link_type, place.kind)]
    return Role.ACTION if any(not _is_claimed(owner, rules, places, links) for owner in owners) else Role.RECORD


def _is_claimed(ticket_id: str, rules: LinkRules, places: Mapping[str, Place], links: Links) -> bool:
    kind = places[ticket_id].kind
    return any(rules.is_exclusive(link_type, kind) for _, link_type in _claims(ticket_id, rules, places, links))


def _claims(ticket_id: str, rules: LinkRules, places: Mapping[str, Place], links: Links) -> Sequence[tuple[str, str]]:
    """Return (owner, link type) of the links by which records of the query name a ticket as their action."""
    kind = places[ticket_id].kind
    return [
        (owner, link_type)
        for owner, link_type in links.get(ticket_id, ())
        if owner != ticket_id
        and owner in places
        and rules.takes(link_type, kind)
        and _may_claim(rules, places[owner])
    ]


def _may_claim(rules: LinkRules, owner: Place) -> bool:
    return owner.scope is Scope.IN and owner.presence not in _GONE and not rules.is_part(owner)
