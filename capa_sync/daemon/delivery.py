"""Last step: look up writes whose result is unknown, and send those that the outbox holds."""

from __future__ import annotations

from collections.abc import Callable

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import ShownToCustomer
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.light import light
from capa_sync.model.write import WriteState
from capa_sync.writeback import DeliveryReport, deliver_due, look_up_due


@light
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


def settle_unknown_writes(runtime: Runtime, context: SourceContext) -> dict[str, int]:
    """Look up the writes of this source whose answer was lost, before their tickets are planned; return counts.

    Their tickets become due for planning first, so that also after a kill none of these writes is sent before its
    ticket is planned again. Raises the fault that ended the look-ups.
    """
    signal = _signal(runtime, context)
    if signal is None:
        return {}
    now = runtime.clock.now()
    due = [write.ticket_id for write in runtime.register.outbox.due(context.name, now, (WriteState.UNKNOWN,))]
    if not due:
        return {}
    runtime.register.queue.planned(context.name, dict.fromkeys(due, now))
    for ticket_id in due:
        context.plans.take(ticket_id)  # made while the result was unknown
        context.withheld_plans.drop(ticket_id)
    return _carry_out(runtime, context, look_up_due, signal)


def deliver_writes(runtime: Runtime, context: SourceContext) -> dict[str, int]:
    """Deliver the due writes of this source; return how many were delivered, and how many were not.

    Raises the fault that ended the delivery.
    """
    signal = _signal(runtime, context)
    return _carry_out(runtime, context, deliver_due, signal) if signal is not None else {}


def _signal(runtime: Runtime, context: SourceContext) -> DeliverySignal | None:
    """Return the stop signal of a delivery, None when nothing may be delivered."""
    halt = runtime.register.halts.of(context.name)
    is_paused = halt is not None and halt.kind is HaltKind.PAUSED
    return None if is_paused or context.write.mode != "on" else DeliverySignal(runtime, context.name, halt)


def _carry_out(
    runtime: Runtime, context: SourceContext, deliver: Callable[..., DeliveryReport], signal: DeliverySignal
) -> dict[str, int]:
    """Carry out one step of the delivery, record what came of it, and raise the fault that ended it.

    Before its first request the register's files are looked at: where they were exchanged, or the lock was deleted,
    another process may write on the same tickets. RegisterUnavailable is raised then, as by each later transaction.
    """
    runtime.register.check_place()
    report = deliver(
        context.name,
        outbox=runtime.register.outbox,
        writer=context.writer,
        clock=runtime.clock,
        stop=signal,
        checkpoint=runtime.checkpoint,
    )
    _log_report(runtime, context, report)
    if report.failed:  # the plan says when it tries again, if it does
        tickets = runtime.register.outbox.tickets_of(report.failed)
        runtime.register.queue.planned(context.name, dict.fromkeys(tickets, runtime.clock.now()))
    if report.not_before is not None:
        runtime.register.runs.set_not_before(context.name, report.not_before, noted_at=runtime.clock.now())
    if isinstance(report.fault, ShownToCustomer):
        pause_after_leak(runtime, context, report.fault)
    if report.fault is not None:
        raise report.fault
    undelivered = len(report.waiting) + len(report.failed)
    return {"delivered": len(report.delivered)} | ({"undelivered": undelivered} if undelivered else {})


def _log_report(runtime: Runtime, context: SourceContext, report: DeliveryReport) -> None:
    keys = runtime.register.outbox.ticket_keys([*report.delivered, *report.waiting, *report.failed])

    def named(write_id: str) -> dict[str, str]:
        return {"source": context.name, "ticket": keys.get(write_id, ""), "write": write_id[:16]}

    for write_id in report.delivered:
        log(LogAction.WRITE_DELIVERED, **named(write_id))
    for write_id in report.waiting:
        log(LogAction.WRITE_DEFERRED, **named(write_id))
    for write_id in report.unknown:
        log(LogAction.WRITE_UNKNOWN, level="warning", **named(write_id))
    for write_id in report.failed:
        log(LogAction.WRITE_FAILED, level="warning", **named(write_id))


def pause_after_leak(runtime: Runtime, context: SourceContext, fault: ShownToCustomer) -> None:
    """Pause writing on a source where customers could read a comment that was sent as internal."""
    halt = Halt(HaltKind.PAUSED, runtime.clock.now(), f"capa-sync itself ({fault.message})")
    runtime.register.halts.set(context.name, halt)
    log(LogAction.WRITING_PAUSED, level="error", source=context.name, reason=fault.message)
