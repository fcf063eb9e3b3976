"""Runtimes in this process over the trackers of a harness, for tests that look between the steps of a cycle."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from capa_sync.cli.worker import worker_command
from capa_sync.daemon.judging import judge_due_tickets, pass_to_primaries
from capa_sync.daemon.reading import read_into_mirror, sign_in
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.workers import WorkerPool
from capa_sync.daemon.workers.process import EvaluationWorker
from capa_sync.model.clock import FileClock
from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill
from capa_sync.settings import load_settings
from capa_sync.store import POLL, open_register
from capa_sync.wiring import bind_as_last_known, build_runtime, configure
from tests.daemon.harness import FACTS, Harness, until

TICKETS = 24
BATCH = 4
RULES = ("what-when-where", "owner-active", "root-cause-before-action", "action-overdue", "root-cause-substantive")
Judged = tuple[dict[str, int], dict[str, list[Any]], dict[str, Any]]


def create_fours(harness: Harness, source: str, count: int) -> None:
    """Create so many tickets, of four kinds in turn: broken, clean, vague, and with an action ticket."""
    for n in range(count // 4):
        harness.create_broken(source, f"broken {n}")
        harness.create_clean(source, f"clean {n}")
        harness.play_event(source, f"vague {n}", Create({"title": "Backup", "owner": "priya.nair"}))
        harness.play_event(source, f"parent {n}", Create(FACTS))
        harness.play_event(
            source, f"parent {n}", AddAction("Change the checklist", Day(-3), "subtask", "tomasz.zielinski")
        )
        harness.play_event(source, f"parent {n}", Fill({"root_cause": "Nobody was named as deputy"}))


@contextmanager
def runtime_of(harness: Harness, folder: Path, register: Path | None = None) -> Iterator[Runtime]:
    """Build a runtime in a copy of the harness's folder, tracker included; its clock is the harness's.

    `register` is copied instead of the harness's, which may have none.
    """
    shutil.copytree(harness.folder, folder)
    if register is not None:
        shutil.copy(register, folder / "register.db")
    settings = folder / "capa-sync.toml"
    configuration = configure(load_settings(settings, {}), settings, harness.env)
    clock = FileClock(harness.folder / "clock")
    with open_register(configuration.register_path, clock_now=clock.now()) as opened:
        runtime = build_runtime(configuration, opened, clock, threading.Event(), write_mode="plan")
        bind_as_last_known(runtime)
        yield runtime


def read(runtime: Runtime, source: str) -> None:
    """Read what changed on a tracker into the mirror; nothing is judged."""
    context, now = runtime.contexts[source], runtime.clock.now()
    sign_in(runtime, context, now)
    read_into_mirror(runtime, context, runtime.register.runs.start(source, POLL, now), full=False)


def judge(runtime: Runtime, source: str = "jira-dc") -> Judged:
    """Judge what is due; return counts, all tables, and the plans in the cache."""
    context, now = runtime.contexts[source], runtime.clock.now()
    pass_to_primaries(runtime, context, now)
    counts = judge_due_tickets(runtime, context, now)
    plans = {ticket_id: context.plans.take(ticket_id) for ticket_id in runtime.register.tickets.record_ids(source)}
    return (
        counts,
        runtime.register.rows_by_table(),
        {ticket_id: plan.plan() for ticket_id, plan in plans.items() if plan is not None},
    )


class EagerWorkerPool(WorkerPool):
    """A pool whose workers start at once."""

    def __init__(self, folder: Path, **options: int) -> None:
        super().__init__(worker_command(folder / "capa-sync.toml"), **{"cores": 3, "worth": 1, **options})

    def ahead(self, source: str = "jira-dc") -> EvaluationWorker:
        """Return the worker of speculative evaluation."""
        worker = self._ahead[source].worker
        assert worker is not None
        return worker

    def wait(self, source: str = "jira-dc") -> None:
        """Wait until that worker has evaluated all that it was given."""
        worker = self.ahead(source)
        while worker._sent:
            until(lambda: not worker._answers.empty())
            worker.take_receipts()


def workers_of(runtime: Runtime) -> EagerWorkerPool:
    """Return the runtime's worker pool."""
    assert isinstance(runtime.workers, EagerWorkerPool)
    return runtime.workers
