"""Distributes batches of due tickets among this process and its workers, as each of them becomes free.

Results are returned in order. While this process waits for a worker, it evaluates later batches itself. The worker
with speculative results evaluates the last batches speculatively, too, when it is so far ahead that it would wait.
"""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from capa_sync.daemon.outcome import Outcome

KNOWN, NEW, OWN = 6, 8, 2
"""Batches given out before they are needed: to a worker with speculative results, other ones to each worker, and
evaluated by this process. They take memory: an answer of a worker, which stays pickled, a quarter of its outcomes."""
ENOUGH = 250
"""Cost of a worker's tasks from which on it gets no further batch, because another process may be free sooner; more
than a batch, so that it never waits. The unit is the cost of a ticket that a worker evaluates."""
_SPECULATED = 0.08
"""Cost of a ticket with a speculative result (measured: 13 ms a batch against 175)."""


class BatchWorker(Protocol):
    """What is needed of a worker process; `EvaluationWorker` has the descriptions."""

    @property
    def is_lost(self) -> bool:
        """Tell whether it no longer answers."""

    @property
    def speculative_tickets(self) -> int:
        """Return how many tickets it evaluates before any batch."""

    @property
    def has_room(self) -> bool:
        """Tell whether it takes a batch that it evaluates speculatively."""

    @property
    def has_answer(self) -> bool:
        """Tell whether `answer` returns without waiting."""

    def answer(self) -> bytes | None:
        """Return the outcomes of the next batch that it was given, pickled; None when it is lost."""


W = TypeVar("W", bound=BatchWorker)


@dataclass(slots=True, eq=False)
class _Batch(Generic[W]):
    """Tickets that one process evaluates.

    Attributes:
        cost: for the worker with the speculative results. is_known: that worker has most of them. is_last: it was
            given the batch to evaluate speculatively. worker: None until a worker holds it, and for this process.
            is_done: it was evaluated, or the caller must do that.
        answer: of the worker. own: outcomes in the order of `ids`; without both, the caller evaluates the batch.
    """

    ids: Sequence[str]
    cost: float
    is_known: bool
    is_last: bool = False
    worker: W | None = None
    is_done: bool = False
    answer: bytes | None = None
    own: list[Outcome] | None = None

    def outcomes(self) -> list[Outcome] | None:
        if self.answer is None:
            return self.own
        outcomes: list[Outcome] | None = pickle.loads(self.answer)  # noqa: S301 - from a process that we started
        return outcomes


class Dispatch(Generic[W]):
    """The batches of one source, and which process evaluates which.

    Args:
        batches: ids of the tickets. first: the worker with speculative results, if there is one. seen: the tickets
            with such a result. others: further workers. evaluate: evaluates tickets in this process. give: sends
            tickets to a worker; where the last argument is true, it evaluates them speculatively.
    """

    def __init__(
        self,
        batches: Sequence[Sequence[str]],
        first: W | None,
        seen: Collection[str],
        others: Sequence[W],
        *,
        evaluate: Callable[[Sequence[str]], list[Outcome]],
        give: Callable[[W, Sequence[str], bool], None],
    ) -> None:
        self._evaluate, self._give, self._first = evaluate, give, first
        workers = [*others] if first is None else [first, *others]
        self._given: dict[W, deque[_Batch[W]]] = {worker: deque() for worker in workers}
        self._held: Counter[tuple[W | None, bool]] = Counter()
        self._batches, self._known, self._new = deque[_Batch[W]](), deque[_Batch[W]](), deque[_Batch[W]]()
        self._last = deque[_Batch[W]]()
        for ids in batches:
            known = sum(ticket_id in seen for ticket_id in ids) if first is not None else 0
            batch = _Batch[W](ids, known * _SPECULATED + len(ids) - known, is_known=known * 2 > len(ids))
            self._batches.append(batch)
            (self._known if batch.is_known else self._new).append(batch)

    def outcomes(self) -> Iterator[list[Outcome] | None]:
        """Yield the outcomes of each batch in order; None for a batch that the caller must evaluate now."""
        while self._batches:
            batch = self._batches[0]
            self._feed()
            while not batch.is_done:
                self._advance(batch)
                self._feed()
            self._held[batch.worker, batch.is_known] -= 1
            yield self._batches.popleft().outcomes()

    def _advance(self, needed: _Batch[W]) -> None:
        """Take the answer of the worker that holds the needed batch, or evaluate a later batch here meanwhile."""
        worker = needed.worker
        if worker is None:
            free = self._last if needed.is_last else self._known if needed.is_known else self._new
            self._hold(free.popleft(), None)
        elif not worker.has_answer and self._new and self._held[None, False] < OWN:
            later = self._new.popleft()
            self._hold(later, self._evaluate(later.ids))
        else:
            self._take_answer(worker)

    def _hold(self, batch: _Batch[W], outcomes: list[Outcome] | None) -> None:
        batch.own, batch.is_done = outcomes, True
        self._held[None, batch.is_known] += 1

    def _take_answer(self, worker: W) -> None:
        answered = self._given[worker].popleft()
        answered.answer, answered.is_done = worker.answer(), True

    def _feed(self) -> None:
        """Give batches to the workers that have little left to do.

        Batches with speculative results go first, to the worker that has these: they are done at once, and their
        storing leaves the worker time for other ones.
        """
        for worker, given in self._given.items():
            while given and worker.has_answer:
                self._take_answer(worker)
            while (results := self._known_to(worker)) and self._held[worker, True] < KNOWN and not worker.is_lost:
                self._hand_over(results.popleft(), worker)
            waiting = worker.speculative_tickets + sum(batch.cost for batch in given)
            while self._new and waiting < ENOUGH and self._held[worker, False] < NEW and not worker.is_lost:
                waiting += self._hand_over(self._new.popleft(), worker)
            while self._new and waiting < ENOUGH and worker is self._first and worker.has_room:
                waiting += self._hand_ahead(self._new.pop(), worker)

    def _known_to(self, worker: W) -> deque[_Batch[W]]:
        """Return the batches of which a worker has speculative results; the last ones when no others are left."""
        if worker is not self._first:
            return deque()
        return self._known if self._known or self._new else self._last

    def _hand_ahead(self, batch: _Batch[W], worker: W) -> float:
        """Let a worker evaluate the last of the new batches speculatively; return what that costs."""
        cost, batch.cost = batch.cost, len(batch.ids) * _SPECULATED
        batch.is_known = batch.is_last = True
        self._last.appendleft(batch)
        self._give(worker, batch.ids, True)
        return cost

    def _hand_over(self, batch: _Batch[W], worker: W) -> float:
        """Give a batch to a worker; return its cost."""
        batch.worker = worker
        self._give(worker, batch.ids, False)
        self._given[worker].append(batch)
        self._held[worker, batch.is_known] += 1
        return batch.cost
