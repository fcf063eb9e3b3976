"""The only database the page knows: masked views over the register file, opened read-only and guarded by SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.database import Database

from capa_sync.errors import RegisterUnavailable
from capa_sync.web.masking import HARMLESS, REGISTER, masked_view

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_PRAGMAS = frozenset(
    {
        "cache_size", "database_list", "foreign_key_list", "index_info", "index_list", "index_xinfo",
        "schema_version", "table_info", "table_xinfo",
    }
)  # fmt: skip
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})


class PageDatabase(Database):  # type: ignore[misc]  # datasette is untyped
    """Datasette's view of the register.

    Its connections have an empty main database, the file attached read-only, and masked temporary views over the
    public ones. An authorizer lets statements read those views alone; the file is read from inside them only.
    """

    def __init__(self, site: Datasette, file: Path) -> None:
        super().__init__(site, is_memory=True)
        self.file = file

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """Open a connection. Raises RegisterUnavailable when the file is no register of this version."""
        if write:
            raise RegisterUnavailable(f"{self.file}: the page never writes")
        connection = sqlite3.connect(":memory:", uri=True, check_same_thread=False)
        try:
            self._attach(connection)
        except sqlite3.Error as error:
            connection.close()
            raise RegisterUnavailable(f"{self.file}: cannot be served: {error}") from error
        self._all_file_connections.append(connection)
        return connection

    def _attach(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"ATTACH DATABASE ? AS {REGISTER}", (f"{self.file.absolute().as_uri()}?mode=ro",))
        for view in HARMLESS:
            columns = [row[1] for row in connection.execute(f"PRAGMA {REGISTER}.table_info({view})")]
            connection.execute(masked_view(view, columns))
        connection.execute("PRAGMA query_only = 1")
        connection.set_authorizer(authorize)

    async def view_names(self) -> list[str]:
        """Return the public views, the register first."""
        return list(HARMLESS)

    async def table_names(self) -> list[str]:
        """Return no table: there is none."""
        return []

    async def get_view_definition(self, view: str) -> str | None:
        """Return what a view is, None for anything else."""
        return f"-- the public view {view}, texts of confidential tickets masked" if view in HARMLESS else None


def authorize(action: int, first: str | None, second: str | None, database: str | None, source: str | None) -> int:
    """Decide on one access of a statement: reading a masked view, or the file from inside a view (`source`).

    A table read without any column is only counted, as SQLite does where it rewrites the count of a view.
    """
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if first in _PRAGMAS else sqlite3.SQLITE_DENY
    if action != sqlite3.SQLITE_READ:
        return sqlite3.SQLITE_DENY
    is_page = database == "temp" and first in HARMLESS
    is_empty_schema = database == "main" and first == "sqlite_master"
    is_inside = source is not None or first in _TABLE_FUNCTIONS
    is_counted = second == ""
    return sqlite3.SQLITE_OK if is_page or is_empty_schema or is_inside or is_counted else sqlite3.SQLITE_DENY


def rows(connection: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    """Run a statement of ours and return its rows as dicts."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
