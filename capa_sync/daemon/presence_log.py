"""Logs the tickets whose presence has changed."""

from __future__ import annotations

from collections.abc import Collection

from capa_sync.daemon.log import LogAction, is_logged, log
from capa_sync.daemon.runtime import Runtime, SourceContext


def log_presences(runtime: Runtime, context: SourceContext, ticket_ids: Collection[str]) -> None:
    """Write one line for each of these tickets with its present key and its new presence."""
    if not ticket_ids or not is_logged():
        return
    tickets = runtime.register.tickets
    for ticket_id in ticket_ids:
        key, presence = tickets.key(context.name, ticket_id), tickets.presence(context.name, ticket_id)
        log(LogAction.PRESENCE_CHANGED, source=context.name, ticket=key, presence=str(presence))
