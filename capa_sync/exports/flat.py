"""One table of the register as CSV or JSON lines, for programs: the columns' own names, the views' own values."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import orjson

from capa_sync.exports.extract import Extract
from capa_sync.exports.sheets import Sheet
from capa_sync.model.inert import inert
from capa_sync.model.visible import escaped


def write_csv(path: Path, extract: Extract, sheet: Sheet, advance: Callable[[int], None], *, bom: bool) -> int:
    """Write a table as CSV in UTF-8 with inert cells; `bom` marks it for spreadsheets. Return the number of rows."""
    number = 0
    with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(sheet.names)
        for number, row in enumerate(extract.rows(sheet.view, sheet.names), 1):
            writer.writerow(["" if value is None else inert(str(value)) for value in row])
            advance(number)
    return number


def write_jsonl(path: Path, extract: Extract, sheet: Sheet, advance: Callable[[int], None]) -> int:
    """Write a table as JSON lines, one object a row with its columns in order. Return the number of rows."""
    number = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for number, row in enumerate(extract.rows(sheet.view, sheet.names), 1):
            line = orjson.dumps(dict(zip(sheet.names, row, strict=True))).decode()
            file.write(f"{escaped(line)}\n")
            advance(number)
    return number
