"""One measurement in its own process: `python -m benchmarks.measure WHAT KIND URL FOLDER`; prints one JSON line.

Each result has `seconds` (wall), `cpu` (seconds of this process), `peak_mib` (resident memory), and what was read, so
that a run with an incomplete history is noticed.
"""

from __future__ import annotations

import argparse
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import requests

from benchmarks.floor import FloorFile, read_jira, read_servicenow
from benchmarks.trackers import edit, requests_since, write_settings
from capa_sync.cli.worker import workers_for
from capa_sync.daemon.cycle import run_cycle
from capa_sync.daemon.log import configure_logs
from capa_sync.daemon.reading import read_into_mirror, sign_in
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.model.clock import SystemClock
from capa_sync.settings import load_settings
from capa_sync.sources.servicenow import history
from capa_sync.store import FULL, open_register
from capa_sync.wiring import build_runtime, configure

Result = dict[str, Any]
FIRST_RULES = (
    "action-overdue", "action-planned", "actions-done-with-evidence", "correction-recorded", "due-date-moved",
    "edited-after-close", "effectiveness-before-close", "extent-assessed", "independent-review",
    "root-cause-before-action", "root-cause-substantive", "what-when-where",
)  # fmt: skip
"""The whole pack of the day on which the limit of the first cycle was met; it has three times as many rules now."""
PAGE = 500
"""Rows of a page that the ServiceNow source asks for by default."""


@contextmanager
def runtime_at(settings: Path) -> Iterator[Runtime]:
    """Open the register of a settings file and build the runtime, as `sync` does."""
    configure_logs(quiet=True)
    environ = {**os.environ, "BENCH_SECRET": "no secret"}
    configuration = configure(load_settings(settings, environ), settings, environ)
    clock = SystemClock()
    register = open_register(configuration.register_path, clock_now=clock.now())
    try:
        runtime = build_runtime(configuration, register, clock, threading.Event())
        runtime.workers = workers_for(settings)
        yield runtime
    finally:
        register.close()


def _timed(work: Callable[[], None]) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    spent = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return spent | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def floor(kind: str, url: str, folder: Path) -> Result:
    """Measure the floor of one kind of tracker."""
    file = FloorFile(folder / "floor.db")
    read = {"jira": lambda: read_jira(url, file), "servicenow": lambda: read_servicenow(url, file, PAGE)}[kind]
    result = _timed(read)
    tickets, changes = file.counts()
    return result | {"tickets": tickets, "changes": changes}


def backfill(kind: str, url: str, folder: Path, budget: str) -> Result:
    """Measure sign-in and the whole backfill into a real register, history complete."""
    with runtime_at(write_settings(folder, [("main", kind, url)], budget=budget)) as runtime:
        context = runtime.contexts["main"]
        requests_since(url)
        outcome: Result = {}
        result = _timed(lambda: outcome.update(read=read_all(runtime, context)))
        return result | outcome | _counts(runtime) | {"requests": requests_since(url)}


def read_all(runtime: Runtime, context: SourceContext) -> int:
    """Run a backfill, or continue one that was killed; return how many tickets were read."""
    now = runtime.clock.now()
    run = runtime.register.runs.start(context.name, FULL, now)
    sign_in(runtime, context, now)
    done = read_into_mirror(runtime, context, run, full=False)
    runtime.register.runs.finish(run, runtime.clock.now(), ok=True, as_of=now)
    return done.tickets


def _counts(runtime: Runtime) -> Result:
    counts = runtime.register.tickets.counts("main")
    gaps = runtime.register.reports.incomplete_histories("main")
    return {
        "tickets": counts["records"],
        "changes": counts["changes"],
        "incomplete": gaps,
        "disk_mib": _disk(runtime),
    }


def _disk(runtime: Runtime) -> float:
    """Return the size of the register with its write-ahead log, in MiB."""
    path = runtime.register.path
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*")) / 1024 / 1024


def first_cycle(kind: str, url: str, folder: Path, budget: str, rules: Sequence[str] = ()) -> Result:
    """Measure a whole first cycle: read, mirror, census, map, evaluate the shipped rules or some of them, plan."""
    settings = write_settings(folder, [("main", kind, url)], budget=budget, write_back="plan", rules=rules)
    with runtime_at(settings) as runtime:
        context = runtime.contexts["main"]
        outcome: Result = {}

        def cycle() -> None:
            result = run_cycle(runtime, context)
            assert not result.problem, result.problem
            outcome.update(result.counts, stopped=result.stopped)

        return _timed(cycle) | _counts(runtime) | outcome


def next_cycle(kind: str, url: str, folder: Path, budget: str, edits: int) -> Result:
    """Measure a cycle on a filled register: without any change, and after some tickets were edited."""
    with runtime_at(write_settings(folder, [("main", kind, url)], budget=budget, write_back="plan")) as runtime:
        context = runtime.contexts["main"]
        for _ in range(3):  # sign in, evaluate all tickets, and let the overlap settle
            assert not run_cycle(runtime, context).problem
        requests_since(url)
        quiet = _timed(lambda: _quietly(runtime, context))
        asked = requests_since(url)
        library = _timed(lambda: _ask_alone(kind, url, asked))["cpu"]
        edit(url, 100, edits)
        requests_since(url)
        outcome: Result = {}
        busy = _timed(lambda: outcome.update(run_cycle(runtime, context).counts))
        return {
            "quiet_ms": quiet["cpu"] * 1000 / QUIET,
            "quiet_own_ms": (quiet["cpu"] - library) * 1000 / QUIET,
            "quiet_requests": asked / QUIET,
            **busy,
            **outcome,
            "requests": requests_since(url),
        }


def _ask_alone(kind: str, url: str, requests_made: int) -> None:
    """Send as many requests of the same kind through the client library alone, to measure its share of a poll."""
    session = requests.Session()
    session.auth = ("capa.sync", "no secret")
    since = datetime.now(UTC) - timedelta(
        minutes=1
    )  # as a poll does; from a former day on, all answers would be large
    jql = f"(project = CAPA) AND updated >= {int(since.timestamp() * 1000)} ORDER BY updated DESC"
    newest = {"jql": jql, "fields": ["*all"]}
    for _ in range(requests_made):
        if kind == "jira":
            answer = session.post(f"{url}/rest/api/3/search/jql", data=orjson.dumps(newest))
        else:
            changed = f"sys_updated_on>{since:%Y-%m-%d %H:%M:%S}^ORDERBYsys_id"
            query = {"sysparm_query": changed, "sysparm_limit": "500"}
            answer = session.get(f"{url}/api/now/table/sn_grc_issue", params=query)
        orjson.loads(answer.content)


QUIET = 20


def _quietly(runtime: Runtime, context: SourceContext) -> None:
    for _ in range(QUIET):
        assert not run_cycle(runtime, context).problem


def main() -> None:
    """Run the measurement that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("floor", "backfill", "first_cycle", "first_cycle_12", "next_cycle"))
    parser.add_argument("kind", choices=("jira", "servicenow"))
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", default="100000/s")
    parser.add_argument("--sessions", type=int, default=history.SESSIONS, help="1: ServiceNow in one chain")
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--profile", type=Path, help="write a cProfile file there")
    given = parser.parse_args()
    history.SESSIONS = given.sessions
    work: dict[str, Callable[[], Result]] = {
        "floor": lambda: floor(given.kind, given.url, given.folder),
        "backfill": lambda: backfill(given.kind, given.url, given.folder, given.budget),
        "first_cycle": lambda: first_cycle(given.kind, given.url, given.folder, given.budget),
        "first_cycle_12": lambda: first_cycle(given.kind, given.url, given.folder, given.budget, FIRST_RULES),
        "next_cycle": lambda: next_cycle(given.kind, given.url, given.folder, given.budget, given.edits),
    }
    if given.profile:
        import cProfile

        profiler = cProfile.Profile()
        result = profiler.runcall(work[given.what])
        profiler.dump_stats(given.profile)
    else:
        result = work[given.what]()
    print(orjson.dumps(result).decode())


if __name__ == "__main__":
    main()
