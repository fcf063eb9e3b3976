"""How long `register pack` takes, from the start of its process to the complete zip, beside a large register."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.running import TableLine, fresh_folder, keep_bytecode
from benchmarks.trackers import ROOT, tracker, write_settings

SECONDS = 2.0
"""What it may take on 2 cores."""
ROUNDS = 5
_VERB = (sys.executable, "-m", "capa_sync")
_TICKET = "CAPA-1"


def packing(tickets: int) -> Iterator[TableLine]:
    """Fill a register with a first cycle, and pack one ticket several times; the median counts."""
    keep_bytecode()
    with fresh_folder() as folder, tracker("jira", tickets) as url:
        settings = write_settings(folder, [("main", "jira", url)], write_back="plan")
        _run(settings, "sync")
        os.sync()  # a gigabyte of register would be written to the disk beside the packs
        pack = ("register", "pack", _TICKET, "--output", str(folder / "pack.zip"))
        times = [_run(settings, *pack) for _ in range(ROUNDS)]
    took, cpu = (statistics.median(values) for values in zip(*times, strict=True))
    shown = f"{took:.1f} s (of CPU {cpu:.1f} s)"
    yield TableLine(f"evidence pack of one of {tickets:,} tickets", shown, f"≤ {SECONDS:.0f} s", took <= SECONDS)


def _run(settings: Path, *verb: str) -> tuple[float, float]:
    """Run a verb to its end; return its seconds, and those of CPU time. Raises CalledProcessError."""
    begun, before = time.perf_counter(), _children()
    environ = {**os.environ, "BENCH_SECRET": "no secret"}
    command = [*_VERB, *verb, "--config", str(settings)]
    subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True)
    return time.perf_counter() - begun, _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
