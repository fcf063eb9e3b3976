"""A backfill that is killed half-way and continued, compared with an undisturbed backfill."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from benchmarks.running import TableLine, check_whole, command_of, fresh_folder, measure, measure_in
from benchmarks.trackers import ROOT, requests_since

IN_FLIGHT = 25
"""Requests that a kill may cost: ten pages in progress with their histories, and the requests of another start."""
_LOOK = 0.02
_NOT_YET = -1


def broken_backfill(url: str, tickets: int) -> TableLine:
    """Kill a backfill (SIGKILL) when half of the tickets are committed, continue it, and compare."""
    whole = measure("backfill", "jira", url)
    check_whole(whole, tickets)
    with fresh_folder() as folder:
        seconds = _killed_at(folder, url, tickets // 2)
        asked, plan_cache = requests_since(url), _committed(folder)
        rest = measure_in(folder, "backfill", "jira", url)
    check_whole(rest, tickets)
    repeated = rest["read"] - (tickets - plan_cache)
    again = asked + rest["requests"] - whole["requests"]
    ratio = (seconds + rest["seconds"]) / whole["seconds"]
    measured = (
        f"{repeated:,} of them read again, {again} requests more than {whole['requests']}, "
        f"{ratio:.2f} × the time of an unbroken one"
    )
    is_met = repeated == 0 and again <= IN_FLIGHT
    return TableLine(
        f"Jira backfill of {tickets:,}, killed after {plan_cache:,}", measured, f"0; ≤ {IN_FLIGHT} requests", is_met
    )


def _killed_at(folder: Path, url: str, tickets: int) -> float:
    """Run a backfill until so many tickets are committed, then kill it; return for how many seconds it read."""
    process = subprocess.Popen(command_of("backfill", "jira", url, folder), cwd=ROOT, stdout=subprocess.DEVNULL)
    begun = 0.0
    while (committed := _committed(folder)) < tickets:
        assert process.poll() is None, "the backfill ended before it could be killed"
        begun = begun or (time.perf_counter() if committed != _NOT_YET else 0.0)
        time.sleep(_LOOK)
    process.kill()
    process.wait()
    return time.perf_counter() - begun


def _committed(folder: Path) -> int:
    """Return how many tickets a register holds, _NOT_YET before its first run begins."""
    path = folder / "register.db"
    if not path.exists():
        return _NOT_YET
    with closing(
        sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)
    ) as db:  # read-only: the file stays as the kill left it
        try:
            if not db.execute("SELECT EXISTS (SELECT 1 FROM run)").fetchone()[0]:
                return _NOT_YET
            return int(db.execute("SELECT COUNT(*) FROM mirror").fetchone()[0])
        except sqlite3.OperationalError:
            return _NOT_YET  # its tables are not all created yet
