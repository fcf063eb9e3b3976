"""Pause and withdrawal of one source, which a person requests with `pause`, `resume` and `withdraw`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.daemon.targets import labels_of
from capa_sync.errors import ShownToCustomer
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.writeback import Target, TicketPlan, plan_withdrawal

_BATCH = 500
"""Tickets read together."""


def is_withdrawing(runtime: Runtime, setup: SourceContext) -> bool:
    """Tell whether our texts on a source are to be removed."""
    halt = runtime.register.halts.of(setup.name)
    return halt is not None and halt.kind is HaltKind.WITHDRAWN


def plan_withdrawals(runtime: Runtime, setup: SourceContext, now: datetime) -> dict[str, TicketPlan]:
    """Plan the removal of all our texts on a source; tickets without any are left out.

    Tickets due for a warning stay due, so that `resume` finds them.
    """
    register, plans = runtime.register, dict[str, TicketPlan]()
    ids = register.outbox.written_tickets(setup.name)
    for start in range(0, len(ids), _BATCH):
        batch_ids = ids[start : start + _BATCH]
        writes = register.outbox.writes_of(setup.name, batch_ids)
        for ticket_id in batch_ids:
            target = _target(runtime, setup, ticket_id, now)
            plan = plan_withdrawal(target, writes.get(ticket_id, []), now=now, options=setup.write)
            if not plan.is_quiet:
                plans[ticket_id] = plan
    return plans


def _target(runtime: Runtime, setup: SourceContext, ticket_id: str, now: datetime) -> Target:
    """Return what a withdrawal needs to know of a ticket, which may be one that can no longer be mapped."""
    tickets = runtime.register.tickets
    ticket = tickets.ticket(setup.name, ticket_id, setup.source.parser())
    return Target(
        register=runtime.register.id,
        source=setup.name,
        ticket_id=ticket_id,
        ticket_key=tickets.key(setup.name, ticket_id),
        read_at=tickets.read_at(setup.name, ticket_id) or now,
        presence=tickets.presence(setup.name, ticket_id),
        labels=labels_of(setup, ticket),
    )


@dataclass(frozen=True, slots=True)
class DeliverySignal:
    """The stop signal of one source's delivery: the daemon stops, or a person changed the source's halt meanwhile.

    Attributes:
        runtime, source: the runtime and the source whose stop event and halt are read. halt: as delivery began.
    """

    runtime: Runtime
    source: str
    halt: Halt | None

    def is_set(self) -> bool:
        """Tell whether to stop before the next write."""
        return self.runtime.stop.is_set() or self.runtime.register.halts.of(self.source) != self.halt


def pause_after_leak(runtime: Runtime, setup: SourceContext, fault: ShownToCustomer) -> None:
    """Pause writing on a source where customers could read a comment that was sent as internal."""
    halt = Halt(HaltKind.PAUSED, runtime.clock.now(), f"capa-sync itself ({fault.message})")
    runtime.register.halts.set(setup.name, halt)
    log(LogAction.WRITING_PAUSED, level="error", source=setup.name, reason=fault.message)
