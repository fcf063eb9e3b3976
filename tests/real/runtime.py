"""A real tracker's data served by a sandbox Jira, and the daemon's own `sync` as a process beside it."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraSandboxSettings, JiraTracker
from tests.absent_data import DATA, needs

HERE = Path(__file__).parent
AEA = DATA / "jira-cloud-aea" / "changes-2023-12-to-2025-02.jsonl.gz"
AEA_OLD = DATA / "jira-cloud-aea" / "changes-until-2022-12.jsonl.gz"
needs_data = needs(DATA)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""The instant at which the tracker is first read, later than everything in the data."""

Json = dict[str, Any]

_SETTINGS = """register = "register.db"
rules = ["{rules}"]
[write_back]
mode = "{mode}"
settle = "0s"
max_new_comments_per_day = 1000
[sources.real]
kind = "jira"
url = "{url}"
query = "project is not EMPTY"
mapping = "{mapping}"
request_budget = "1000/s"
auth = {auth}
"""
_AUTH = {
    "cloud": f'{{ method = "basic", user = "{API_EMAIL}", token_env = "TOKEN" }}',
    "datacenter": '{ method = "pat", token_env = "TOKEN" }',
}


def json_lines(path: Path) -> Iterator[Any]:
    """Yield the objects of a JSON lines file, packed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def ticket_lines(issues: Iterable[Json]) -> Iterator[Json]:
    """Yield API issues as lines of the sandbox's form."""
    return ({"kind": "ticket", "issue": issue} for issue in issues)


@dataclass(frozen=True)
class Runtime:
    """Settings of one source in a folder, and its tracker where it runs in this process."""

    folder: Path
    server: SandboxServer | None = None

    def sync(self, minutes: int = 0, *options: str) -> Json:
        """Run `capa-sync sync --json` as a process so long after the start; return what it printed."""
        at = (START + timedelta(minutes=minutes)).isoformat()
        found: Json = json.loads(capa_sync(self.folder, "sync", "--json", "--test-clock", at, *options))
        return found

    def at(self, minutes: int) -> None:
        """Set the tracker's clock to so long after the start."""
        assert self.server is not None
        self.server.tracker.clock.set(START + timedelta(minutes=minutes))

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query to the register."""
        with closing(sqlite3.connect(self.folder / "register.db")) as connection:
            return connection.execute(sql, values).fetchall()

    def number(self, sql: str, *values: object) -> Any:
        """Return one number from the register."""
        return self.rows(sql, *values)[0][0]

    def tables(self) -> dict[str, Counter[tuple[Any, ...]]]:
        """Return every row of every table but the run ledger, and the counter that SQLite keeps for its numbers."""
        names = self.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('run', 'sqlite_sequence')"
        )
        return {name: Counter(self.rows(f'SELECT * FROM "{name}"')) for (name,) in names}  # noqa: S608 - own names

    def writes(self) -> list[str]:
        """Return every writing request that the tracker has seen; searches and bulk reads are POSTs, too."""
        assert self.server is not None
        reads = ("/search", "/search/jql", "/bulkfetch", "/approximate-count")
        return [
            f"{request.method} {request.path}"
            for request in self.server.requests
            if request.method not in ("GET", "HEAD") and not request.path.endswith(reads)
        ]


def capa_sync(folder: Path, *arguments: str, expect: int = 0) -> str:
    """Run a verb in a process of its own; return its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "capa_sync", *arguments],
        cwd=folder,
        env={**os.environ, "TOKEN": API_TOKEN, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == expect, f"{done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def write_settings(folder: Path, url: str, mapping: str, face: str = "cloud", mode: str = "off") -> Runtime:
    """Write the settings of one source."""
    files = {"mapping": HERE / "mappings" / mapping, "rules": HERE / "rules"}
    text = _SETTINGS.format(url=url, auth=_AUTH[face], mode=mode, **files)
    (folder / "capa-sync.toml").write_text(text, encoding="utf-8")
    return Runtime(folder)


@contextmanager
def served(
    folder: Path, source: Path | Iterable[Json], mapping: str, face: str = "cloud", mode: str = "off", **settings: Any
) -> Iterator[Runtime]:
    """Serve a file or lines of the sandbox's form from this process, with settings beside it."""
    tracker = JiraTracker(face, SandboxClock(START, ticking=False), settings=JiraSandboxSettings(**settings))
    tracker.load(source)
    with SandboxServer(tracker) as server:
        write_settings(folder, server.url, mapping, face, mode)
        yield Runtime(folder, server)
        assert server.crashes == []
