"""What would be written on the tickets of a source, and what its brakes would do; for `plan` and `preview`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from capa_sync.cli.plan_view import DOES, brake_lines, ticket_rows
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiting import waiting_tickets
from capa_sync.daemon.writing import brakes_ahead
from capa_sync.model.amounts import count_of
from capa_sync.model.halt import HaltKind
from capa_sync.model.write import Write
from capa_sync.wiring import Configuration, write_options


def planned_writes(runtime: Runtime, sources: Collection[str]) -> list[Write]:
    """Return the planned writes of these sources that were not sent."""
    return [write for write in runtime.register.reports.planned_writes() if write.source in sources]


def planned_tickets(runtime: Runtime, writes: Sequence[Write]) -> list[dict[str, Any]]:
    """Return what planned writes would do to each ticket (`ticket_rows`)."""
    return ticket_rows(writes, partial(_text_now, runtime))


def _text_now(runtime: Runtime, write: Write) -> str:
    """Return the text of ours that is on the ticket in the place of this write."""
    last = runtime.register.outbox.last_delivered(write.source, write.ticket_id).get(write.kind)
    return last.text.plain() if last is not None and last.text is not None else ""


def forecast_of(runtime: Runtime, configuration: Configuration, name: str, does: Mapping[str, int]) -> dict[str, Any]:
    """Return how much would be written on one source, and what its brakes would do with its own settings.

    `does` counts its tickets by the effect of their writes.
    """
    options, register = write_options(configuration.settings, name), runtime.register
    halt, released = register.halts.of(name), register.outbox.released(name)
    limit = (
        "" if released is None else "all" if released.remaining is None else count_of(released.remaining, "ticket")
    )
    return {
        "mode": options.mode,
        "tickets": sum(does.values()),
        "would": {what: does.get(what, 0) for what in DOES},
        "waiting": [
            {"ticket": ticket.key, "waits_for": ticket.reason, "until": ticket.until}
            for ticket in waiting_tickets(runtime, runtime.contexts[name], runtime.clock.now())
        ],
        "brakes": brake_lines(
            options.mode,
            str(halt) if halt is not None and halt.kind is HaltKind.PAUSED else "",
            [
                stopped.brief
                for stopped in brakes_ahead(runtime, runtime.contexts[name], options, runtime.clock.now())
            ],
            f"released: the next `sync` writes to {limit}, the worst first" if limit else "",
        ),
    }
