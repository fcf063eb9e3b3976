"""A worker evaluates speculatively while a source is first read; the results are equal to those without it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.workers import dispatch
from capa_sync.daemon.workers import pool as workers_module
from capa_sync.daemon.workers.process import EvaluationWorker
from tests.daemon.harness import Harness, until
from tests.daemon.runtimes import (
    BATCH,
    TICKETS,
    EagerWorkerPool,
    Judged,
    judge,
    runtime_of,
    workers_of,
)

pytestmark = pytest.mark.usefixtures("small_batches", "forked_workers")
Popen = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def alone(mirrored_harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The result of judging without a worker."""
    with runtime_of(mirrored_harness, tmp_path_factory.mktemp("alone") / "harness") as runtime:
        return judge(runtime)


@pytest.fixture
def runtime(mirrored_harness: Harness, tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on a copy of the harness, whose workers start at once."""
    with runtime_of(mirrored_harness, tmp_path / "harness") as eager_runtime:
        eager_runtime.workers = EagerWorkerPool(tmp_path / "harness")
        yield eager_runtime
        for source in mirrored_harness.names:
            eager_runtime.workers.dismiss(source)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of tickets of each task that a worker was given, in order."""
    sizes: list[int] = []
    original = EvaluationWorker.give

    def give(worker: EvaluationWorker, task: Any) -> None:
        sizes.append(len(task.ids))
        original(worker, task)

    monkeypatch.setattr(EvaluationWorker, "give", give)
    return sizes


def note_mirrored(runtime: Runtime, source: str = "jira-dc", total: int | None = None) -> None:
    """Report to the worker pool that all records of a source were just mirrored."""
    workers_of(runtime).speculate(
        runtime.inputs(runtime.contexts[source], runtime.clock.now()),
        runtime.register.tickets.record_ids(source),
        total,
    )


@pytest.mark.parametrize("at_a_time", [5, 500])
def test_with_speculative_evaluation_every_row_is_as_without(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """Verdicts, findings, register numbers, rows, due times and plans are equal, with all or some speculative."""
    monkeypatch.setattr(workers_module, "AHEAD", at_a_time)
    note_mirrored(runtime)
    assert judge(runtime) == alone
    assert alone[0]["judged"] == TICKETS
    assert alone[2]


@pytest.mark.parametrize("held", [1, 2, 5])
def test_batches_are_given_out_a_few_at_a_time(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """There are six batches; their results are stored in order."""
    for limit in ("KNOWN", "NEW", "OWN"):
        monkeypatch.setattr(dispatch, limit, held)
    every_second = runtime.register.tickets.record_ids("jira-dc")[1::2]
    workers_of(runtime).speculate(
        runtime.inputs(runtime.contexts["jira-dc"], runtime.clock.now()), every_second, None
    )
    assert judge(runtime) == alone


def test_a_batch_that_is_known_in_part_is_stored_in_its_order(
    runtime: Runtime, alone: Judged, given: list[int]
) -> None:
    """The worker knows three of four tickets and evaluates the fourth; register numbers follow the ids."""
    ids = runtime.register.tickets.record_ids("jira-dc")
    known = [ticket_id for number, ticket_id in enumerate(ids) if number % 4]
    workers_of(runtime).speculate(runtime.inputs(runtime.contexts["jira-dc"], runtime.clock.now()), known, None)
    assert judge(runtime) == alone
    assert given[1:] == [BATCH] * (TICKETS // BATCH)


def test_this_process_evaluates_while_a_worker_starts(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, started: list[Popen], given: list[int]
) -> None:
    """Batches that would wait for a worker are evaluated here, with the same result."""
    monkeypatch.setattr(dispatch, "OWN", 8)
    monkeypatch.setattr(dispatch, "ENOUGH", 1)
    assert judge(runtime) == alone
    assert len(started) == 2
    assert given.count(BATCH) < TICKETS // BATCH


def test_what_was_evaluated_speculatively_is_not_evaluated_again(runtime: Runtime, alone: Judged) -> None:
    """No raw part is read again: the test overwrites them all."""
    note_mirrored(runtime)
    workers_of(runtime).wait()
    runtime.register._db.execute("UPDATE part SET body = 'spoilt'")
    counts, tables, plans = judge(runtime)
    assert (counts, plans) == (alone[0], alone[2])
    assert {name for name in tables if tables[name] != alone[1][name]} == {"part"}


@pytest.mark.parametrize("when", ["at work", "done", "noticed"])
def test_a_worker_killed_after_speculative_evaluation_loses_nothing(
    runtime: Runtime, alone: Judged, started: list[Popen], when: str
) -> None:
    """`kill -9` loses nothing and doubles nothing; once it is noticed, another worker is started."""
    note_mirrored(runtime)
    if when == "done":
        workers_of(runtime).wait()
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    if when == "noticed":
        killed = workers_of(runtime).ahead()

        def is_noticed() -> bool:
            workers_of(runtime).speculate(runtime.inputs(runtime.contexts["jira-dc"], runtime.clock.now()), [], None)
            return killed.is_lost

        until(is_noticed)
    assert judge(runtime) == alone
    assert len(started) == (3 if when == "noticed" else 2)


def test_a_source_that_is_dismissed_has_no_worker_any_more(runtime: Runtime, started: list[Popen]) -> None:
    """The worker process ends; dismissing a source without a worker does nothing."""
    note_mirrored(runtime)
    workers_of(runtime).dismiss("servicenow")
    assert started[0].poll() is None
    workers_of(runtime).dismiss("jira-dc")
    assert started[0].poll() is not None  # it ended by itself, or this process ended it because it was slow
    workers_of(runtime).dismiss("jira-dc")


def test_judging_dismisses_the_worker_too(runtime: Runtime, started: list[Popen]) -> None:
    """No worker outlives the cycle; the speculative one is one of two, and no third is started."""
    note_mirrored(runtime)
    judge(runtime)
    assert [process.poll() for process in started] == [0, 0]


def test_one_source_at_a_time_is_evaluated_speculatively(runtime: Runtime, started: list[Popen]) -> None:
    """Another source waits until the first has dismissed its worker; then it is evaluated speculatively, too."""
    note_mirrored(runtime)
    note_mirrored(runtime, "servicenow")
    assert len(started) == 1
    workers_of(runtime).dismiss("jira-dc")
    note_mirrored(runtime, "servicenow")
    assert len(started) == 2
    workers_of(runtime).wait("servicenow")
    assert workers_of(runtime)._ahead["servicenow"].seen == set(runtime.register.tickets.record_ids("servicenow"))


@pytest.mark.parametrize(
    ("options", "total", "is_worth_it"),
    [
        ({"worth": TICKETS}, None, True),
        ({"worth": TICKETS + 1}, TICKETS, False),
        ({"worth": TICKETS + 1}, None, False),
        ({"worth": TICKETS + 1}, TICKETS + 1, True),
        ({"cores": 1}, None, False),
    ],
)
def test_a_worker_is_started_where_it_pays(
    runtime: Runtime, started: list[Popen], options: dict[str, int], total: int | None, is_worth_it: bool
) -> None:
    """A worker is started when enough tickets were read or announced, and there is a second core."""
    runtime.workers = EagerWorkerPool(runtime.register.path.parent, **options)
    note_mirrored(runtime, total=total)
    runtime.workers.dismiss("jira-dc")
    assert len(started) == is_worth_it
