"""The worker pool: other processes that evaluate batches of due tickets, so that a first cycle uses every core.

A worker reads the register and the settings by itself and never writes to them. Each task names the rules and the
mapping of the asking process; a worker with other ones declines. This process evaluates every batch that has no
answer. While a source is read for the first time, one worker evaluates mirrored tickets ahead (`speculation`).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import NamedTuple

from capa_sync.daemon.dispatch import Dispatch
from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.outcome import Outcome
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.speculation import SpeculativeResults
from capa_sync.daemon.worker import EvaluationWorker
from capa_sync.model.settings import JudgeOptions, WriteOptions

WORTH = 4_000
"""Number of due tickets from which on a worker saves more than the second that it takes to start."""
MOST = 4
"""Workers at once; each takes a hundred MiB."""
AHEAD = 250
"""Tickets of one speculative task."""
QUEUE = 20_000
"""Tickets that may wait for speculative evaluation."""


class Basis(NamedTuple):
    """What verdicts and plans rest on besides the register.

    `options`, `write` and `clock_skew` are those of the asking process; `known_by` holds the hashes of the rules and
    the bound mapping that the verdicts must rest on.
    """

    source: str
    options: JudgeOptions
    write: WriteOptions
    clock_skew: timedelta
    known_by: tuple[str, str]


class Task(NamedTuple):
    """One batch to evaluate at an instant; with `is_ahead`, speculatively: the worker keeps the outcomes."""

    basis: Basis
    ids: tuple[str, ...]
    now: datetime
    is_ahead: bool = False


def basis_of(inputs: PipelineInputs) -> Basis:
    """Return what a source's verdicts rest on in this process."""
    source = inputs.source
    bound = source.bound.hash if source.bound is not None else ""
    return Basis(source.name, inputs.options, source.write, source.clock_skew, (inputs.rules.hash, bound))


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

        def give(worker: EvaluationWorker, ids: Sequence[str]) -> None:
            worker.give(Task(basis, tuple(ids), inputs.now))

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


def serve(runtime: Runtime, line: Connection) -> None:
    """Run as a worker: evaluate each task from the connection until the other end closes it.

    A task that fails is answered by None; the asking process then evaluates it and reports the error.
    """
    speculation = SpeculativeResults(runtime.register.path.parent)
    while True:
        try:
            task: Task = line.recv()
        except (EOFError, OSError):
            return
        try:
            outcomes = evaluate_for(runtime, task, speculation)
        except Exception:  # noqa: BLE001 - the asking process does the same work again, and reports the error
            outcomes = None
        try:
            line.send(outcomes)
        except OSError:
            return


def evaluate_for(runtime: Runtime, task: Task, speculation: SpeculativeResults) -> list[Outcome] | None:
    """Evaluate a batch for another process, with its options; None when this one has other rules or another mapping.

    The outcomes of a speculative batch are kept here, and the answer is an empty list; None when there is no room.
    """
    basis = task.basis
    inputs = runtime.inputs(runtime.contexts[basis.source], task.now)
    if basis_of(inputs).known_by != basis.known_by:
        return None
    inputs = inputs.with_settings(basis.options, basis.write, basis.clock_skew)
    if task.is_ahead:
        return [] if speculation.evaluate_speculatively(inputs, task.ids, basis) else None
    known = speculation.recall(inputs, task.ids, basis)
    rest = [ticket_id for ticket_id in task.ids if ticket_id not in known]
    if rest:
        known.update(zip(rest, Pipeline(inputs, rest).evaluate(rest), strict=True))
    return [known[ticket_id] for ticket_id in task.ids]
