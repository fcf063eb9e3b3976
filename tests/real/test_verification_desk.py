"""690 real tickets with 27,342 history entries through the sandbox, the daemon, one mapping and one rule."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from capa_sync.rules import load_rules, run_tests
from tests.real.runtime import AEA, HERE, Json, Runtime, capa_sync, json_lines, needs_data, served, write_settings
from tests.sync.equal import unnumbered
from tests.tools.aea import convert, write

pytestmark = pytest.mark.slow

MAPPING = "verification-desk.yaml"
APPROVALS = {"Approved", "Pre-Approved"}
Rows = dict[str, list[Json]]


class MirroredSite(NamedTuple):
    """The tracker with its mirror, and the minute of its last sync; a copy of the register is `mirrored.db`."""

    runtime: Runtime
    minutes: int


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Key -> raw rows, in the order of the file: newest first."""
    found: Rows = defaultdict(list)
    for row in json_lines(AEA):
        found[row["ticket"]].append(row)
    return found


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted file."""
    path = tmp_path_factory.mktemp("aea") / "desk.jsonl"
    assert write(convert(AEA), path) == (690, 27_342)
    return path


@pytest.fixture(scope="module")
def site(converted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirroredSite]:
    """The tracker with all tickets, mirrored and judged until nothing more is read, without a write."""
    with served(tmp_path_factory.mktemp("site"), converted, MAPPING) as runtime:
        assert runtime.sync()["sources"][0]["problem"] == ""
        minutes = read_the_rest(runtime, 1)
        shutil.copy(runtime.folder / "register.db", runtime.folder / "mirrored.db")
        yield MirroredSite(runtime, minutes)


def read_the_rest(runtime: Runtime, minutes: int) -> int:
    """Sync once a minute until nothing is read; return the last minute.

    The file has no comments, so they are requested in turn.
    """
    while runtime.sync(minutes)["sources"][0]["read"]:
        minutes += 1
    return minutes


def statuses(rows: Sequence[Json]) -> list[str]:
    """Return the statuses that a ticket went through, from rows that are given oldest first."""
    seen = [row["Status"] for row in rows]
    return [status for before, status in zip(["", *seen], seen, strict=False) if status != before]


def done_without_approval(histories: dict[str, list[str]]) -> set[str]:
    """Return the keys of tickets whose first Done has no approval before it, computed without the product's rule."""
    done = {key: history[: history.index("Done")] for key, history in histories.items() if "Done" in history}
    assert len(done) == 465
    return {key for key, before in done.items() if APPROVALS.isdisjoint(before)}


def test_the_rule_passes_its_own_tests() -> None:
    """The rule file is valid, and each of its conditions is tested both ways."""
    report = run_tests(load_rules([HERE / "rules"]))
    assert report.is_ok, list(report.lines())


@needs_data
def test_the_order_of_the_file_decides(rows: Rows) -> None:
    """The brute-force oracle over raw rows finds 142; a stable sort by time alone would find 143."""
    in_order = {key: statuses(found[::-1]) for key, found in rows.items()}
    by_time = {
        key: statuses(sorted(found, key=lambda row: datetime.fromisoformat(row["As.Of.Date"])))
        for key, found in rows.items()
    }
    assert len({status for history in in_order.values() for status in history}) == 29
    assert len(done_without_approval(in_order)) == 142
    assert len(done_without_approval(by_time)) == 143


@needs_data
def test_the_tickets_are_mirrored_completely_and_judged_right(site: MirroredSite, rows: Rows) -> None:
    """690 tickets, 27,342 entries in order, 142 breaches on exactly the oracle's tickets; then nothing changes.

    The second pass reads what changed, the third everything; `rebuild` makes the same register without the tracker.
    """
    runtime, minutes = site
    assert_complete(runtime, rows)
    assert_judged(runtime, rows)
    before = runtime.tables()
    assert runtime.sync(minutes + 1)["sources"][0]["read"] == 0
    assert runtime.tables() == before
    assert runtime.sync(minutes + 2, "--full")["sources"][0]["read"] == 690
    assert runtime.tables() == before
    capa_sync(runtime.folder, "rebuild")
    assert _unnumbered(runtime.tables()) == _unnumbered(before)
    assert runtime.writes() == []


def _unnumbered(tables: Mapping[str, Counter[Any]]) -> dict[str, list[Any]]:
    """Return tables without the row numbers: after a rebuild, tickets read more than once have lower ones.

    The three tables of months are left out: `rebuild` runs on this machine's clock, in a later month than the story.
    """
    return {name: unnumbered(list(rows.elements())) for name, rows in tables.items() if not name.startswith("month_")}


def assert_complete(runtime: Runtime, rows: Rows) -> None:
    """Assert that every ticket, every entry and every item is there, in the order of the file."""
    assert runtime.rows("SELECT presence, quarantine_reason, COUNT(*) FROM v_tickets GROUP BY 1, 2") == [
        ("present", "", 690)
    ]
    entries = "FROM v_changes WHERE origin <> 'birth'"
    assert runtime.number(f"SELECT COUNT(DISTINCT entry) {entries}") == 27_342
    items = sum(len(row["Changed.Fields"].split(",")) for found in rows.values() for row in found)
    assert runtime.number(f"SELECT COUNT(*) {entries}") == items
    mirrored: dict[str, list[str]] = defaultdict(list)
    for key, status in runtime.rows(
        f"SELECT ticket_key, to_value {entries} AND field = 'status' ORDER BY ticket_key, group_no"
    ):
        mirrored[key].append(status)
    for key, found in rows.items():
        named = [row["Status"] for row in found[::-1] if "status" in row["Changed.Fields"].split(", ")]
        assert mirrored.get(key, []) == named, key


def assert_judged(runtime: Runtime, rows: Rows) -> None:
    """Assert that the findings are on the oracle's tickets and no other; no verdict is `cannot tell`."""
    expected = done_without_approval({key: statuses(found[::-1]) for key, found in rows.items()})
    found = runtime.rows("SELECT ticket_key, state FROM v_findings WHERE rule = 'approved-before-done'")
    assert sorted(found) == sorted((key, "open") for key in expected)
    outcomes = dict(runtime.rows("SELECT outcome, COUNT(*) FROM verdict GROUP BY 1"))
    assert outcomes == {"breach": 142, "ok": 465 - 142, "not_applicable": 690 - 465}


@needs_data
def test_142_tickets_are_warned_once(site: MirroredSite, tmp_path: Path) -> None:
    """Released with write-back on, each ticket in breach gets one comment, no other gets any, and never a second."""
    server = site.runtime.server
    assert server is not None
    shutil.copy(site.runtime.folder / "mirrored.db", tmp_path / "register.db")
    runtime = replace(write_settings(tmp_path, server.url, MAPPING, mode="on"), server=server)
    server.requests.reset()
    runtime.at(20)
    runtime.sync(20, "--release", "all")
    written = runtime.writes()
    comments = {path for path in written if path.startswith("POST") and path.endswith("/comment")}
    assert len(comments) == sum(path.endswith("/comment") for path in written) == 142
    server.requests.reset()
    runtime.at(40)
    read_the_rest(runtime, 40)
    runtime.at(59)
    before = runtime.tables()
    runtime.sync(59)
    assert runtime.writes() == []
    assert runtime.tables() == before


@contextmanager
def sandbox_process(file: Path) -> Iterator[str]:
    """Run `capa-sync sandbox --load FILE` as a process; yield its address."""
    command = [sys.executable, "-u", "-m", "capa_sync", "sandbox", "--load", str(file), "--port", "0"]
    with subprocess.Popen(command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()


@needs_data
def test_a_person_can_do_the_same_with_three_commands(converted: Path, rows: Rows, tmp_path: Path) -> None:
    """The commands are `sandbox --load`, `sync --fail-on high` (exit 1) and `explain`; a tenth of the tickets do."""
    file, chosen = tmp_path / "tenth.jsonl", {*list(rows)[::10], "AEAREP-5610"}
    with file.open("w", encoding="utf-8") as lines:
        for line in json_lines(converted):
            if line["kind"] != "ticket" or line["issue"]["key"] in chosen:
                lines.write(json.dumps(line) + "\n")
    breaches = done_without_approval({key: statuses(found[::-1]) for key, found in rows.items()}) & chosen
    with sandbox_process(file) as url:
        runtime = write_settings(tmp_path, url, MAPPING)
        capa_sync(tmp_path, "sync", "--fail-on", "high", expect=1)
    assert runtime.number("SELECT COUNT(*) FROM v_findings WHERE state = 'open'") == len(breaches)
    words = capa_sync(tmp_path, "explain", "AEAREP-5610")
    assert "approved-before-done" in words
    assert "became Done" in words
