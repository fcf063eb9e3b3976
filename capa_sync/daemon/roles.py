"""Computes the role of every mirrored ticket, record or action, from mapping, query, links and parents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from capa_sync.daemon.presence_log import log_presences
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.mapping import LinkRules, MappingFile, role_of
from capa_sync.model.ticket import Presence, Role, Scope
from capa_sync.store import Naming, Register, TicketPlace

_LEFT = "it exists and the query no longer holds"
_AT_ONCE = 5_000
"""Tickets whose role is computed together."""


def linked_by(runtime: Runtime, context: SourceContext, ids: Sequence[str]) -> set[str]:
    """Return the mirrored tickets that these link to now; none when no link type makes an action."""
    return _linked(runtime, context, ids) if ids and LinkRules(context.mapping.actions).has_links else set()


def settle_all_roles(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Compute the role of every ticket, as after a mapping change; make tickets due whose stored role was wrong."""
    register = runtime.register
    with register.transaction():
        ids = register.roles.all_ids(context.name)
        for start in range(0, len(ids), _AT_ONCE):
            settle_roles(runtime, context, ids[start : start + _AT_ONCE], now)
        register.queue.want_judging(context.name, register.roles.misplaced(context.name), now)


def settle_roles(runtime: Runtime, context: SourceContext, ids: Iterable[str], now: datetime) -> None:
    """Compute the roles of changed tickets, and of those that they name.

    A ticket whose role changed is due for judging: as a record, or to be removed from the register. A ticket that is
    a record again and out of scope gets that presence, so that it is not judged as one in scope.
    """
    register, rules = runtime.register, LinkRules(context.mapping.actions)
    affected = dict.fromkeys(ids)
    steps = 2 if rules.has_exclusive else 1 if rules.has_links else 0
    for _step in range(steps):
        affected |= dict.fromkeys(_linked(runtime, context, list(affected)))
    links = _links_to(runtime, context, affected, steps)
    owners = {owner for named in links.values() for owner, _ in named}
    places = register.roles.places(context.name, [*affected, *(owners - affected.keys())])
    roles = {ticket_id: role_of(ticket_id, rules, places, links) for ticket_id in affected if ticket_id in places}
    changed = {ticket_id: role for ticket_id, role in roles.items() if role is not places[ticket_id].role}
    register.roles.assign(context.name, changed, now)
    left = [id_ for id_, role in changed.items() if role is Role.RECORD and _is_present_outside(places[id_])]
    for ticket_id in left:
        register.tickets.set_presence(context.name, ticket_id, Presence.OUT_OF_SCOPE, _LEFT, now)
    log_presences(runtime, context, left)
    register.queue.want_judging(context.name, changed, now)


def _is_present_outside(place: TicketPlace) -> bool:
    return place.scope is Scope.LEFT and place.presence is Presence.PRESENT


def _links_to(
    runtime: Runtime, context: SourceContext, ids: Collection[str], steps: int
) -> dict[str, list[tuple[str, str]]]:
    """Return ticket id -> (owner, link type) of the tickets that link to it; repeat for the owners `steps` times."""
    links: dict[str, list[tuple[str, str]]] = {}
    wanted, known = set(ids), set[str]()
    for _step in range(steps):
        for naming in runtime.register.roles.naming(context.name, sorted(wanted)):
            if naming.relation == "link":
                links.setdefault(naming.part, []).append((naming.owner, naming.link_type))
        known |= wanted
        wanted = {owner for named in links.values() for owner, _ in named} - known
    return links


def _linked(runtime: Runtime, context: SourceContext, ids: Sequence[str]) -> set[str]:
    """Return the mirrored tickets that these link to."""
    return {naming.part for naming in runtime.register.roles.named_by(context.name, ids) if naming.relation == "link"}


def namings_of(
    register: Register, mapping: MappingFile, source: str, ids: Sequence[str], *, former: bool = True
) -> list[Naming]:
    """Return which tickets name these as actions, and how; the naming ticket may be unmirrored, or no record.

    With `former` a parent that a ticket once had counts as well.
    """
    roles, rules = register.roles, LinkRules(mapping.actions)
    places = roles.places(source, ids)

    def counts(naming: Naming) -> bool:
        place = places.get(naming.part)
        if place is None or naming.relation == "link":
            return place is not None and rules.takes(naming.link_type, place.kind)
        return naming.relation != "parent" or former or naming.owner == place.parent

    return [naming for naming in roles.naming(source, ids) if counts(naming)]


def records_with(
    register: Register, mapping: MappingFile, source: str, ids: Sequence[str], *, former: bool = True
) -> set[str]:
    """Return ids of the records that have any of these tickets as an action, or with `former` had."""
    namings = namings_of(register, mapping, source, ids, former=former)
    return records_among(register, source, {naming.owner for naming in namings})


def records_among(register: Register, source: str, ids: Collection[str]) -> set[str]:
    """Return those of the tickets that are mirrored as records."""
    places = register.roles.places(source, list(ids))
    return {ticket_id for ticket_id, place in places.items() if place.role is Role.RECORD}


_RELATIONS = {"subtask": "sub-task", "child": "child", "parent": "its parent"}
_OF_NONE = "an action, and its parent is not in scope: judged with no record"
_FOR_A_RECORD = "the query does not name it, and it was read for a record's sake alone"


def role_notes(runtime: Runtime, context: SourceContext, ticket_id: str) -> list[str]:
    """Return in words which role a ticket has and why, and of which records it is an action."""
    place = runtime.register.roles.places(context.name, [ticket_id])[ticket_id]
    named = _owners_in_words(runtime, context, ticket_id)
    if place.role is Role.RECORD:
        why = "the query names it" if place.scope is Scope.IN else "the query named it, and does not any more"
        return [f"a record: {why}", *([f"also an action of {named}"] if named else [])]
    if LinkRules(context.mapping.actions).is_part(place):
        whose = f"an action of {named}" if named else _OF_NONE
        return [f"{whose}; {context.mapping.file} makes every “{place.kind}” the action of its parent"]
    why = "`also_record: false` stands at that link" if place.scope is Scope.IN else _FOR_A_RECORD
    return [f"an action of {named or 'no record any more'}: {why}"]


def _owners_in_words(runtime: Runtime, context: SourceContext, ticket_id: str) -> str:
    """Return in words the records of which a ticket is an action, each with its link or relation."""
    namings = namings_of(runtime.register, context.mapping, context.name, [ticket_id], former=False)
    records = records_among(runtime.register, context.name, {naming.owner for naming in namings})
    how: dict[str, str] = {}
    for naming in namings:
        if naming.owner in records:
            words = f"link “{naming.link_type}”" if naming.relation == "link" else _RELATIONS[naming.relation]
            how[naming.owner] = words if naming.relation != "parent" else how.get(naming.owner, words)
    key = runtime.register.tickets.key
    return ", ".join(f"{key(context.name, owner)} ({words})" for owner, words in sorted(how.items()))
