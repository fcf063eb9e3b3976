"""Erases records: a ticket goes with the tickets joined with it and with the actions that no other record has.

One nonconformity is one record: what was read of one of its tickets stands in the verdicts, findings and writes of
the others, so that they go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.roles import records_among, records_with, settle_roles
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import Problem, UserError
from capa_sync.model.erasure import Erasure, LegalHold, Tombstone
from capa_sync.model.light import light

TicketRef = tuple[str, str]
_SHOWN = "register"
"""What a progress bar names instead of a source."""


@light
class ErasureScope:
    """What an erasure takes.

    Attributes:
        tickets: (source, id), the named one first. staying: actions of theirs that another record has too.
        naming: tickets that link to one of them or have it as an action: their own data hold its key and title.
        holds: the legal holds on any of them; with one, nothing is erased.
    """

    tickets: tuple[TicketRef, ...]
    staying: tuple[TicketRef, ...] = ()
    naming: tuple[TicketRef, ...] = ()
    holds: tuple[LegalHold, ...] = ()


def scope_of(runtime: Runtime, source: str, ticket_id: str) -> ErasureScope:
    """Return what an erasure of this ticket takes."""
    tickets, staying = _gathered(runtime, (source, ticket_id))
    holds = [hold for hold in runtime.register.legal_holds.in_force() if any(hold.covers(*own) for own in tickets)]
    return ErasureScope(tuple(tickets), tuple(staying), tuple(_naming(runtime, tickets)), tuple(holds))


def _gathered(runtime: Runtime, named: TicketRef) -> tuple[list[TicketRef], list[TicketRef]]:
    """Return the tickets of a record, and its actions that another record has too."""
    joined = _all_joined(runtime, named)
    found, actions, staying = dict.fromkeys(joined), list(_actions_of(runtime, joined)), dict[TicketRef, None]()
    while actions:
        own = {action for action in actions if not owners_of(runtime, action) - found.keys()}
        staying |= dict.fromkeys(action for action in actions if action not in own)
        fresh = [action for action in actions if action in own and action not in found]
        found |= dict.fromkeys(fresh)
        actions = list(_actions_of(runtime, fresh))
    return list(found), [action for action in staying if action not in found]


def _all_joined(runtime: Runtime, named: TicketRef) -> list[TicketRef]:
    """Return a ticket and all that are joined with it, in either direction and through others."""
    found = {named: None}
    waiting = [named]
    while waiting:
        fresh = [ticket for ticket in runtime.register.records.joined(*waiting.pop()) if ticket not in found]
        found |= dict.fromkeys(fresh)
        waiting += fresh
    return list(found)


def _actions_of(runtime: Runtime, tickets: Iterable[TicketRef]) -> Iterator[TicketRef]:
    for source, ticket_id in tickets:
        for child in runtime.register.tickets.children_of(source, ticket_id):
            if runtime.register.tickets.is_action(source, child):
                yield source, child


def owners_of(runtime: Runtime, action: TicketRef) -> set[TicketRef]:
    """Return the records that have a ticket as their action; of a source without mapping all that name it."""
    register, (source, ticket_id) = runtime.register, action
    if source in runtime.contexts:
        owners = records_with(register, runtime.contexts[source].mapping, source, [ticket_id])
    else:
        owners = records_among(
            register, source, {naming.owner for naming in register.roles.naming(source, [ticket_id])}
        )
    return {(source, owner) for owner in owners} - {action}


def _naming(runtime: Runtime, tickets: Sequence[TicketRef]) -> list[TicketRef]:
    """Return the mirrored tickets outside that name one of these."""
    found: dict[TicketRef, None] = {}
    for source in dict.fromkeys(source for source, _ in tickets):
        own = [ticket_id for place, ticket_id in tickets if place == source]
        found |= dict.fromkeys((source, naming.owner) for naming in runtime.register.roles.naming(source, own))
    return [ticket for ticket in found if ticket not in tickets]


def record_named(runtime: Runtime, name: str) -> ErasureScope:
    """Return what an erasure of the ticket of this name takes. Raises UserError for none, several, and an action."""
    register = runtime.register
    found = register.tickets.named(name) or _unread(runtime, name)
    if not found:
        stones = register.erasures.named(name)
        hint = "; ".join(map(str, stones)) or "`capa-sync status` says what was read"
        raise _refused(f"there is no ticket '{name}' in the register", hint)
    if len(found) > 1:
        names = ", ".join(shown(runtime, ticket) for ticket in found)
        raise _refused(f"several tickets have the name '{name}'", f"name one of {names}")
    owners = sorted(owners_of(runtime, found[0])) if register.tickets.is_action(*found[0]) else []
    if owners:
        of = ", ".join(shown(runtime, owner) for owner in owners)
        raise _refused(f"{name} is an action of {of}, whose evidence holds it", "erase that record: it goes with it")
    return scope_of(runtime, *found[0])


def _unread(runtime: Runtime, name: str) -> list[TicketRef]:
    """Return the tickets of this name that could never be read: the reason of their quarantine may quote them."""
    return [
        (source, ticket_id)
        for source, ticket_id, key, _reason in runtime.register.tickets.never_read()
        if name.lower() in [word.lower() for own in (key, ticket_id) for word in (own, f"{source}:{own}")]
    ]


def _refused(what: str, hint: str) -> UserError:
    return UserError([Problem("", 0, what, f"{hint}; nothing was erased")])


def shown(runtime: Runtime, ticket: TicketRef) -> str:
    """Return `SOURCE:KEY` of a ticket."""
    return f"{ticket[0]}:{runtime.register.tickets.key(*ticket)}"


def refuse_held(scope: ErasureScope) -> None:
    """Raise UserError when a legal hold is on any of the tickets."""
    if scope.holds:
        what = "; ".join(map(str, scope.holds))
        raise _refused(what, "`capa-sync register unhold` ends a hold")


def erase_scopes(
    runtime: Runtime, scopes: Sequence[ErasureScope], erasure: Erasure, now: datetime
) -> list[Tombstone]:
    """Erase records in one transaction; the sources of their tickets must have no cycle under way.

    Records on legal hold are left out. What they leave is judged again.
    """
    register, holds = runtime.register, runtime.register.legal_holds.in_force()
    wanted = dict.fromkeys(
        ticket
        for scope in scopes
        if not any(hold.covers(*ticket) for hold in holds for ticket in scope.tickets)
        for ticket in scope.tickets
        if not register.erasures.among(ticket[0], [ticket[1]])
    )
    if not wanted:
        return []
    left = dict.fromkeys(ticket for scope in scopes for ticket in (*scope.staying, *scope.naming))
    with register.transaction():
        runtime.progress(_SHOWN, "erasing tickets", 0, len(wanted))
        stones = register.erasures.erase(list(wanted), erasure, now)
        runtime.progress(_SHOWN, "erasing tickets", len(wanted), len(wanted))
        for name, context in runtime.contexts.items():
            staying = [
                ticket_id for source, ticket_id in left if source == name and (source, ticket_id) not in wanted
            ]
            settle_roles(runtime, context, staying, now)
            register.queue.want_judging(name, staying, now)
    for source, ticket_id in wanted:
        if source in runtime.contexts:
            runtime.contexts[source].plans.take(ticket_id)
            runtime.contexts[source].withheld_plans.drop(ticket_id)
    for stone in stones:
        log(LogAction.TICKET_ERASED, source=stone.source, ticket=stone.ticket_key, way=stone.erasure.way.value)
    return stones
