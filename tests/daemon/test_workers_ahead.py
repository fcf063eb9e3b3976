"""A clerk weighs ahead while a source is read for the first time, and nothing comes out differently for it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import judging
from capa_sync.daemon import worker_pool as workers_module
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.worker import EvaluationWorker
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import Harness, until
from tests.daemon.runtimes import (
    TICKETS,
    EagerWorkerPool,
    Judged,
    judge,
    mirrored_harness,
    runtime_of,
    workers_of,
)

BATCH = 4
Popen = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Two trackers, mirrored and never judged."""
    return mirrored_harness(shared_harness, tmp_path_factory.mktemp("read") / "harness")


@pytest.fixture(scope="module")
def alone(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """What judging without any clerk comes to."""
    with runtime_of(harness, tmp_path_factory.mktemp("alone") / "harness") as runtime:
        return judge(runtime)


@pytest.fixture(autouse=True)
def _for_workers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches, none of them for this process."""
    monkeypatch.setattr(judging, "BATCH", BATCH)
    monkeypatch.setattr(workers_module, "_HERE", 1e9)


@pytest.fixture
def runtime(harness: Harness, tmp_path: Path) -> Iterator[Runtime]:
    """A copy of the desk with eager clerks."""
    with runtime_of(harness, tmp_path / "harness") as eager_runtime:
        eager_runtime.workers = EagerWorkerPool(tmp_path / "harness")
        yield eager_runtime
        for source in harness.names:
            eager_runtime.workers.dismiss(source)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tickets each task held that a clerk was given, in order."""
    sizes: list[int] = []
    original = EvaluationWorker.give

    def give(worker: EvaluationWorker, task: Any) -> None:
        sizes.append(len(task.ids))
        original(worker, task)

    monkeypatch.setattr(EvaluationWorker, "give", give)
    return sizes


def note_mirrored(runtime: Runtime, source: str = "jira-dc", total: int | None = None) -> None:
    """Tell that all records of a source were just mirrored."""
    workers_of(runtime).speculate(
        runtime.inputs(runtime.setups[source], runtime.clock.now()),
        runtime.register.tickets.record_ids(source),
        total,
    )


@pytest.mark.parametrize("at_a_time", [5, 500])
def test_weighed_ahead_every_row_is_as_without(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    """Verdicts, findings, register numbers, rows, due times and plans, whether all was weighed ahead or some."""
    monkeypatch.setattr(workers_module, "AHEAD", at_a_time)
    note_mirrored(runtime)
    assert judge(runtime) == alone
    assert alone[0]["judged"] == TICKETS
    assert alone[2]


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_batches_are_shared_out_a_few_at_a_time(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, horizon: int
) -> None:
    """There are six of them; each comes back in its turn."""
    monkeypatch.setattr(workers_module, "HORIZON", horizon)
    monkeypatch.setattr(workers_module, "_HERE", 0.9)
    monkeypatch.setattr(workers_module, "_START", 0)
    every_second = runtime.register.tickets.record_ids("jira-dc")[1::2]
    workers_of(runtime).speculate(runtime.inputs(runtime.setups["jira-dc"], runtime.clock.now()), every_second, None)
    assert judge(runtime) == alone


def test_a_batch_that_two_clerks_share_is_stored_in_its_order(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, given: list[int]
) -> None:
    """One knows every second ticket of it, another weighs the rest; register numbers follow the ids."""
    monkeypatch.setattr(workers_module, "_START", 0)
    every_second = runtime.register.tickets.record_ids("jira-dc")[1::2]
    workers_of(runtime).speculate(runtime.inputs(runtime.setups["jira-dc"], runtime.clock.now()), every_second, None)
    assert judge(runtime) == alone
    assert {BATCH // 2, BATCH} <= set(given)


def test_a_batch_that_a_clerk_shares_with_this_process_is_stored_in_its_order(
    runtime: Runtime, alone: Judged, monkeypatch: pytest.MonkeyPatch, given: list[int]
) -> None:
    """He knows every second ticket of each batch, and the rest is weighed here."""
    monkeypatch.setattr(workers_module, "_HERE", -1e9)
    runtime.workers = EagerWorkerPool(runtime.register.path.parent, cores=2)
    every_second = runtime.register.tickets.record_ids("jira-dc")[1::2]
    workers_of(runtime).speculate(runtime.inputs(runtime.setups["jira-dc"], runtime.clock.now()), every_second, None)
    assert judge(runtime) == alone
    assert given[1:] == [BATCH // 2] * (TICKETS // BATCH)


def test_this_process_weighs_while_a_clerk_starts(runtime: Runtime, alone: Judged, started: list[Popen]) -> None:
    """Batches that would wait for him are weighed here; it comes to the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers_module, "_HERE", 0.9)
        assert judge(runtime) == alone
    assert len(started) == 2


def test_what_was_weighed_ahead_is_not_weighed_again(runtime: Runtime, alone: Judged) -> None:
    """No raw part is read any more: they may hold anything by then."""
    note_mirrored(runtime)
    workers_of(runtime).wait()
    runtime.register._db.execute("UPDATE part SET body = 'spoilt'")
    counts, tables, plans = judge(runtime)
    assert (counts, plans) == (alone[0], alone[2])
    assert {name for name in tables if tables[name] != alone[1][name]} == {"part"}


@pytest.mark.parametrize("when", ["at work", "done", "noticed"])
def test_a_clerk_killed_after_weighing_ahead_is_not_missed(
    runtime: Runtime, alone: Judged, started: list[Popen], when: str
) -> None:
    """`kill -9` loses nothing and doubles nothing; once it is noticed, another takes his place."""
    note_mirrored(runtime)
    if when == "done":
        workers_of(runtime).wait()
    started[0].send_signal(signal.SIGKILL)
    started[0].wait()
    if when == "noticed":
        killed = workers_of(runtime).ahead()

        def is_noticed() -> bool:
            workers_of(runtime).speculate(runtime.inputs(runtime.setups["jira-dc"], runtime.clock.now()), [], None)
            return killed.is_lost

        until(is_noticed)
    assert judge(runtime) == alone
    assert len(started) == (3 if when == "noticed" else 2)


def test_a_source_that_is_dismissed_has_no_clerk_any_more(runtime: Runtime, started: list[Popen]) -> None:
    """Its process ends; dismissing nobody does nothing."""
    note_mirrored(runtime)
    workers_of(runtime).dismiss("servicenow")
    assert started[0].poll() is None
    workers_of(runtime).dismiss("jira-dc")
    assert started[0].poll() is not None  # by itself, or ended by us where it is slow to do so
    workers_of(runtime).dismiss("jira-dc")


def test_judging_dismisses_him_too(runtime: Runtime, started: list[Popen]) -> None:
    """No clerk outlives the cycle; he is one of two, no third is started."""
    note_mirrored(runtime)
    judge(runtime)
    assert [process.poll() for process in started] == [0, 0]


def test_one_source_at_a_time_is_weighed_ahead(runtime: Runtime, started: list[Popen]) -> None:
    """Another waits until the first is done with its clerk; then what waited is weighed ahead, too."""
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
def test_a_clerk_is_started_where_it_pays(
    runtime: Runtime, started: list[Popen], options: dict[str, int], total: int | None, is_worth_it: bool
) -> None:
    """Enough was read, enough is promised, and there is a second core."""
    runtime.workers = EagerWorkerPool(runtime.register.path.parent, **options)
    note_mirrored(runtime, total=total)
    runtime.workers.dismiss("jira-dc")
    assert len(started) == is_worth_it
