"""`verify` over many events, beside a loop that fetches the same rows by sqlite3 and hashes them.

    python -m benchmarks.verifying --events 1000000

Each event is an episode of a finding that changed; of every five events of an episode the last one is what the table
has, so that a fifth of the rows is compared with them.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from capa_sync.model.finding import Finding, FindingState, Mode, Severity
from capa_sync.store import open_register

_NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
_CHANGES = 5
"""Events of one episode."""
_BATCH = 500


def fill(path: Path, events: int) -> None:
    """Make a register with so many events of findings, each on a ticket of its own."""
    tickets = events // _CHANGES
    with open_register(path, clock_now=_NOW) as register:
        for change in range(_CHANGES):
            for start in range(0, tickets, _BATCH):
                register.findings.save(
                    [_finding(str(number), change) for number in range(start, min(start + _BATCH, tickets))]
                )


def _finding(ticket_id: str, change: int) -> Finding:
    return Finding(
        "jira", ticket_id, "root-cause-before-action", 1, FindingState.OPEN, Severity.HIGH, _NOW, "rules-1",
        title="Cause first", clause="10.2 b", message=f"The corrective action started {change} days too early",
        fix="Fill it", mode=Mode.WARN, inputs=({"what": "root_cause", "text": "No owner is named"},), number=10,
    )  # fmt: skip


def floor(path: Path) -> int:
    """Fetch the same rows and hash them; return how many."""
    connection, count = sqlite3.connect(path), 0
    for table in ("event", "finding"):
        for row in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - fixed names
            hashlib.sha256(repr(row).encode()).digest()
            count += 1
    connection.close()
    return count


def verified(path: Path) -> int:
    """Verify the register; return how many events it has."""
    with open_register(path, clock_now=_NOW, read_only=True) as register:
        report = register.verify()
    assert not report.broken, report.breaks
    return report.events


def timed(work: Callable[[Path], int], path: Path) -> tuple[float, int]:
    """Return the seconds that some work takes, and its result."""
    start = time.perf_counter()
    result = work(path)
    return time.perf_counter() - start, result


def main() -> None:
    """Print both times, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "register.db"
        fill(path, events)
        least, _ = timed(floor, path)
        taken, found = timed(verified, path)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{found} events: verify {taken:.1f} s, floor {least:.1f} s, {memory} MiB of memory")
    print(f"{taken / least:.2f} x floor (limit 3)")


if __name__ == "__main__":
    main()
