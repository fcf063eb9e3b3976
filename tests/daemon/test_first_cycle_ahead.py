"""A whole first cycle with speculative evaluation leaves the same register as one without."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capa_sync.daemon.cycle import run_cycle
from capa_sync.daemon.runtime import Runtime
from capa_sync.sandbox.stories.script import Fill
from capa_sync.store import open_register
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW, Harness
from tests.daemon.runtimes import (
    RULES,
    TICKETS,
    EagerWorkerPool,
    create_fours,
    runtime_of,
    workers_of,
)

pytestmark = pytest.mark.usefixtures("small_batches", "forked_workers")
JUDGED = ("finding", "verdict", "due", "plan_due", "register_row", "action", "birth", "register_number", "write_out")


@pytest.fixture(scope="module")
def unread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty register for all first cycles: its id is in what they write."""
    file = tmp_path_factory.mktemp("unread") / "register.db"
    open_register(file, clock_now=NOW).close()
    return file


@contextmanager
def first_cycle(
    harness: Harness, source: str, folder: Path, unread: Path, prepare: Callable[[Runtime], None] = lambda _: None
) -> Iterator[Runtime]:
    """Yield the runtime after its first cycle of a source."""
    with runtime_of(harness, folder, unread) as runtime:
        prepare(runtime)
        result = run_cycle(runtime, runtime.contexts[source], deliver=False)
        assert result.problem == ""
        assert result.counts["judged"] == TICKETS
        yield runtime


def use_workers(runtime: Runtime) -> None:
    """Give the runtime workers that start at once."""
    runtime.workers = EagerWorkerPool(runtime.register.path.parent)


@pytest.mark.parametrize("source", ["jira-dc", "servicenow"])
def test_a_first_cycle_with_workers_leaves_every_row_as_without(
    mirrored_harness: Harness, unread: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]], source: str
) -> None:
    """Every row is equal, for one page and for several; the workers have ended when the cycle ends."""
    with first_cycle(mirrored_harness, source, tmp_path / "alone", unread) as alone:
        wanted = alone.register.rows_by_table()
    assert started == []
    assert wanted["finding"]
    assert wanted["write_out"]
    with first_cycle(mirrored_harness, source, tmp_path / "helped", unread, use_workers) as helped:
        assert helped.register.rows_by_table() == wanted
    assert [process.poll() for process in started] == [0, 0]


def test_a_ticket_edited_while_its_source_is_read_is_judged_as_it_is_then(
    make_harness: MakeHarness, tmp_path_factory: pytest.TempPathFactory, unread: Path
) -> None:
    """The worker had evaluated the ticket as it was before the edit."""
    source, folder = "servicenow", tmp_path_factory.mktemp("edited")
    harness = make_harness(source, rules=RULES, extra={source: "page_size = 10"})
    create_fours(harness, source, TICKETS)

    def edit_later(runtime: Runtime) -> None:
        use_workers(runtime)

        def edit(name: str) -> None:
            mirrored = runtime.register.tickets.record_ids(source)
            if name == "before-page-commit" and mirrored and not edited:
                workers_of(runtime).wait(source)
                edited.extend(story for story in harness.players[source].ids if harness.sys_id(story) in mirrored)
                harness.play_event(source, edited[0], Fill({"title": "Edited meanwhile", "root_cause": ""}))

        runtime.checkpoint = edit

    edited: list[str] = []
    with first_cycle(harness, source, folder / "helped", unread, edit_later) as helped:
        found = helped.register.rows_by_table()
    assert edited
    with first_cycle(harness, source, folder / "alone", unread) as alone:
        wanted = alone.register.rows_by_table()
    assert [found[name] for name in JUDGED] == [wanted[name] for name in JUDGED]
    assert "Edited meanwhile" in repr(found["register_row"])
