"""`python -m benchmarks.reporting`: how long `register report` takes for a month that has ended.

The register is filled by a first cycle over the generated tracker; then the month ends, and what each record showed
is kept as the daemon does it, some records at each cycle. The verb runs in a process of its own, start included; with
`--compare` it also runs without what was kept, and must give the same bytes.
"""

from __future__ import annotations

import argparse
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import runtime_at
from benchmarks.running import TableLine, fresh_folder, keep_bytecode, measure_in
from benchmarks.trackers import tracker
from capa_sync.daemon.kept_reviews import keep_reviews, last_month_end
from capa_sync.daemon.runtime import Runtime
from capa_sync.live.settle import settle
from capa_sync.settings import load_settings
from capa_sync.store import POLL
from capa_sync.wiring import set_up

SOURCE = "main"
LIMIT = 5.0
"""Seconds for 50,000 records on two cores."""


def lines(tickets: int, *, compare: bool) -> Iterator[TableLine]:
    """Fill a register, keep what its records showed at the end of the month, and time the report."""
    keep_bytecode()
    with fresh_folder() as folder:
        with tracker("jira", tickets) as url:
            measure_in(folder, "first_cycle", "jira", url)
        settings = folder / "capa-sync.toml"
        following = (datetime.now(UTC).replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
        with runtime_at(settings) as runtime:
            _end_month(runtime, settings, following + timedelta(days=1))
            begun = time.process_time()
            _keep_all(runtime, following + timedelta(days=1))
            each = (time.process_time() - begun) * 1000 / tickets
        yield TableLine("keeping what a record showed at a month's end", f"{each:.1f} ms", "no limit", True)
        took, cpu = _report(folder, "kept.html", following)
        what = f"register report, {tickets:,} records, the month that has ended"
        yield TableLine(what, f"{took:.1f} s (of CPU {cpu:.1f} s)", f"< {LIMIT:.0f} s", took < LIMIT)
        if compare:
            with closing(sqlite3.connect(folder / "register.db")) as register, register:
                register.execute("DELETE FROM review_made")
            took, cpu = _report(folder, "replayed.html", following)
            is_equal = (folder / "kept.html").read_bytes() == (folder / "replayed.html").read_bytes()
            what = "the same, every history replayed"
            yield TableLine(what, f"{took:.1f} s (of CPU {cpu:.1f} s)", "the same bytes", is_equal)


def _end_month(runtime: Runtime, settings: Path, at: datetime) -> None:
    """Make the set live, and store a run as after the end of the month."""
    now = runtime.clock.now()
    setup = set_up(load_settings(settings, {}), settings, {}, with_secrets=False)
    settle(setup, runtime.register, now, "benchmark", stores=True)
    run = runtime.register.runs.start(SOURCE, POLL, at)
    runtime.register.runs.finish(run, at, ok=True, as_of=at)


def _keep_all(runtime: Runtime, now: datetime) -> None:
    at = last_month_end(now, runtime.options.timezone)
    while not runtime.register.reviews.is_made(SOURCE, at):
        keep_reviews(runtime, runtime.contexts[SOURCE], now)


def _report(folder: Path, name: str, following: datetime) -> tuple[float, float]:
    """Write the report of the month that ended; return the seconds and the CPU seconds of the process."""
    last = following.date() - timedelta(days=1)
    period = ["--from", f"{last.replace(day=1)}", "--to", f"{last}"]
    command = [sys.executable, "-m", "capa_sync", "register", "report", str(folder / name), *period]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--compare", action="store_true")
    given = parser.parse_args()
    print("| what | measured | wanted | met |\n|---|---|---|---|")
    for line in lines(given.tickets, compare=given.compare):
        print(line, flush=True)


if __name__ == "__main__":
    main()
