"""Pause and withdrawal of one source, which a person requests with `pause`, `resume` and `withdraw`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.pipeline import plan_removals
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import ShownToCustomer
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.writeback import TicketPlan

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
    inputs, plans = runtime.inputs(setup, now), dict[str, TicketPlan]()
    ids = runtime.register.outbox.written_tickets(setup.name)
    for start in range(0, len(ids), _BATCH):
        plans |= plan_removals(inputs, ids[start : start + _BATCH])
    return plans


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
