"""`python -m benchmarks.exporting`: an export as XLSX beside XlsxWriter writing the same cells from a list.

Each measurement runs in its own process. The floor has its cells ready in memory and knows their types; capa-sync
reads them from the register, makes them inert, and writes them whole or not at all.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from benchmarks.running import Result, TableLine, fresh_folder
from benchmarks.trackers import ROOT
from capa_sync.exports import SHEETS, Export, export_register
from capa_sync.exports.cells import local_time, text_cell
from capa_sync.model.columns import ColumnType
from capa_sync.model.selection import ExportSelection
from capa_sync.store import Register, open_register

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
SOURCE, ZONE = "jira", "Europe/London"
_TEXT = "The quarterly access review of the finance application was not done, since no deputy was named in its plan. "


def build(path: Path, tickets: int) -> None:
    """Make a register of so many records with filled columns, written directly: no tracker, no rules."""
    with open_register(path, clock_now=NOW) as register, register.transaction():
        register.records.give_numbers(SOURCE, {str(number): 2026 for number in range(tickets)})
        for number in range(tickets):
            _save(register, number)


def _save(register: Register, number: int) -> None:
    at = NOW - timedelta(hours=number % 9_000)
    texts = (
        "title",
        "requirement",
        "correction",
        "consequences",
        "root_cause",
        "extent",
        "action_text",
        "isms_change",
    )
    times = ("detected_at", "corrected_at", "implemented_at", "closed_at", "changed_at")
    register.records.save_row(
        SOURCE,
        str(number),
        {
            "ticket_key": f"CAPA-{number}",
            "ticket_url": f"https://tickets.example/browse/CAPA-{number}",
            "track": "nonconformity",
            "grade": ("major", "minor", "observation")[number % 3],
            "claimed_stage": ("planned", "closed")[number % 2],
            "owner": f"Person {number % 300}",
            "due_at": f"{at:%Y-%m-%d}",
            "confidential": "no",
            **{name: f"{name} {number}: {_TEXT}" for name in texts},
            **dict.fromkeys(times, at),
        },
    )


def export(path: Path) -> dict[str, Any]:
    """Export the register as the verb does."""
    file = path.with_name("ours.xlsx")
    started = time.perf_counter()
    with (
        open_register(path, clock_now=NOW, create=False, read_only=True) as register,
        register.snapshot(ExportSelection()) as snapshot,
    ):
        export_register(
            snapshot, Export(file, "xlsx", "register", ExportSelection(), ZONE), lambda _table, _rows: None
        )
    return {"seconds": time.perf_counter() - started, "bytes": file.stat().st_size}


def floor(path: Path) -> dict[str, Any]:
    """Write the cells of the same sheets from lists in memory."""
    import xlsxwriter  # type: ignore[import-untyped,unused-ignore]

    with (
        open_register(path, clock_now=NOW, create=False, read_only=True) as register,
        register.snapshot(ExportSelection()) as snapshot,
    ):
        sheets = [(s.title, list(_cells(snapshot.rows(s.view, s.names), s.columns))) for s in SHEETS.values()]
    started = time.perf_counter()
    book = xlsxwriter.Workbook(
        str(path.with_name("floor.xlsx")), {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm"}
    )
    for title, rows in sheets:
        page = book.add_worksheet(title)
        for number, row in enumerate(rows, 1):
            for at, (write, value) in enumerate(row):
                if write:
                    getattr(page, write)(number, at, value)
    book.close()
    return {"seconds": time.perf_counter() - started}


def _cells(rows: Iterator[tuple[Any, ...]], columns: tuple[Any, ...]) -> Iterator[list[tuple[str, Any]]]:
    zone = ZoneInfo(ZONE)
    for row in rows:
        yield [_cell(column.type, value, zone) for column, value in zip(columns, row, strict=True)]


def _cell(kind: ColumnType, value: Any, zone: ZoneInfo) -> tuple[str, Any]:
    if value is None or value == "":
        return "", None
    if kind in {ColumnType.INSTANT, ColumnType.TIME} and (when := local_time(str(value), zone)) is not None:
        return "write_datetime", when
    return ("write_number", value) if isinstance(value, int) else ("write_string", text_cell(str(value)))


def measured(what: str, register: Path) -> Result:
    """Run one measurement in its own process."""
    command = [sys.executable, "-m", "benchmarks.exporting", "--run", what, "--register", str(register)]
    result: Result = orjson.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    return result


def lines(tickets: int) -> Iterator[TableLine]:
    """Measure two sizes and yield the lines of the table: the ratio to the floor, and the memory of both sizes."""
    peaks = []
    for size in (tickets // 5, tickets):
        with fresh_folder() as folder:
            build(folder / "register.db", size)
            ours, least = measured("export", folder / "register.db"), measured("floor", folder / "register.db")
            peaks.append(ours["peak_mib"])
    ratio = ours["seconds"] / least["seconds"]
    shown = f"{ratio:.2f} × ({ours['seconds']:.1f} s)"
    yield TableLine(f"export of {tickets:,} records as XLSX", shown, "≤ 2 × XlsxWriter from a list", ratio <= 2)
    growth = peaks[1] / peaks[0]
    shown = f"{peaks[1]:.0f} MiB, {growth:.2f} × that of a fifth"
    yield TableLine("the same, peak of memory", shown, "≤ 1.5 × that of a fifth", growth <= 1.5)


def _peak_mib() -> float:
    """Return the largest resident memory of this program.

    `getrusage` would also count that of the process which started it, and which has built the register.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Print the table, or run one measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--run", choices=("export", "floor"))
    parser.add_argument("--register", type=Path)
    given = parser.parse_args()
    if given.run:
        result = {"export": export, "floor": floor}[given.run](given.register)
        result["peak_mib"] = _peak_mib()
        print(orjson.dumps(result).decode())
        return
    print("| what | measured | wanted | met |\n|---|---|---|---|")
    for line in lines(given.tickets):
        print(line)


if __name__ == "__main__":
    main()
