"""CPU time of starting a command, against a bare Python and against the bare import of the libraries it needs."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from benchmarks.running import TableLine, fresh_folder
from benchmarks.trackers import ROOT
from capa_sync.store import open_register

NOTHING = (sys.executable, "-c", "pass")
LIBRARIES = (
    sys.executable,
    "-c",
    "import sys; sys.modules |= {'pandas': None, 'numpy': None}; import pydantic_settings, sqlite_utils, click",
)
"""Without pandas and numpy, which sqlite-utils loads where they are installed."""
VERB = (sys.executable, "-m", "capa_sync")
Verb = Callable[[], tuple[str, ...]]
AT_MOST_NOTHING, AT_MOST_LIBRARIES = 15, 2


def starts(rounds: int) -> Iterator[TableLine]:
    """Start each command in turn with its floor; the median ratio of the rounds counts."""
    with fresh_folder() as folder:
        settings = folder / "there" / "capa-sync.toml"
        _run(*VERB, "init", str(settings.parent))
        open_register(settings.parent / "register.db", clock_now=datetime.now(UTC)).close()
        new = (str(folder / f"new-{number}") for number in itertools.count())
        yield _line("`--help`", NOTHING, "`python -c pass`", AT_MOST_NOTHING, rounds, lambda: ("--help",))
        yield _line("`init`", NOTHING, "`python -c pass`", AT_MOST_NOTHING, rounds, lambda: ("init", next(new)))
        name = "the import of pydantic-settings, sqlite-utils and click"
        status = ("status", "--config", str(settings))
        yield _line("`status`, new register", LIBRARIES, name, AT_MOST_LIBRARIES, rounds, lambda: status)


def _line(what: str, floor: tuple[str, ...], name: str, limit: float, rounds: int, verb: Verb) -> TableLine:
    ratios = [_run(*VERB, *verb()) / _run(*floor) for _ in range(rounds)]
    ratio = statistics.median(ratios)
    return TableLine(f"start of {what}", f"{ratio:.1f} × {name}", f"≤ {limit} ×", ratio <= limit)


def _run(*command: str) -> float:
    """Run a command to its end and return its CPU time in seconds. Raises CalledProcessError."""
    before = _children()
    subprocess.run(command, cwd=ROOT, env=dict(os.environ), check=True, capture_output=True)
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
