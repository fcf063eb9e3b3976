"""Datasette with one database and our own pages, for visitors of one role."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasette.handle_exception
from datasette.app import Datasette
from datasette.plugins import pm

from capa_sync.model.page import PageOptions
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.model.visitor import AccessRole
from capa_sync.ports.workshop import Workshop
from capa_sync.web import faults, pages, sign_in, waive, whole_csv, workshop
from capa_sync.web.database import PageDatabase
from capa_sync.web.masking import HARMLESS, REGISTER
from capa_sync.web.sign_ins import SignIns

# With rich installed, Datasette prints every error with all local variables: the log would contain ticket texts.
datasette.handle_exception.rich = None
# Where a parameter makes one part of a page fail, Datasette leaves the others unawaited, and Python says so.
warnings.filterwarnings("ignore", r"coroutine '(\w*Facet|TableView)\.", RuntimeWarning)


for plugin in (faults, pages, sign_in, waive, whole_csv, workshop):
    if not pm.has_plugin(plugin.__name__):
        pm.register(plugin, name=plugin.__name__)

_SETTINGS = {
    "default_allow_sql": False,
    "allow_csv_stream": False,  # every CSV is whole
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
_PERMISSIONS: Mapping[str, frozenset[Any]] = {
    "view-instance": frozenset({None}),
    "view-database": frozenset({REGISTER}),
    "view-table": frozenset((REGISTER, view) for view in HARMLESS),
}


class RegisterSite(Datasette):  # type: ignore[misc]  # datasette is untyped
    """Datasette over one register file, for visitors of one role: no cache of it can hold what another may see.

    Attributes:
        page: the only database. options: what our pages need besides the register. sign_ins: who is signed in.
        workshop: None without one. one_file: held while a whole view is read, which takes time and memory.
    """

    def __init__(
        self,
        file: Path,
        options: PageOptions | None = None,
        role: AccessRole = AccessRole.READER,
        sign_ins: SignIns | None = None,
        workshop: Workshop | None = None,
    ) -> None:
        self.options = options or PageOptions()
        self.sign_ins = sign_ins or SignIns(self.options)
        self.workshop = workshop
        self.one_file = asyncio.Lock()
        here = Path(__file__).parent
        super().__init__(
            [],
            memory=False,
            settings=_SETTINGS,
            metadata=_METADATA,
            template_dir=str(here / "templates"),
            static_mounts=[("page", str(here / "static"))],
            secret=self.sign_ins.secret,  # a form that was opened before the sign-in may be sent after it
        )
        self.page = PageDatabase(self, file, role)
        self.add_database(self.page, name=REGISTER)

    async def permission_allowed(
        self,
        actor: Mapping[str, Any] | None,  # noqa: ARG002 - all visitors of a site have the same rights
        action: str,
        resource: Any = None,
        default: bool = False,  # noqa: ARG002 - nothing is allowed by default
    ) -> bool:
        """Allow everybody to read the public views, and nothing else."""
        return resource in _PERMISSIONS.get(action, ())
