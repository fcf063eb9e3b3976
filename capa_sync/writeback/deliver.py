"""Delivers the outbox of one source: a write is marked `unknown` before it is sent, and looked up before a retry.

Between the look-up and the retry the ticket is planned anew, so that a write that is no longer wanted is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, assert_never

from capa_sync.errors import (
    ALL,
    Authentication,
    BadAnswer,
    CapaSyncError,
    DeliveryUnknown,
    Fatal,
    NotBefore,
    Retryable,
    Skippable,
    SourceError,
    WriteRefused,
    own_error,
)
from capa_sync.model.clock import Clock
from capa_sync.model.light import light
from capa_sync.model.write import Delivered, Write, WriteKind, WriteState
from capa_sync.ports.writing import Outbox, TicketWriter
from capa_sync.writeback.backoff import wait
from capa_sync.writeback.desired_state import is_open_point
from capa_sync.writeback.plan import LEFT_IN_PEACE
from capa_sync.writeback.reported import IN_PEACE, NOT_MISSED

SHORTEST = timedelta(seconds=1)
"""Shortest wait before a retry, whatever time the tracker asks for."""


class StopSignal(Protocol):
    """Reports that the daemon should stop; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Return whether to stop."""
        ...


Checkpoint = Callable[[str], None]
"""Called with a stable name before and after each commit and each request; a test can kill the process there.

The names are `deliver.STEP.before` and `deliver.STEP.after` with STEP one of mark_unknown, look_up, request,
mark_absent, mark_delivered, mark_waiting, mark_failed, mark_deleted, mark_withheld.
"""
ABSENT = "its answer was lost, and the tracker does not have it"
ALTERED = "its answer was lost, and the ticket has another text in its place"
"""Error texts of a pending write that was looked up and not found."""


def pass_by(_name: str) -> None:
    """Do nothing at a checkpoint."""


@dataclass(slots=True)
class DeliveryReport:
    """What one call of `look_up_due` or `deliver_due` did.

    Attributes:
        delivered: ids of writes that are on the tracker now. waiting, failed, withheld: ids of writes marked so.
        unknown: ids of the waiting ones of which nobody knows whether the tracker applied them.
        fault: the fault that stops all writes to the source; the remaining writes were not tried.
        not_before: nothing should be sent to this source before this instant; None without such a limit.
        is_interrupted: the stop signal ended the delivery early.
    """

    delivered: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    fault: SourceError | None = None
    not_before: datetime | None = None
    is_interrupted: bool = False


def look_up_due(
    source: str,
    *,
    outbox: Outbox,
    writer: TicketWriter,
    clock: Clock,
    stop: StopSignal,
    checkpoint: Checkpoint = pass_by,
) -> DeliveryReport:
    """Look up every due write whose result is unknown; send nothing, never raise a SourceError.

    A write that the tracker has becomes delivered. A write that it does not have becomes pending, or withheld when a
    newer one of its ticket and kind exists. The caller plans these tickets before it delivers: meanwhile the write
    may no longer be wanted.
    """
    report = DeliveryReport()
    delivery = _Delivery(source, outbox, writer, clock, checkpoint, report)
    for write in outbox.due(source, clock.now(), (WriteState.UNKNOWN,)):
        if stop.is_set():
            report.is_interrupted = True
            return report
        delivery.settle(write)
        if report.fault is not None:
            return report
    return report


def deliver_due(
    source: str,
    *,
    outbox: Outbox,
    writer: TicketWriter,
    clock: Clock,
    stop: StopSignal,
    checkpoint: Checkpoint = pass_by,
) -> DeliveryReport:
    """Deliver every due pending write of one source, each ticket's writes in order; never raises a SourceError.

    A write whose result is unknown is not sent: `look_up_due` comes first. A write waits for earlier writes on its
    own ticket, never for those on another ticket (`Outbox.due`). The stop signal is checked before each write. A
    write that waits for the tracker or the network stays due, at a later `not_before`.
    """
    report = DeliveryReport()
    delivery = _Delivery(source, outbox, writer, clock, checkpoint, report)
    while due := outbox.due(source, clock.now(), (WriteState.PENDING,)):
        for write in due:
            if stop.is_set():
                report.is_interrupted = True
                return report
            delivery.carry(write)
            if report.fault is not None:
                return report
    return report


@light
class _Delivery:
    """Delivers one write after another and records every step."""

    source: str
    outbox: Outbox
    writer: TicketWriter
    clock: Clock
    checkpoint: Checkpoint
    report: DeliveryReport

    def settle(self, write: Write) -> None:
        """Look up one write whose result is unknown, and record whether the tracker has it."""
        with self._fault_noted(write):
            done = self._look_up(write)
            if done is None or done.is_other_text:
                error = ABSENT if done is None else ALTERED
                self._mark("absent", write, WriteState.PENDING, done=done, error=error)
            else:
                self._arrived(write, done)

    def carry(self, write: Write) -> None:
        """Deliver one write, or record why it was not delivered."""
        if reason := self._reason_to_withhold(write):
            self._withhold(write, reason)
            return
        with self._fault_noted(write):
            self._arrived(write, self._send(write))

    @contextmanager
    def _fault_noted(self, write: Write) -> Iterator[None]:
        """Record the fault that ends the request of a write, whatever raised it."""
        try:
            yield
        except SourceError as fault:
            self._note(write, fault)
        except CapaSyncError:
            raise
        except Exception as error:  # noqa: BLE001 - this write waits and is looked up again; the others continue
            self._note(write, DeliveryUnknown(self.source, own_error(error)))

    def _look_up(self, write: Write) -> Delivered | None:
        """Ask the tracker whether a write of state `unknown` was applied."""
        self.checkpoint("deliver.look_up.before")
        found = self.writer.look_up(write, self._remote_id(write))
        self.checkpoint("deliver.look_up.after")
        return found

    def _send(self, write: Write) -> Delivered:
        """Commit the state `unknown`, then send: if the process is killed in between, the register is still right."""
        self._mark("unknown", write, WriteState.UNKNOWN)
        self.checkpoint("deliver.request.before")
        done = self.writer.deliver(write, self._remote_id(write))
        self.checkpoint("deliver.request.after")
        return done

    def _arrived(self, write: Write, done: Delivered) -> None:
        """Record a delivery; a comment that a person deleted is written again once, while its points are open."""
        if not done.deleted_by_person or done.remote_id:
            self._mark("delivered", write, WriteState.DELIVERED, done=done)
            self.report.delivered.append(write.id)
            return
        self._mark("deleted", write, WriteState.PENDING, done=done)
        if reason := self._reason_to_withhold(write):
            self._withhold(write, reason)

    def _note(self, write: Write, fault: SourceError) -> None:
        """Record the state of a write that was not delivered, and whether the whole source must wait.

        A write whose result is unknown stays so when its ticket cannot be looked at: it may have been applied.
        """
        is_final = isinstance(fault, (Skippable, WriteRefused)) and getattr(fault, "permanent", True)
        if is_final and write.state is not WriteState.UNKNOWN:
            self._mark("failed", write, WriteState.FAILED, error=fault.message)
            self.report.failed.append(write.id)
            return
        is_refused = isinstance(fault, (NotBefore, Retryable, WriteRefused, Authentication))
        until = self._until(write, fault)
        state = WriteState.PENDING if is_refused and write.state is not WriteState.UNKNOWN else WriteState.UNKNOWN
        self._mark("waiting", write, state, error=fault.message, not_before=until)
        self.report.waiting.append(write.id)
        if state is WriteState.UNKNOWN:
            self.report.unknown.append(write.id)
        if self._stops_source(fault):
            self.report.fault = fault
            self.report.not_before = until if isinstance(fault, NotBefore) or _wish(fault) is not None else None

    def _until(self, write: Write, fault: SourceError) -> datetime:
        """Return when to try again: when the tracker asks for it, otherwise after a growing wait."""
        now, wish = self.clock.now(), _wish(fault)
        if isinstance(fault, NotBefore):
            return max(fault.until, now + SHORTEST)
        return now + max(SHORTEST, wait(write.id, write.attempts + 1) if wish is None else wish)

    @staticmethod
    def _stops_source(fault: SourceError) -> bool:
        """Return whether a fault concerns every ticket of the source."""
        if isinstance(fault, (Retryable, NotBefore)):
            return fault.scope == ALL
        if isinstance(fault, DeliveryUnknown):
            return fault.retry_after is not None
        return isinstance(fault, Fatal) and not isinstance(fault, BadAnswer)

    def _reason_to_withhold(self, write: Write) -> str:
        """Return why a write must be withheld after a person deleted our comment, "" when it may be sent."""
        if write.is_removal:
            return ""
        deletions = self.outbox.deletions(self.source, write.ticket_id) if write.kind is WriteKind.COMMENT else 0
        if deletions >= LEFT_IN_PEACE:
            return IN_PEACE
        is_needed = self._remote_id(write) or any(map(is_open_point, write.points.values()))
        return NOT_MISSED if deletions and not is_needed else ""

    def _withhold(self, write: Write, reason: str) -> None:
        self._mark("withheld", write, WriteState.WITHHELD, error=reason)
        self.report.withheld.append(write.id)

    def _mark(
        self,
        step: str,
        write: Write,
        state: WriteState,
        *,
        done: Delivered | None = None,
        error: str = "",
        not_before: datetime | None = None,
    ) -> None:
        """Commit one step of a delivery, with a checkpoint before and after."""
        self.checkpoint(f"deliver.mark_{step}.before")
        self.outbox.mark(
            write.id,
            state,
            at=self.clock.now(),
            error=error,
            remote_id=done.remote_id if done else "",
            not_before=not_before,
            deleted_by_person=done.deleted_by_person if done else False,
        )
        self.checkpoint(f"deliver.mark_{step}.after")

    def _remote_id(self, write: Write) -> str:
        """Return the id of our comment, our newest known work note, or the ticket with our fields; "" for none."""
        match write.kind:
            case WriteKind.COMMENT:
                return self.outbox.remote_comment(self.source, write.ticket_id)
            case WriteKind.WORK_NOTE:
                note = self._last_delivered(write)
                return note.remote_id if note is not None else ""
            case WriteKind.FIELDS:
                return write.ticket_id if self._last_delivered(write) is not None else ""
            case WriteKind.LABELS | WriteKind.PROPERTY:
                return ""
        assert_never(write.kind)

    def _last_delivered(self, write: Write) -> Write | None:
        return self.outbox.last_delivered(self.source, write.ticket_id).get(write.kind)


def _wish(fault: SourceError) -> timedelta | None:
    """Return the wait that the tracker asked for, None when it asked for none."""
    return fault.retry_after if isinstance(fault, (Retryable, DeliveryUnknown)) else None
