"""Datasette with one database, one kind of reader and our first page."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasette.handle_exception
from datasette.app import Datasette
from datasette.plugins import pm

from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.web import faults
from capa_sync.web.database import PageDatabase, rows
from capa_sync.web.masking import HARMLESS, REGISTER

# With rich installed, Datasette prints every error with all local variables: the log would contain ticket texts.
datasette.handle_exception.rich = None


if not pm.has_plugin(faults.__name__):
    pm.register(faults, name=faults.__name__)

_SETTINGS = {
    "default_allow_sql": False,
    "allow_download": False,
    "allow_facet": True,
    "suggest_facets": False,
    "default_page_size": 50,
    "max_returned_rows": 5_000,
    "sql_time_limit_ms": 5_000,
    "template_debug": False,
    "trace_debug": False,
    "num_sql_threads": 2,
}
_METADATA: Mapping[str, Any] = {
    "title": "capa-sync register",
    "allow_sql": False,
    "databases": {
        REGISTER: {
            "tables": {
                view.name: {
                    "description": view.row,
                    "columns": {column.name: column.sentence for column in view.columns},
                }
                for view in PUBLIC_VIEWS
            }
        }
    },
}
"""What the page says of each view and column; from the table that the documentation is made from."""
_WORST = """SELECT register_no, ticket_key, ticket_url, title, owner, claimed_stage, evidenced_stage, due_at,
    days_late, warnings_high, warnings_medium, warnings_low FROM v_register
    ORDER BY COALESCE(warnings_high, 0) DESC, COALESCE(warnings_medium, 0) DESC, COALESCE(warnings_low, 0) DESC,
    register_no LIMIT 100"""
_WARNED = "COALESCE(warnings_high, 0) + COALESCE(warnings_medium, 0) + COALESCE(warnings_low, 0) > 0"
_COUNTS = f"""SELECT COUNT(*) AS records, COUNT(CASE WHEN {_WARNED} THEN 1 END) AS warned,
    COUNT(CASE WHEN NOT ({_WARNED}) AND checks_made > 0 THEN 1 END) AS calm,
    COALESCE(SUM(warnings_high), 0) AS high, COALESCE(SUM(warnings_medium), 0) AS medium,
    COALESCE(SUM(warnings_low), 0) AS low FROM v_register"""  # noqa: S608 - a condition of ours
_SOURCES = "SELECT source, kind, as_of, last_success_at, tickets, problem FROM v_sources ORDER BY source"
_PERMISSIONS: Mapping[str, frozenset[Any]] = {
    "view-instance": frozenset({None}),
    "view-database": frozenset({REGISTER}),
    "view-table": frozenset((REGISTER, view) for view in HARMLESS),
}


class RegisterSite(Datasette):  # type: ignore[misc]  # datasette is untyped
    """Datasette over one register file."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            [],
            memory=False,
            settings=_SETTINGS,
            metadata=_METADATA,
            template_dir=str(Path(__file__).parent / "templates"),
        )
        self.page = PageDatabase(self, file)
        self.add_database(self.page, name=REGISTER)

    async def permission_allowed(
        self,
        actor: Mapping[str, Any] | None,  # noqa: ARG002 - all visitors have the same rights
        action: str,
        resource: Any = None,
        default: bool = False,  # noqa: ARG002 - nothing is allowed by default
    ) -> bool:
        """Allow everybody to read the public views, and nothing else."""
        return resource in _PERMISSIONS.get(action, ())

    async def render_template(
        self, templates: Any, context: Any = None, request: Any = None, view_name: str | None = None
    ) -> str:
        """Render a page; the first page also gets its content from the register."""
        if view_name == "index":
            context = {**(context or {}), **await self.page.execute_fn(overview)}
        return str(await super().render_template(templates, context, request=request, view_name=view_name))


def overview(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the content of the first page: sources with their freshness, counts, and records, the worst first."""
    worst = rows(connection, _WORST)
    for row in worst:
        # A tracker's URL is data, too: only an http or https URL becomes a link.
        row["link"] = row["ticket_url"] if str(row["ticket_url"]).startswith(("https://", "http://")) else ""
    (counts,) = rows(connection, _COUNTS)
    return {"sources": rows(connection, _SOURCES), "counts": counts, "records": worst, "views": list(HARMLESS)}
