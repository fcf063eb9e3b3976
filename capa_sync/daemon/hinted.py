"""First step after hints: read the named tickets again, between the polls; the polls' cursor does not move."""

from __future__ import annotations

from collections.abc import Sequence

from capa_sync.daemon.again import take_in
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.store import FULL, POLL

HINTED = "hint"
"""Kind of the run in the ledger; hints that bring nothing new get no run."""


def may_follow_hints(runtime: Runtime, context: SourceContext) -> bool:
    """Tell whether the last poll or full read was complete: no verdict may rest on a part of one."""
    runs = runtime.register.runs
    ended = [run for kind in (POLL, FULL) if (run := runs.last(context.name, kind)) and run.finished_at is not None]
    newest = max(ended, key=lambda run: run.id, default=None)
    is_whole = newest is not None and newest.ok and runs.as_of(context.name) is not None
    return context.facts is not None and is_whole


def read_hinted(runtime: Runtime, context: SourceContext, ids: Sequence[str]) -> int:
    """Read hinted tickets into the mirror again; return how many changed. Raises SourceError."""
    register = runtime.register
    erased = register.erasures.among(context.name, ids)
    ids = [ticket_id for ticket_id in ids if ticket_id not in erased]
    if not ids:
        return 0
    page = context.source.read_hinted(ids, register.tickets.cursor(context.name))
    if not page.readings and not page.skipped:
        return 0
    run = register.runs.start(context.name, HINTED, runtime.clock.now())
    changed = take_in(runtime, context, run, page)
    register.runs.finish(
        run, runtime.clock.now(), ok=True, counts={"read": len(page.readings), "changed": len(changed)}
    )
    return len(changed)
