"""Runs each measurement in its own process; a result becomes a line of the table."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.trackers import ROOT

Result = dict[str, Any]
ITEMS_A_TICKET = 8.4


@dataclass(frozen=True, slots=True)
class TableLine:
    """One line of the table."""

    what: str
    measured: str
    wanted: str
    is_met: bool

    def __str__(self) -> str:
        return f"| {self.what} | {self.measured} | {self.wanted} | {'yes' if self.is_met else '**no**'} |"


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Yield a new folder and delete it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="capa-sync-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def keep_bytecode() -> None:
    """Compile the program, and let the verbs that follow use it, as an installed package does."""
    compileall.compile_dir(ROOT / "capa_sync", quiet=1)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def command_of(what: str, kind: str, url: str, folder: Path, *options: str) -> list[str]:
    """Return the command of one measurement."""
    return [sys.executable, "-m", "benchmarks.measure", what, kind, url, str(folder), *options]


def measure_in(folder: Path, what: str, kind: str, url: str, *options: str) -> Result:
    """Run one measurement in a folder. Raises CalledProcessError when it fails."""
    done = subprocess.run(command_of(what, kind, url, folder, *options), cwd=ROOT, check=True, stdout=subprocess.PIPE)
    result: Result = orjson.loads(done.stdout)
    print(f"  {kind} {what} {' '.join(options)}: {done.stdout.decode().strip()}", file=sys.stderr, flush=True)
    return result


def measure(what: str, kind: str, url: str, *options: str) -> Result:
    """Run one measurement in a new folder. Raises CalledProcessError when it fails."""
    with fresh_folder() as folder:
        return measure_in(folder, what, kind, url, *options)


def check_whole(result: Result, tickets: int, more_changes: int = 0) -> None:
    """Raise AssertionError when tickets or changes are missing; `more_changes` come on top of those of the pool."""
    assert result["tickets"] == tickets, result
    assert result["changes"] == tickets * ITEMS_A_TICKET + more_changes, result
    assert not result.get("incomplete"), result
