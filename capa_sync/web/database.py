"""The only database of the page: views by role over the register file, opened read-only, with SQLite's authorizer."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.database import Database

from capa_sync.errors import RegisterUnavailable
from capa_sync.model.visitor import AccessRole
from capa_sync.web.masking import HARMLESS, view_for

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_PRAGMAS = frozenset(
    {
        "cache_size", "database_list", "foreign_key_list", "index_info", "index_list", "index_xinfo",
        "schema_version", "table_info", "table_xinfo",
    }
)  # fmt: skip
_RESERVED = ("sqlite_", "pragma_")
"""Names of tables that exist without being listed begin so."""
_KINDS = ("table", "view")
_OLDER = "it is of another version of capa-sync; `capa-sync sync` or `run` of this version brings it up to date"
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
_REFUSED_FUNCTIONS = frozenset({"fts3_tokenizer", "load_extension"})
"""The first shows an address in memory, and takes one; the other loads code."""
LONGEST_PATTERN = 200
"""Bytes of a pattern of LIKE or GLOB: SQLite compares it at each place of a value, and nothing can interrupt it."""
CLOSED = "main.closed"
"""A table that does not exist: what reads it names something in the file that is no view."""


class PageDatabase(Database):  # type: ignore[misc]  # datasette is untyped
    """Datasette's view of the register, as one role may see it.

    Its connections have an empty main database, the file attached read-only under a random name, and temporary views
    over the public views, masked for a reader. Every other table or view of the file is shadowed by a temporary view
    of the same name that cannot be read. So no statement can name what is in the file, and the authorizer allows
    reading these views only. The authorizer alone is not enough: SQLite reports a view and
    `WITH v_register AS (SELECT … FROM part)` to it in the same way.
    """

    def __init__(self, site: Datasette, file: Path, role: AccessRole) -> None:
        super().__init__(site, is_memory=True)
        self.file, self.role = file, role

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """Open a connection. Raises RegisterUnavailable when the file is no register of this version."""
        if write:
            raise RegisterUnavailable(f"{self.file}: the page never writes")
        connection = sqlite3.connect(":memory:", uri=True, check_same_thread=False)
        try:
            self._attach(connection)
        except RegisterUnavailable:
            connection.close()
            raise
        except sqlite3.Error as error:
            connection.close()
            raise RegisterUnavailable(f"{self.file}: cannot be served: {error}") from error
        self._all_file_connections.append(connection)
        return connection

    @contextmanager
    def own_connection(self) -> Iterator[sqlite3.Connection]:
        """Open a connection for one long statement, with which no page has to wait for its turn."""
        connection = self.connect()
        try:
            self.ds._prepare_connection(connection, self.name)  # noqa: SLF001 - Datasette's own, as for its own
            yield connection
        finally:
            self._all_file_connections.remove(connection)
            connection.close()

    def _attach(self, connection: sqlite3.Connection) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LONGEST_PATTERN)
        connection.execute("PRAGMA temp_store = MEMORY")
        schema = f"file_{secrets.token_hex(16)}"
        connection.execute(f"ATTACH DATABASE ? AS {schema}", (f"{self.file.absolute().as_uri()}?mode=ro",))
        for view in HARMLESS:
            columns = [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({view})")]
            if not columns:
                raise RegisterUnavailable(f"{self.file}: cannot be served: {_OLDER}")
            connection.execute(view_for(self.role, view, columns, schema))
        master = f"SELECT name FROM {schema}.sqlite_master WHERE type IN (?, ?)"  # noqa: S608 - a name of ours
        for (name,) in connection.execute(master, _KINDS).fetchall():
            if name.casefold() not in HARMLESS and not name.startswith("sqlite_"):
                connection.execute(f"CREATE TEMP VIEW {_quoted(name)} AS SELECT x FROM {CLOSED}")  # noqa: S608 - the file's own names
        connection.execute("PRAGMA query_only = 1")
        for function in _TABLE_FUNCTIONS:  # SQLite makes their tables at the first use, which the authorizer forbids
            connection.execute(f"SELECT * FROM {function}('[]')")  # noqa: S608 - names of ours
        reads = _Reads(schema, _names(connection, schema))
        connection.set_authorizer(reads.learn)
        for view in HARMLESS:
            connection.execute(f"EXPLAIN SELECT * FROM {view}")  # noqa: S608 - names of ours
            connection.execute(f"EXPLAIN SELECT COUNT(*) FROM {view}")  # noqa: S608
        connection.set_authorizer(reads.authorize)

    async def execute(self, *query: Any, **options: Any) -> Any:
        """Run a query; an error is raised alone: Datasette would print its statement, which has a visitor's words."""
        return await super().execute(*query, **{**options, "log_sql_errors": False})

    async def view_names(self) -> list[str]:
        """Return the public views, the register first."""
        return list(HARMLESS)

    async def table_names(self) -> list[str]:
        """Return no table: there is none."""
        return []

    async def attached_databases(self) -> list[object]:
        """Return none: the file is attached for our views alone, and no visitor can query across databases."""
        return []

    async def get_view_definition(self, view: str) -> str | None:
        """Return the description of a public view, None for anything else."""
        return (
            f"-- the public view {view}, as a visitor with the role {self.role} sees it" if view in HARMLESS else None
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _names(connection: sqlite3.Connection, schema: str) -> frozenset[str]:
    """Return every name that means a table without a WITH: of our views, of the file, and of SQLite's own modules."""
    stored = f"SELECT name FROM {schema}.sqlite_master UNION SELECT name FROM sqlite_temp_master"  # noqa: S608 - a name of ours
    modules = connection.execute("PRAGMA module_list").fetchall()
    return frozenset(name.casefold() for (name,) in [*connection.execute(stored), *modules])


class _Reads:
    """Records once what the public views read in the file, and decides on each later access.

    Args:
        schema: the name under which the file is attached. names: every name of a table there is, case-folded.
    """

    def __init__(self, schema: str, names: frozenset[str]) -> None:
        self._schema, self._names = schema, names
        self._tables: set[str | None] = set()
        self._sources: set[str | None] = set()

    def learn(
        self, action: int, first: str | None, second: str | None, database: str | None, source: str | None
    ) -> int:
        """Record what our own statement over a whole view reads."""
        if action == sqlite3.SQLITE_READ and database == self._schema:
            self._tables.add(first)
            self._sources.add(source if second else None)
        return sqlite3.SQLITE_OK

    def authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, source: str | None
    ) -> int:
        """Decide on one access of a statement: it may read our views, or the file from inside a view (`source`).

        A read of a table without any column only counts rows: SQLite does this when it rewrites a view's count, and
        for a recursive WITH, whose name is that of no table.
        """
        if action in _READS:
            is_refused = action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() in _REFUSED_FUNCTIONS
            return sqlite3.SQLITE_DENY if is_refused else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA:
            return sqlite3.SQLITE_OK if first in _PRAGMAS else sqlite3.SQLITE_DENY
        if action != sqlite3.SQLITE_READ:
            return sqlite3.SQLITE_DENY
        is_page = database == "temp" and first in HARMLESS
        is_empty_schema = database == "main" and first == "sqlite_master"
        is_function = first in _TABLE_FUNCTIONS
        is_counted = not second and database in {None, self._schema} and (first in self._tables or first in HARMLESS)
        is_counted |= not second and database is None and self._is_of_with(first or "")
        is_inside = database == self._schema and first in self._tables and source in self._sources
        allowed = is_page or is_empty_schema or is_function or is_counted or is_inside
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _is_of_with(self, name: str) -> bool:
        """Tell whether a name that SQLite could resolve is that of a WITH, as nothing else has it."""
        return bool(name) and name.casefold() not in self._names and not name.casefold().startswith(_RESERVED)
