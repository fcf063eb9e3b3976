"""The work inside a worker process: it evaluates each task that the daemon sends."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection

from capa_sync.daemon.accounts import use_known_accounts
from capa_sync.daemon.outcome import Outcome
from capa_sync.daemon.pipeline import Pipeline
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.workers.speculation import PickledOutcome, SpeculativeResults
from capa_sync.daemon.workers.task import Task, basis_of


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


def evaluate_for(
    runtime: Runtime, task: Task, speculation: SpeculativeResults
) -> Sequence[Outcome | PickledOutcome] | None:
    """Evaluate a batch for another process, with its options; None when this one has other rules or another mapping.

    The outcomes of a speculative batch are kept here, and the answer is an empty list; None when there is no room.
    """
    basis = task.basis
    use_known_accounts(runtime.register, runtime.contexts[basis.source])
    inputs = runtime.inputs(runtime.contexts[basis.source], task.now)
    if basis_of(inputs).known_by != basis.known_by:
        return None
    inputs = inputs.with_settings(basis.options, basis.write, basis.clock_skew)
    if task.is_ahead:
        return [] if speculation.evaluate_speculatively(inputs, task.ids, basis) else None
    known: dict[str, Outcome | PickledOutcome] = {**speculation.recall(inputs, task.ids, basis)}
    rest = [ticket_id for ticket_id in task.ids if ticket_id not in known]
    if rest:
        known.update(zip(rest, Pipeline(inputs, rest).evaluate(rest), strict=True))
    return [known[ticket_id] for ticket_id in task.ids]
