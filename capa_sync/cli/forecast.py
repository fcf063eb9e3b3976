"""What would be written on the tickets of a source, and what its brakes would do; for `plan` and `preview`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from capa_sync.cli.brake_lines import BrakeWords, brake_lines
from capa_sync.cli.plan_view import DOES, effects_of, ticket_rows
from capa_sync.daemon.brakes import brakes_ahead
from capa_sync.daemon.leaving import content_left, halt_words
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiting import waiting_tickets
from capa_sync.daemon.writing import is_withdrawing
from capa_sync.model.amounts import count_of
from capa_sync.model.write import Write, WriteState
from capa_sync.wiring import Configuration, write_options


def planned_writes(runtime: Runtime, sources: Collection[str], *, stored: Collection[str] = ()) -> list[Write]:
    """Return what `sync` would send of these sources: writes of this process's plans, and those allowed before.

    What an earlier process withheld is left out unless a plan of this one writes on the ticket too: a withdrawal, a
    fault of the source or an edit may keep it from being sent. Of the sources in `stored` it is the plan, since this
    process planned only what changed; a withdrawal is always planned anew.
    """
    stored = [name for name in stored if not is_withdrawing(runtime, runtime.contexts[name])]
    return [
        write
        for write in runtime.register.reports.planned_writes()
        if write.source in sources
        and (
            write.state is WriteState.PENDING
            or write.source in stored
            or runtime.contexts[write.source].withheld_plans.writes_on(write.ticket_id)
        )
    ]


def planned_tickets(runtime: Runtime, writes: Sequence[Write]) -> list[dict[str, Any]]:
    """Return what planned writes would do to each ticket (`ticket_rows`)."""
    return ticket_rows(writes, partial(_text_now, runtime))


def _text_now(runtime: Runtime, write: Write) -> str:
    """Return the text of ours that is on the ticket in the place of this write."""
    last = runtime.register.outbox.last_delivered(write.source, write.ticket_id).get(write.kind)
    return last.text.plain() if last is not None and last.text is not None else ""


def forecast_of(
    runtime: Runtime, configuration: Configuration, name: str, writes: Sequence[Write], *, is_known: bool = True
) -> dict[str, Any]:
    """Return how much would be written on one source, and what its brakes would do with its own settings.

    `writes` are the planned ones, of other sources too. `is_known`: the source was planned by this process.
    """
    options, own = write_options(configuration.settings, name), [write for write in writes if write.source == name]
    does, context, now = effects_of(own)[name], runtime.contexts[name], runtime.clock.now()
    words = _words(runtime, name, own, options.mode)
    return {
        "mode": options.mode,
        "tickets": sum(does.values()),
        "would": {what: does.get(what, 0) for what in DOES},
        "waiting": [
            {"ticket": ticket.key, "waits_for": ticket.reason, "until": ticket.until}
            for ticket in (waiting_tickets(runtime, context, now) if is_known else ())
        ],
        "brakes": brake_lines(brakes_ahead(runtime, context, options, now), words) if own else words.halts,
    }


def _words(runtime: Runtime, name: str, own: Sequence[Write], mode: str) -> BrakeWords:
    halt, released = runtime.register.halts.of(name), runtime.register.outbox.released(name)
    limit = (
        "" if released is None else "all" if released.remaining is None else count_of(released.remaining, "ticket")
    )
    return BrakeWords(
        mode=mode,
        halts=[halt_words(halt, content_left(runtime.register, name))] if halt is not None else [],
        released=limit,
        allowed=len({write.ticket_id for write in own if write.state is WriteState.PENDING}),
    )
