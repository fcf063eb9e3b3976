"""One table of the register as Parquet, for DuckDB, pandas and warehouses; the only user of pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from capa_sync.errors import Problem, UserError
from capa_sync.exports.extract import Extract
from capa_sync.exports.sheets import Sheet, SheetColumn
from capa_sync.model.columns import ColumnType

_ROWS = 5_000
"""Rows of a group, which are in memory together."""
_NUMBERS = frozenset({ColumnType.NUMBER, ColumnType.FLAG})


def write_parquet(
    path: Path, extract: Extract, sheet: Sheet, about: Mapping[str, Any], advance: Callable[[int], None]
) -> int:
    """Write a table with what it rests on as metadata; return the number of rows.

    Instants are timestamps in UTC, numbers are integers, and a column of dates or instants stays text.
    Raises UserError when pyarrow is not installed, and OSError of the file system.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        hint = "install it with `python -m pip install 'capa-sync[parquet]'`, or export xlsx, csv, jsonl or html"
        raise UserError([Problem("", 0, "Parquet needs the library pyarrow, which is absent", hint)]) from None
    fields = [pyarrow.field(column.name, _type(pyarrow, column)) for column in sheet.columns]
    schema = pyarrow.schema(fields, metadata={"capa_sync": orjson.dumps(about)})
    number = 0
    with ParquetWriter(str(path), schema, compression="zstd") as writer:
        for rows in _grouped(extract.rows(sheet.view, sheet.names)):
            columns = [[_value(column, row[at]) for row in rows] for at, column in enumerate(sheet.columns)]
            arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, fields, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            number += len(rows)
            advance(number)
    return number


def _type(pyarrow: Any, column: SheetColumn) -> Any:
    if column.type is ColumnType.INSTANT:
        return pyarrow.timestamp("us", "UTC")
    return pyarrow.int64() if column.type in _NUMBERS else pyarrow.string()


def _value(column: SheetColumn, value: Any) -> Any:
    if column.type is not ColumnType.INSTANT:
        return value
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def _grouped(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    while group := list(islice(rows, _ROWS)):
        yield group
