"""A cycle's work depends on what changed on the tracker, never on how much is mirrored; counted, not timed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.measure import runtime_at
from benchmarks.trackers import edit, tracker, write_settings
from capa_sync.daemon.cycle import CycleResult, run_cycle
from capa_sync.daemon.runtime import Runtime


class Steps:
    """Counts the instructions of SQLite's virtual machine."""

    taken = 0

    def take(self) -> int:
        """Count one; 0 lets the statement go on."""
        self.taken += 1
        return 0


@contextmanager
def counted(runtime: Runtime) -> Iterator[Steps]:
    """Count the steps of every connection of a register."""
    database = runtime.register._db
    connections: list[sqlite3.Connection] = [database.writer.conn, database._connections.reader().connection]
    steps = Steps()
    for connection in connections:
        connection.set_progress_handler(steps.take, 1)
    try:
        yield steps
    finally:
        for connection in connections:
            connection.set_progress_handler(None, 1)
    assert len(database._connections._readers) == 1, "a connection was opened that is not counted"


def settled_cycle(runtime: Runtime) -> CycleResult:
    """Run one cycle and assert that it had no problem."""
    result = run_cycle(runtime, runtime.contexts["main"])
    assert not result.problem, result.problem
    return result


def work(folder: Path, kind: str, mode: str, mirrored: int) -> tuple[int, int, int]:
    """Return SQLite's steps and the tickets judged after five edits, and the steps after none."""
    folder.mkdir()
    with tracker(kind, mirrored) as url:
        settings = write_settings(folder, [("main", kind, url)], write_back=mode)
        with runtime_at(settings) as runtime:
            for _ in range(3):
                settled_cycle(runtime)
            with counted(runtime) as idle:
                settled_cycle(runtime)
            edit(url, 50, 5)
            with counted(runtime) as busy:
                result = settled_cycle(runtime)
    assert result.counts["read"] == 5
    return busy.taken, result.counts["judged"], idle.taken


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["off", "plan"])
@pytest.mark.parametrize("kind", ["jira", "servicenow"])
def test_a_cycle_reads_no_more_of_a_larger_mirror(tmp_path: Path, kind: str, mode: str) -> None:
    """Five edits, or none, cost the same number of SQLite's steps with 100 and with 1,000 tickets mirrored.

    Each statement that reads a table or a source's part of it adds at least one step per ticket: in `plan` mode also
    those over the hundreds of warnings that are held back.
    """
    small, large = (work(tmp_path / str(size), kind, mode, size) for size in (100, 1_000))
    assert small[0] > 5_000, "five tickets were read, stored and judged"
    assert large == pytest.approx(small, rel=0.02)
