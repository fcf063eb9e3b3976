"""The worker pool: starts worker processes where they are worth their start, and gives them tasks."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.outcome import Outcome
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.daemon.workers.dispatch import Dispatch
from capa_sync.daemon.workers.process import EvaluationWorker
from capa_sync.daemon.workers.task import Basis, Task, basis_of

WORTH = 4_000
"""Number of due tickets from which on a worker saves more than the second that it takes to start."""
MOST = 4
"""Workers at once; each takes a hundred MiB."""
AHEAD = 250
"""Tickets of one speculative task."""
QUEUE = 20_000
"""Tickets that may wait for speculative evaluation."""


class WorkerPool:
    """Starts workers when there are enough tickets to evaluate.

    Args:
        command: the command that starts a worker; the number of an open socket is appended.
        cores: cores to use, all by default; this process takes one of them.
        worth: number of due tickets from which on workers are used.
    """

    def __init__(self, command: Sequence[str], cores: int | None = None, worth: int = WORTH) -> None:
        self._command = command
        self._worth = worth
        self._count = min(MOST, (cores or len(os.sched_getaffinity(0))) - 1)
        self._lock = threading.Lock()
        self._ahead: dict[str, _Ahead] = {}

    def are_worth_it(self, tickets: int) -> bool:
        """Tell whether so many tickets are evaluated faster with workers."""
        return self._count > 0 and tickets >= self._worth

    def speculate(self, inputs: PipelineInputs, ids: Sequence[str], total: int | None) -> None:
        """Let a worker evaluate records that were just mirrored, of `total` if the tracker reported that.

        One worker at a time does this, for a source with enough records.
        """
        with self._lock:
            ahead = self._ahead.setdefault(inputs.source.name, _Ahead())
            ahead.note(ids)
            is_free = ahead.worker is not None or all(other.worker is None for other in self._ahead.values())
            if is_free and self.are_worth_it(max(total or 0, ahead.read)):
                ahead.feed(self._command, basis_of(inputs), inputs.now)

    def dismiss(self, source: str) -> None:
        """End the worker that evaluated speculatively for a source."""
        with self._lock:
            ahead = self._ahead.pop(source, None)
        if ahead is not None and ahead.worker is not None:
            ahead.worker.end()

    def evaluate(self, inputs: PipelineInputs, batches: Sequence[Sequence[str]]) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for a batch whose worker is lost."""
        basis, source = basis_of(inputs), inputs.source.name
        with self._lock:
            ahead = self._ahead.get(source, _Ahead())
        first = ahead.worker if ahead.worker is not None and not ahead.worker.is_lost else None
        others = [EvaluationWorker(self._command) for _ in range(self._count - (first is not None))]

        def give(worker: EvaluationWorker, ids: Sequence[str], is_ahead: bool) -> None:
            worker.give(Task(basis, tuple(ids), inputs.now, is_ahead))

        def evaluate(ids: Sequence[str]) -> list[Outcome]:
            return Pipeline(inputs, ids).evaluate(ids)

        try:
            yield from Dispatch(batches, first, ahead.seen, others, evaluate=evaluate, give=give).outcomes()
        finally:
            for worker in others:
                worker.end()
            self.dismiss(source)


class _Ahead:
    """The worker that evaluates one source speculatively, if it was started, and the tickets that wait for it.

    Attributes:
        seen: ids of the tickets given to the worker. read: number of mirrored records.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.read = 0
        self.worker: EvaluationWorker | None = None
        self._waiting: deque[str] = deque()

    def note(self, ids: Sequence[str]) -> None:
        """Add tickets that wait for the worker; when QUEUE is full they are evaluated later, with their batch."""
        self.read += len(ids)
        if len(self._waiting) < QUEUE:
            self._waiting.extend(ids)

    def feed(self, command: Sequence[str], basis: Basis, now: datetime) -> None:
        """Give the worker as many tickets as it has room for, without waiting for answers."""
        self.worker = self.worker or EvaluationWorker(command)
        self.worker.take_receipts()
        while self._waiting and self.worker.has_room:
            ids = [self._waiting.popleft() for _ in range(min(AHEAD, len(self._waiting)))]
            self.seen.update(ids)
            self.worker.give(Task(basis, tuple(ids), now, is_ahead=True))
