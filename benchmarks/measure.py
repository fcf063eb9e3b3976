"""One measurement in its own process: `python -m benchmarks.measure WHAT KIND URL FOLDER`; prints one JSON line.

Each result has `seconds` (wall), `cpu` (seconds of this process), `peak_mib` (resident memory), and what was read, so
that a run with an incomplete history is noticed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from jira import JIRA

from benchmarks.floor import FloorFile, read_jira, read_servicenow
from benchmarks.trackers import SERVICENOW_TABLE, edit, requests_since, write_settings
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

warnings.filterwarnings("ignore", message="Missing the python-magic library")
import pysnow  # noqa: E402

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
        own, asked = _quiet_polls(runtime, context, kind, url)
        edit(url, 100, edits)
        requests_since(url)
        outcome: Result = {}
        busy = _timed(lambda: outcome.update(run_cycle(runtime, context).counts))
        return {
            "quiet_own_ms": own,
            "quiet_requests": asked,
            **busy,
            **outcome,
            "requests": requests_since(url),
        }


def _quiet_polls(runtime: Runtime, context: SourceContext, kind: str, url: str) -> tuple[float, float]:
    """Return milliseconds of CPU of a poll without a change, besides the client library's, and its requests.

    Both are timed in turns, because the speed of a machine changes from second to second; the median turn counts.
    """
    ask = {"jira": _asking_jira, "servicenow": _asking_servicenow}[kind](url)
    own, asked = [], 0
    for _ in range(TURNS):
        requests_since(url)
        polls = _timed(lambda: _quietly(runtime, context))["cpu"]
        asked = requests_since(url)
        library = _timed(partial(_repeatedly, ask, asked))["cpu"]
        own.append((polls - library) * 1000 / QUIET)
    return statistics.median(own), asked / QUIET


def _asking_jira(url: str) -> Callable[[], object]:
    """Return what sends a request for the last minute, as a poll does, through the client library alone."""
    client = JIRA(server=url, basic_auth=("capa.sync", "no secret"), get_server_info=False, max_retries=0)
    since = datetime.now(UTC) - timedelta(minutes=1)  # from a former day on, all answers would be large
    jql = f"(project = CAPA) AND updated >= {int(since.timestamp() * 1000)} ORDER BY updated DESC"
    body = {"jql": jql, "fields": ["*all"]}
    session = client._session
    return lambda: session.post(f"{url}/rest/api/3/search/jql", data=orjson.dumps(body)).json()


def _asking_servicenow(url: str) -> Callable[[], object]:
    """Return what sends a request for the last minute, as a poll does, through the client library alone."""
    host = url.removeprefix("http://")
    client = pysnow.Client(host=host, user="capa.sync", password="no secret", use_ssl=False)  # noqa: S106
    since = datetime.now(UTC) - timedelta(minutes=1)
    query = f"sys_updated_on>{since:%Y-%m-%d %H:%M:%S}^ORDERBYsys_id"
    return lambda: client.resource(api_path=f"/table/{SERVICENOW_TABLE}").get(query=query, limit=PAGE).all()


def _repeatedly(ask: Callable[[], object], times: int) -> None:
    for _ in range(times):
        ask()


QUIET = 10
"""Polls in one turn."""
TURNS = 15


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
