"""Proves that the tables of actions exist as the mapping names them, and says where it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from capa_sync.errors import Fatal
from capa_sync.model.near import did_you_mean
from capa_sync.sources.servicenow.answers import NoSuchTable
from capa_sync.sources.servicenow.dictionary import TableFacts
from capa_sync.sources.servicenow.options import ServiceNowOptions


@contextmanager
def named_with_its_line(options: ServiceNowOptions, table: str) -> Iterator[None]:
    """Name the mapping's line where the instance has no such table of actions."""
    try:
        yield
    except NoSuchTable as error:
        place = next((spec.where for spec in options.children if spec.table == table and spec.where), "")
        if not place or table == options.table:
            raise
        raise NoSuchTable(options.name, f"{place}: {error.message}") from None


def check_references(options: ServiceNowOptions, known: Callable[[str], TableFacts]) -> None:
    """Refuse a table of actions without the column that points at the record: the platform would answer every row.

    Raises:
        Fatal: names table and column, and the mapping's line.
    """
    for spec in options.children:
        if (spec.table, spec.reference) not in options.child_tables:
            continue
        columns = known(spec.table).columns
        if columns and not known(spec.table).closed and spec.reference not in columns:
            place = f"{spec.where}: " if spec.where else ""
            what = f"{place}the table {spec.table} has no column '{spec.reference}' that we may see"
            hint = did_you_mean(spec.reference, columns)
            raise Fatal(options.name, f"{what}; {hint or 'name its column that points at the record'}")
