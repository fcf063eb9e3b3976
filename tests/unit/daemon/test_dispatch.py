"""Batches of due tickets are distributed among this process and its workers."""

from __future__ import annotations

import pickle
import random
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

import pytest

from capa_sync.daemon.outcome import NotMirrored, Outcome
from capa_sync.daemon.workers import dispatch
from capa_sync.daemon.workers.dispatch import Dispatch

_CHANCE = random.Random(1)  # noqa: S311 - a test's choices


class ScriptedWorker:
    """A worker that has an answer whenever `chance` says so, and is lost after some answers."""

    def __init__(self, chance: random.Random, *, ahead: int = 0, answers: int = 1_000_000) -> None:
        self._chance = chance
        self._answers = answers
        self.speculative_tickets = ahead
        self.tasks: deque[Sequence[str]] = deque()
        self.ahead: list[Sequence[str]] = []
        self.done: list[Sequence[str]] = []
        self.most_tasks = 0

    @property
    def is_lost(self) -> bool:
        """It gave all answers that it has."""
        return self._answers <= 0

    @property
    def has_room(self) -> bool:
        """Now and then."""
        return not self.is_lost and self._chance.random() < 0.5

    @property
    def has_answer(self) -> bool:
        """Sometimes."""
        return self.is_lost or self._chance.random() < 0.5

    def give(self, ids: Sequence[str], is_ahead: bool) -> None:
        """Take a batch."""
        if is_ahead:
            self.ahead.append(ids)
            return
        self.tasks.append(ids)
        self.most_tasks = max(self.most_tasks, len(self.tasks))

    def answer(self) -> bytes | None:
        """Evaluate the next batch."""
        self.speculative_tickets = 0
        self._answers -= 1
        if self._answers < 0:
            return None
        self.done.append(self.tasks.popleft())
        return pickle.dumps(outcomes_of(self.done[-1]))


def outcomes_of(ids: Sequence[str]) -> list[Outcome]:
    """Return an outcome for each ticket that names it."""
    return [NotMirrored(ticket_id) for ticket_id in ids]


def run(
    batches: list[list[str]], first: ScriptedWorker | None, seen: set[str], others: list[ScriptedWorker]
) -> tuple[list[list[Outcome] | None], Counter[str]]:
    """Return the outcomes as the daemon receives them, and how often each ticket was evaluated here."""
    here: Counter[str] = Counter()

    def evaluate(ids: Sequence[str]) -> list[Outcome]:
        here.update(ids)
        return outcomes_of(ids)

    distribution = Dispatch[Any](batches, first, seen, others, evaluate=evaluate, give=ScriptedWorker.give)
    return list(distribution.outcomes()), here


@pytest.mark.parametrize("seed", range(60))
def test_every_batch_is_answered_once_and_in_order(seed: int) -> None:
    """Whatever the speeds of the workers, and whichever of them is lost after how many answers."""
    chance = random.Random(seed)  # noqa: S311 - a test's choices
    batches = [[f"{number}-{place}" for place in range(chance.randint(1, 200))] for number in range(60)]
    everything = [ticket_id for batch in batches for ticket_id in batch]
    seen = set(chance.sample(everything, chance.randint(0, len(everything)))) | set(everything[: seed * 100])
    first = ScriptedWorker(chance, ahead=chance.choice([0, 1_000]), answers=chance.choice([0, 3, 1_000]))
    others = [ScriptedWorker(chance, answers=chance.choice([2, 1_000])) for _ in range(chance.randint(0, 3))]
    workers = [*others] if (known := chance.choice([first, None])) is None else [known, *others]
    found, here = run(batches, known, seen, others)
    assert len(found) == len(batches)
    for outcomes, ids in zip(found, batches, strict=True):
        assert outcomes is None or outcomes == outcomes_of(ids)
    assert set(here.values()) <= {1}
    assert all(worker.most_tasks <= dispatch.KNOWN + dispatch.NEW for worker in workers)
    if not any(worker.is_lost for worker in workers):
        done = Counter(ticket_id for worker in workers for ids in worker.done for ticket_id in ids)
        left = [ids for outcomes, ids in zip(found, batches, strict=True) if outcomes is None]
        done.update(here + Counter(ticket_id for ids in left for ticket_id in ids))
        assert done == Counter(everything)


def test_known_batches_are_for_the_worker_that_knows_them() -> None:
    """This process waits for them while there is nothing else to do."""
    chance = random.Random(1)  # noqa: S311 - a test's choices
    batches = [[str(number)] for number in range(40)]
    first, other = ScriptedWorker(chance), ScriptedWorker(chance)
    found, here = run(batches, first, {str(number) for number in range(40)}, [other])
    assert found == [outcomes_of(batch) for batch in batches]
    assert not here
    assert not other.most_tasks


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker ever has an answer before it is waited for."""
    monkeypatch.setattr(ScriptedWorker, "has_answer", False)


@pytest.mark.usefixtures("busy")
def test_new_batches_are_evaluated_here_while_a_worker_is_at_work() -> None:
    """Of these no more are evaluated ahead than may be held."""
    batches = [[f"{number}-{place}" for place in range(200)] for number in range(40)]
    known = {ticket_id for batch in batches[:20] for ticket_id in batch}
    first, here = ScriptedWorker(_CHANCE, ahead=2_000), list[Sequence[str]]()

    def evaluate(ids: Sequence[str]) -> list[Outcome]:
        here.append(ids)
        return outcomes_of(ids)

    distribution = Dispatch[Any](batches, first, known, [], evaluate=evaluate, give=ScriptedWorker.give)
    assert next(distribution.outcomes()) == outcomes_of(batches[0])
    assert here == batches[20 : 20 + dispatch.OWN]
    assert list(first.tasks) == [*batches[1 : dispatch.KNOWN], batches[20 + dispatch.OWN]]


@pytest.mark.usefixtures("busy")
def test_a_worker_evaluates_a_new_batch_while_known_ones_are_stored() -> None:
    """The known ones are done at once: without a new batch behind them, the worker would wait for their storing."""
    batches = [[f"{number}-{place}" for place in range(200)] for number in range(40)]
    first = ScriptedWorker(_CHANCE)
    known = {ticket_id for batch in batches[:20] for ticket_id in batch}
    distribution = Dispatch[Any](batches, first, known, [], evaluate=outcomes_of, give=ScriptedWorker.give)
    assert next(distribution.outcomes()) == outcomes_of(batches[0])
    assert list(first.tasks) == [*batches[1 : dispatch.KNOWN], batches[20]]


def test_a_worker_that_is_far_ahead_evaluates_the_last_batches_speculatively(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds as many outcomes as it may and keeps further ones until they are needed; each is evaluated once."""
    monkeypatch.setattr(ScriptedWorker, "has_answer", True)
    monkeypatch.setattr(ScriptedWorker, "has_room", property(lambda worker: len(worker.ahead) < 5))
    batches = [[f"{number}-{place}" for place in range(200)] for number in range(60)]
    known = {ticket_id for batch in batches[:40] for ticket_id in batch}
    first = ScriptedWorker(_CHANCE)
    found, here = run(batches, first, known, [])
    assert first.ahead == batches[:-6:-1], "the last first, so that those between stay for this process"
    assert found == [outcomes_of(batch) for batch in batches]
    assert sorted(first.done) == sorted(batches)
    assert not here


@pytest.mark.usefixtures("busy")
def test_a_worker_with_much_to_do_gets_no_further_new_batch() -> None:
    """The caller evaluates them instead."""
    first = ScriptedWorker(_CHANCE, ahead=100_000)
    found, here = run([[str(number)] for number in range(5)], first, set(), [])
    assert found == [None] * 5
    assert not first.most_tasks
    assert not here


def test_a_worker_whose_answers_are_not_needed_yet_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers are taken, and it gets further batches, while another holds the needed one."""
    batches = [[f"{number}-{place}" for place in range(200)] for number in range(20)]
    slow, quick = ScriptedWorker(_CHANCE), ScriptedWorker(_CHANCE)
    monkeypatch.setattr(ScriptedWorker, "has_answer", property(lambda worker: worker is quick))
    distribution = Dispatch[Any](batches, None, set(), [slow, quick], evaluate=outcomes_of, give=ScriptedWorker.give)
    assert next(distribution.outcomes()) == outcomes_of(batches[0])
    assert len(quick.done) > 2
