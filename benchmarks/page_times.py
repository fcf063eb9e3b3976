"""How long the server takes for each page of a register of 20,000 tickets, judged by the shipped rules."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests

from benchmarks.running import TableLine, fresh_folder, measure_in
from benchmarks.trackers import tracker
from capa_sync.model.page import PageOptions
from capa_sync.web import serve_register

TICKETS = 20_000
ROUNDS = 5
LIMITS: Mapping[str, int] = {"Today": 300, "Record": 300, "Register": 600}
"""Milliseconds on 2 cores; other pages have no limit."""
_FILE = "register.db"


def page_times(tickets: int = TICKETS) -> Iterator[TableLine]:
    """Fill a register with a first cycle, and time its pages; the first answer of each is not counted."""
    with fresh_folder() as folder, tracker("jira", tickets) as url:
        measure_in(folder, "first_cycle", "jira", url)
        page = serve_register(next(folder.rglob(_FILE)), "127.0.0.1:0", PageOptions())
        try:
            yield from _lines(page.url, folder, tickets)
        finally:
            page.stop()


def _lines(url: str, folder: Path, tickets: int) -> Iterator[TableLine]:
    first = requests.get(f"{url}register/v_register.json?_shape=array&_size=1", timeout=60).json()[0]
    pages = {
        "Today": "",
        "Record": f"record?source={first['source']}&ticket={first['ticket_id']}",
        "Register": "records",
        "Register, searched": "records?q=review",
        "Register, new warnings": "records?warning=new",
        "Rules": "rules",
        "Trends": "trends",
        "Sync": "sync",
    }
    size = sum(file.stat().st_size for file in folder.rglob(f"{_FILE}*")) / 1024 / 1024
    for name, path in pages.items():
        times = [_milliseconds(url + path) for _ in range(ROUNDS + 1)][1:]
        took, cpu = (statistics.median(values) for values in zip(*times, strict=True))
        limit = LIMITS.get(name.partition(",")[0])
        wanted = f"< {limit} ms" if limit else "no limit"
        what = f"page {name}, {tickets:,} tickets, {size:.0f} MiB"
        yield TableLine(what, f"{took:.0f} ms (of CPU {cpu:.0f} ms)", wanted, limit is None or took < limit)


def _milliseconds(address: str) -> tuple[float, float]:
    """Return the time of one answer and the CPU time of server and client, which share this process."""
    begun, cpu = time.perf_counter(), time.process_time()
    answer = requests.get(address, timeout=120)
    took = time.perf_counter() - begun, time.process_time() - cpu
    assert answer.status_code == 200, answer.text
    return took[0] * 1000, took[1] * 1000
