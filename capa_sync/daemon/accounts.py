"""Learns which accounts of a tracker are active: from the answers that show tickets, and by asking about accounts.

An account without a known state is asked about once, before tickets are judged. Each is asked about again when it was
last shown longer than REFRESH ago, in a cycle that signs in: a poll without changes sends no such request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import AccessDenied, SourceError
from capa_sync.mapping import persons_of
from capa_sync.model.site import SiteFacts
from capa_sync.model.to_do import with_next_step
from capa_sync.store import Register

REFRESH = timedelta(days=1)
"""How old the state of an account may become before the tracker is asked again."""
AGAIN_AFTER = timedelta(hours=1)
"""How long accounts are not asked about after a request for them failed; tickets are judged meanwhile."""
_CLOSED = (
    "the tracker refuses to show accounts to our account: rules about whether a person is active cannot tell until a "
    "ticket shows the person's account; ask the tracker's admin for the right to view users"
)


def take_shown_accounts(runtime: Runtime, context: SourceContext) -> None:
    """Store the accounts that the newest answers showed."""
    if accounts := context.source.new_accounts():
        runtime.register.accounts.show(context.name, accounts, runtime.clock.now())


def learn_unknown_accounts(runtime: Runtime, context: SourceContext, now: datetime) -> SourceError | None:
    """Ask about accounts whose state is not known, and judge with what is known by then.

    Returns the fault of a request that failed; then these accounts stay unknown.
    """
    register = runtime.register
    take_shown_accounts(runtime, context)
    fault = _ask(runtime, context, register.accounts.unknown(context.name, context.source.accounts_at_once), now)
    if use_known_accounts(register, context):
        note_persons(register, context)
    return fault


def refresh_accounts(runtime: Runtime, context: SourceContext, now: datetime) -> SourceError | None:
    """Ask about unknown accounts, and again about those that were last shown too long ago.

    Returns the fault of a request that failed.
    """
    accounts, most = runtime.register.accounts, context.source.accounts_at_once
    wanted = accounts.unknown(context.name, most) + accounts.asked_before(context.name, now - REFRESH, now, most)
    return _ask(runtime, context, wanted[:most], now)


def use_known_accounts(register: Register, context: SourceContext) -> bool:
    """Let the bound mapping know the accounts of the register; return whether it did not know them all."""
    mark = register.accounts.mark(context.name)
    if context.bound is None or mark == context.accounts_mark:
        return False
    context.bound = context.bound.with_accounts(register.accounts.all(context.name))
    context.accounts_mark = mark
    return True


def version_of_accounts(register: Register, source: str, facts: SiteFacts | None) -> str:
    """Return a text that changes with the accounts on which verdicts of unchanged tickets may rest."""
    return register.accounts.version(source, "" if facts is None else facts.me.id)


def note_persons(register: Register, context: SourceContext) -> None:
    """Store in the register which persons own the source's accounts, by people file and tracker."""
    accounts = register.accounts.all(context.name)
    register.facts.know_persons(context.name, persons_of(context.name, context.mapping.people, accounts))


def _ask(runtime: Runtime, context: SourceContext, ids: Sequence[str], now: datetime) -> SourceError | None:
    until = context.accounts_not_before
    if not ids or (
        until is not None and now < until <= now + AGAIN_AFTER
    ):  # a later one is of a clock that was ahead
        return None
    accounts = runtime.register.accounts
    try:
        found = context.source.read_accounts(ids)
    except AccessDenied:
        _note_closed(runtime.register, context, now)
        accounts.asked(context.name, ids, now)
        return None
    except SourceError as fault:
        log(LogAction.ACCOUNTS_UNREAD, level="warning", source=context.name, problem=with_next_step(fault))
        context.accounts_not_before = now + AGAIN_AFTER
        return fault
    context.closed_rights = ()
    with runtime.register.transaction():
        accounts.show(context.name, found, now)
        accounts.asked(context.name, ids, now)
    return None


def _note_closed(register: Register, context: SourceContext, now: datetime) -> None:
    """Report the missing right once, until accounts can be read again; `status` shows it meanwhile."""
    if context.closed_rights:
        return
    context.closed_rights = (_CLOSED,)
    log(LogAction.RIGHT_MISSING, level="warning", source=context.name, problem=_CLOSED)
    facts = register.facts.load(context.name)
    if facts is not None and _CLOSED not in facts.missing_rights:
        register.facts.save(context.name, replace(facts, missing_rights=(*facts.missing_rights, _CLOSED)), now)
