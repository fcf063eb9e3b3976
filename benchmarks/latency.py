"""Time from an edit on a tracker to the warning on the ticket, as users see it: a real daemon with many sources.

`python -m benchmarks.latency --sources 20 --tickets 2500` prints one JSON line.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from benchmarks.measure import runtime_at
from benchmarks.trackers import tracker, write_settings
from capa_sync.daemon.cycle import run_cycle
from capa_sync.daemon.daemon import Daemon
from capa_sync.daemon.runtime import Runtime

EDITS = 3
"""Tickets that are closed too early on each source."""
PATIENCE = 60.0


def _get(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - loopback
        return orjson.loads(answer.read())


def _settle(runtime: Runtime) -> None:
    """Backfill every source and send its first warnings, so that later only the edits are measured."""
    for name, context in runtime.contexts.items():
        runtime.register.outbox.release(name, None, runtime.clock.now())
        for _ in range(2):
            result = run_cycle(runtime, context)
            assert not result.problem, result.problem
            assert not result.stopped, result.stopped
        assert not list(runtime.register.outbox.open(name)), "writes that did not arrive would be looked up later"


def _quiet(url: str, tickets: int) -> list[int]:
    """Return tickets that are open and have no comment of ours.

    The issues that the tracker sends do not contain our comments: on a ticket with an older warning, our comment
    would look deleted.
    """
    warned = set(_get(f"{url}/rest/api/3/written"))
    return [number for number in range(tickets) if number % 12 and str(number) not in warned]  # see lives.py


def _close_some(urls: list[str], tickets: int, dice: random.Random) -> dict[tuple[str, str], float]:
    """Close tickets at random moments during ten polls; return when each was closed."""
    edits = {}
    places = [(url, str(number)) for url in urls for number in dice.sample(_quiet(url, tickets), EDITS)]
    dice.shuffle(places)
    for url, number in places:
        time.sleep(dice.random() * 2 * 50 / len(places))
        edits[url, number] = time.time()
        _get(f"{url}/rest/api/3/close/{number}")
    return edits


def _wait_for(edits: dict[tuple[str, str], float]) -> list[float]:
    """Wait until every edit is followed by a warning; return the seconds that each warning took."""
    deadline = time.time() + PATIENCE
    while True:
        seen = {url: _get(f"{url}/rest/api/3/written") for url, _number in edits}
        took = [seen[url].get(number, 0) - at for (url, number), at in edits.items()]
        if all(seconds > 0 for seconds in took) or time.time() > deadline:
            return [seconds for seconds in took if seconds > 0]
        time.sleep(1)


def measure_latency(sources: int, tickets: int) -> dict[str, Any]:
    """Run the daemon over so many sources, edit tickets, and return how long the warnings took."""
    with ExitStack() as stack:
        urls = [stack.enter_context(tracker("jira", tickets)) for _ in range(sources)]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="capa-sync-bench-")))
        named = [(f"site{number}", "jira", url) for number, url in enumerate(urls)]
        runtime = stack.enter_context(runtime_at(write_settings(folder, named, poll="5s", write_back="on")))
        _settle(runtime)
        running = threading.Thread(target=Daemon(runtime).run)
        running.start()
        time.sleep(10)
        edits = _close_some(urls, tickets, random.Random(16))  # noqa: S311 - the same in every run
        took = _wait_for(edits)
        runtime.stop.set()
        running.join()
    ordered = sorted(took)
    return {
        "edits": len(edits),
        "answered": len(took),
        "median_s": statistics.median(took),
        "p90_s": ordered[int(len(ordered) * 0.9)],
    }


def main() -> None:
    """Run the measurement with the sizes of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sources", type=int, default=20)
    parser.add_argument("--tickets", type=int, default=50)
    given = parser.parse_args()
    print(orjson.dumps(measure_latency(given.sources, given.tickets)).decode())


if __name__ == "__main__":
    main()
