"""Commits one page to the mirror; tickets whose content raises an error are quarantined, the others are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from capa_sync.daemon.accounts import take_shown_accounts
from capa_sync.daemon.clocks import as_read
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.presence_log import log_presences
from capa_sync.daemon.roles import linked_by, settle_roles
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import is_of_more_than_one_ticket, own_error
from capa_sync.model.ticket import Page, Reading, Skip


def commit_page(runtime: Runtime, context: SourceContext, run: int, page: Page) -> list[str]:
    """Commit a page with its cursor, and make its tickets due; return ids of those that changed.

    Raises RegisterUnavailable; then neither the page nor its cursor is stored.
    """
    runtime.checkpoint("before-page-commit")
    take_shown_accounts(runtime, context)  # before the page: an account without its ticket does no harm
    returning = runtime.register.tickets.gone_among(context.name, [reading.ticket.id for reading in page.readings])
    try:
        changed, news = _commit(runtime, context, run, page)
    except Exception as error:
        if is_of_more_than_one_ticket(error):
            raise
        # one ticket's content must not stop its source: it is found, logged and left out
        page = _without_failing(runtime, context, run, page)
        changed, news = _commit(runtime, context, run, page)
    runtime.checkpoint("after-page-commit")
    log_presences(runtime, context, [ticket_id for ticket_id in changed if ticket_id in returning])
    for ticket_id, key, reason, _version in page.skipped:
        if ticket_id in news:
            name = key or ticket_id
            log(LogAction.TICKET_QUARANTINED, level="warning", source=context.name, ticket=name, reason=reason)
    return changed


def _commit(runtime: Runtime, context: SourceContext, run: int, page: Page) -> tuple[list[str], set[str]]:
    """Store a page in one transaction; return ids of changed tickets, and of newly quarantined ones."""
    register, now, name = runtime.register, runtime.clock.now(), context.name
    if not page.readings and not page.skipped and page.cursor == register.tickets.cursor(name):
        return [], set()  # most polls: a transaction would cost more than all that they read
    with register.transaction():
        named = linked_by(runtime, context, [reading.ticket.id for reading in page.readings])
        read_at = as_read(context, now)
        changed = register.tickets.commit_page(name, page, read_at, run, context.source.parser())
        read = register.tickets.lift_unread(name, [reading.ticket.id for reading in page.readings])
        news = {skip.id for skip in page.skipped if register.tickets.set_unread(name, skip)}
        mirrored = {id_ for id_ in news if register.tickets.known_digest(name, id_) is not None}
        register.queue.want_judging(name, dict.fromkeys([*changed, *read, *sorted(mirrored)]), now)
        if changed:
            settle_roles(runtime, context, [*changed, *(named - set(changed))], now)
    return changed, news


def _without_failing(runtime: Runtime, context: SourceContext, run: int, page: Page) -> Page:
    """Return the page without the readings that cannot be stored; they are added to `skipped`.

    The others are stored in halves and halves of these: a page may have a thousand, and each commit takes an fsync.
    """
    skipped = list(page.skipped)
    cursor = runtime.register.tickets.cursor(context.name)

    def stored(readings: Sequence[Reading]) -> Sequence[Reading]:
        try:
            _commit(runtime, context, run, Page(tuple(readings), cursor, complete=False))
        except Exception as error:  # one of these is a failing reading
            if is_of_more_than_one_ticket(error):
                raise
            if len(readings) > 1:
                half = len(readings) // 2
                return [*stored(readings[:half]), *stored(readings[half:])]
            [failing] = readings
            skipped.append(Skip(failing.ticket.id, failing.ticket.key, own_error(error), _version_of(failing)))
            return ()
        return readings

    found = stored(page.readings) if page.readings else ()
    return replace(page, readings=tuple(found), skipped=tuple(skipped))


def _version_of(reading: Reading) -> str:
    """Return the digest of the record part, which every reading has first."""
    return reading.parts[0].digest if reading.parts else ""
