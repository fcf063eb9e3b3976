"""Reading a file of the AEA form: JSON lines, one history entry a line, newest first."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHANGED = "Changed.Fields"
AT = ("As.Of.Date", "date_asof", "date_updated")
CREATED = ("Created", "date_created")
RESOLVED = ("Resolved", "date_resolved")
"""Columns of an instant, best first; `date_…` columns count days since 1970."""


class FormError(Exception):
    """A line is not of the form: `file:line: what`."""


class Row(NamedTuple):
    """One history entry.

    Attributes:
        entry: its number, counted from the end of the file: a later entry has a higher one.
        at: its instant as the sandbox's form has it. fields: names of the changed fields as written.
        after: the ticket's columns after it.
    """

    entry: int
    at: str
    fields: tuple[str, ...]
    after: Mapping[str, Any]


def read_tickets(path: Path) -> dict[str, list[Row]]:
    """Read a file; return ticket key -> its rows, oldest first, rows of one instant in their order in the file.

    Tickets come in the order of their oldest rows in the file, read from its end. Raises FormError.
    """
    lines = list(_lines(path))
    tickets: dict[str, list[Row]] = {}
    for entry, (number, line) in enumerate(reversed(lines), start=1):
        try:
            raw = json.loads(line)
            row = Row(entry, _must(raw, AT), _names(raw[CHANGED]), raw)
            tickets.setdefault(_key(raw["ticket"]), []).append(row)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise FormError(f"{path}:{number}: no row of this form: {type(error).__name__} {error}") from error
    return tickets


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw as plain:
        for number, line in enumerate(io.TextIOWrapper(plain, encoding="utf-8"), start=1):
            if line.strip():
                yield number, line


def _key(ticket: Any) -> str:
    project, _, number = str(ticket).rpartition("-")
    if not project or not number.isdecimal():
        message = f"{ticket!r} is no ticket key"
        raise ValueError(message)
    return str(ticket)


def _names(changed: Any) -> tuple[str, ...]:
    return tuple(name for part in str(changed or "").split(",") if (name := part.strip()))


def _must(raw: Mapping[str, Any], columns: Sequence[str]) -> str:
    found = instant(raw, columns)
    if found is None:
        message = f"no instant in {' or '.join(columns)}"
        raise ValueError(message)
    return found


def instant(raw: Mapping[str, Any], columns: Sequence[str]) -> str | None:
    """Return the first instant that a row gives in these columns; a day becomes its midnight in UTC.

    Raises ValueError for text that is no instant.
    """
    for column in columns:
        value = raw.get(column)
        if isinstance(value, str) and value:
            datetime.fromisoformat(value)
            return value
        if isinstance(value, int | float):
            return (EPOCH + timedelta(days=value)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return None
