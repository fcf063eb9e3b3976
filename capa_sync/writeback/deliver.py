"""Draining the outbox of one source: a write is `unknown` before it is sent and looked up before it is sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

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
from capa_sync.model.write import Delivered, Write, WriteKind, WriteState
from capa_sync.ports import Outbox, TicketWriter
from capa_sync.writeback.backoff import wait
from capa_sync.writeback.plan import LEFT_IN_PEACE
from capa_sync.writeback.standing import is_open_point
from capa_sync.writeback.told import IN_PEACE, NOT_MISSED

SHORTEST = timedelta(seconds=1)
"""No write is tried twice within this time, whatever the tracker wishes."""


class StopSignal(Protocol):
    """Tells that the daemon is to stop; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Tell whether to stop."""
        ...


Checkpoint = Callable[[str], None]
"""Called with a stable name before and after each commit and each request, so that a test can kill us there.

The names are `deliver.STEP.before` and `deliver.STEP.after` with STEP one of mark_unknown, look_up, request,
mark_delivered, mark_waiting, mark_failed, mark_deleted, mark_withheld.
"""


def pass_by(_name: str) -> None:
    """Do nothing at a checkpoint."""


@dataclass(slots=True)
class DeliveryReport:
    """What one draining did.

    Attributes:
        delivered: ids of writes that are on the tracker now. waiting, failed, withheld: ids, each marked so.
        fault: what keeps the whole source from being written to; the rest of its writes was not tried.
        not_before: nothing should be sent to this source before this instant; None when there is no such wish.
        is_interrupted: the stop signal ended it early.
    """

    delivered: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    fault: SourceError | None = None
    not_before: datetime | None = None
    is_interrupted: bool = False


def deliver_due(
    source: str,
    *,
    outbox: Outbox,
    writer: TicketWriter,
    clock: Clock,
    stop: StopSignal,
    checkpoint: Checkpoint = pass_by,
) -> DeliveryReport:
    """Deliver everything due on one source, each ticket's writes in their order; never raises a SourceError.

    A ticket waits behind its own stuck write, never behind another ticket's (`Outbox.due`). Between two writes the
    stop signal is looked at. What waits for the tracker or the network keeps its place with a later `not_before`.
    """
    report = DeliveryReport()
    courier = _Courier(source, outbox, writer, clock, checkpoint, report)
    while due := outbox.due(source, clock.now()):
        for write in due:
            if stop.is_set():
                report.is_interrupted = True
                return report
            courier.carry(write)
            if report.fault is not None:
                return report
    return report


@dataclass(frozen=True, slots=True)
class _Courier:
    """Carries one write after another and records every step."""

    source: str
    outbox: Outbox
    writer: TicketWriter
    clock: Clock
    checkpoint: Checkpoint
    report: DeliveryReport

    def carry(self, write: Write) -> None:
        """Bring one write to the tracker, or mark why not."""
        if reason := self._reason_to_withhold(write):
            self._withhold(write, reason)
            return
        try:
            done = self._look_up(write) if write.state is WriteState.UNKNOWN else None
            done = done or self._send(write)
        except SourceError as fault:
            self._note(write, fault)
        except CapaSyncError:
            raise
        except Exception as error:  # noqa: BLE001 - one write waits and is looked up again; the others go on
            self._note(write, DeliveryUnknown(self.source, own_error(error)))
        else:
            self._arrived(write, done)

    def _look_up(self, write: Write) -> Delivered | None:
        """Ask the tracker whether a write of unknown fate is there."""
        self.checkpoint("deliver.look_up.before")
        found = self.writer.look_up(write, self._remote_id(write))
        self.checkpoint("deliver.look_up.after")
        return found

    def _send(self, write: Write) -> Delivered:
        """Commit that the fate is unknown, then send: a kill in between leaves the truth in the register."""
        self._mark("unknown", write, WriteState.UNKNOWN)
        self.checkpoint("deliver.request.before")
        done = self.writer.deliver(write, self._remote_id(write))
        self.checkpoint("deliver.request.after")
        return done

    def _arrived(self, write: Write, done: Delivered) -> None:
        """Record a delivery; a comment that a person deleted is put back once, while its points are open."""
        if not done.deleted_by_person or done.remote_id:
            self._mark("delivered", write, WriteState.DELIVERED, done=done)
            self.report.delivered.append(write.id)
            return
        self._mark("deleted", write, WriteState.PENDING, done=done)
        if reason := self._reason_to_withhold(write):
            self._withhold(write, reason)

    def _note(self, write: Write, fault: SourceError) -> None:
        """Record what became of a write that did not get through, and whether the whole source must wait."""
        if isinstance(fault, (Skippable, WriteRefused)) and getattr(fault, "permanent", True):
            self._mark("failed", write, WriteState.FAILED, error=fault.message)
            self.report.failed.append(write.id)
            return
        is_refused = isinstance(fault, (NotBefore, Retryable, WriteRefused, Authentication))
        until = self._until(write, fault)
        state = WriteState.PENDING if is_refused and write.state is not WriteState.UNKNOWN else WriteState.UNKNOWN
        self._mark("waiting", write, state, error=fault.message, not_before=until)
        self.report.waiting.append(write.id)
        if self._stops_source(fault):
            self.report.fault = fault
            self.report.not_before = until if isinstance(fault, NotBefore) or _wish(fault) is not None else None

    def _until(self, write: Write, fault: SourceError) -> datetime:
        """Return when to try again: at the tracker's own wish, else after a growing wait."""
        now, wish = self.clock.now(), _wish(fault)
        if isinstance(fault, NotBefore):
            return max(fault.until, now + SHORTEST)
        return now + max(SHORTEST, wait(write.id, write.attempts + 1) if wish is None else wish)

    @staticmethod
    def _stops_source(fault: SourceError) -> bool:
        """Tell whether a fault holds for every ticket of the source."""
        if isinstance(fault, (Retryable, NotBefore)):
            return fault.scope == ALL
        if isinstance(fault, DeliveryUnknown):
            return fault.retry_after is not None
        return isinstance(fault, Fatal) and not isinstance(fault, BadAnswer)

    def _reason_to_withhold(self, write: Write) -> str:
        """Say why a comment that a person deleted is not put back, "" when nothing stands against a write."""
        if write.is_removal:
            return ""
        deletions = self.outbox.deletions(self.source, write.ticket_id) if write.kind is WriteKind.COMMENT else 0
        if deletions >= LEFT_IN_PEACE:
            return IN_PEACE
        is_missed = self._remote_id(write) or any(map(is_open_point, write.points.values()))
        return NOT_MISSED if deletions and not is_missed else ""

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
        """Commit one step of a delivery between its two checkpoints."""
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
        """Return the id of our comment, or of the newest note that we know of, "" when there is none."""
        if write.kind is WriteKind.COMMENT:
            return self.outbox.remote_comment(self.source, write.ticket_id)
        if write.kind is not WriteKind.WORK_NOTE:
            return ""
        last = self.outbox.last_delivered(self.source, write.ticket_id).get(write.kind)
        return last.remote_id if last is not None else ""


def _wish(fault: SourceError) -> timedelta | None:
    """Return how long the tracker itself asked to wait."""
    return fault.retry_after if isinstance(fault, (Retryable, DeliveryUnknown)) else None
