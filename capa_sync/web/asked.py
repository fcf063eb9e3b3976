"""What a request asks of a page: its parameters, the present instant, and the queries that pages share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from capa_sync.model.amounts import ago
from capa_sync.model.page import PageOptions
from capa_sync.web.times import PageTimes, instant

Row = dict[str, Any]
_STALE_TURNS = 3
_STALE_SLACK = timedelta(minutes=1)
_LATER = timedelta(hours=1)
"""A source of which the settings say nothing is stale after this time."""


@dataclass(frozen=True)
class PageQuery:
    """One request of a page.

    Attributes:
        connection: to the masked views. arguments: the parameters of the link, each once. times: now and zone.
        unused: parameter -> further values of it that the link has, which nobody reads.
    """

    connection: sqlite3.Connection
    arguments: Mapping[str, str]
    times: PageTimes
    options: PageOptions
    unused: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def rows(self, sql: str, values: Iterable[object] = ()) -> list[Row]:
        """Run one of our own statements and return its rows by column name."""
        cursor = self.connection.execute(sql, tuple(values))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def value(self, sql: str, values: Iterable[object] = ()) -> Any:
        """Run one of our own statements and return the first column of its first row."""
        return self.connection.execute(sql, tuple(values)).fetchone()[0]

    def sources(self) -> list[Row]:
        """Return every source with its age in words (`age`), and whether it is stale (`is_stale`)."""
        return [self._with_age(row) for row in self.rows("SELECT * FROM v_sources ORDER BY source")]

    def _with_age(self, row: Row) -> Row:
        """Add the age of a source; stale means as in `status`: three turns and a minute without a complete read."""
        every = self.options.poll_every.get(row["source"], _LATER)
        if not row["as_of"]:
            return {**row, "age": "never read to the end", "is_stale": True}
        age = self.times.now - instant(row["as_of"])
        is_stale = age > _STALE_TURNS * every + _STALE_SLACK
        return {**row, "age": ago(age.total_seconds()), "is_stale": is_stale}


def once(values: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return each parameter of a link with the first value that is not empty, and the other values that it has."""
    several = {name: list(dict.fromkeys(filter(None, every))) for name, every in values.items()}
    first = {name: next(iter(every), "") for name, every in several.items()}
    return first, {name: every[1:] for name, every in several.items() if len(every) > 1}


def web_address(value: object) -> str:
    """Return an address if a browser may open it, otherwise "": a tracker's URL is data, too."""
    text = str(value or "")
    return text if text.startswith(("https://", "http://")) else ""


def link(path: str, **parameters: object) -> str:
    """Return the address of one of our pages with its parameters; empty ones are left out."""
    given = {name: str(value) for name, value in parameters.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path


def record_link(row: Mapping[str, Any]) -> str:
    """Return the address of a ticket's page."""
    return link("/record", source=row["source"], ticket=row["ticket_id"])
