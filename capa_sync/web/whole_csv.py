"""A plugin of Datasette: a view as CSV, always every row that its filters select, as they are at one moment.

Datasette's own CSV ends after `_size` rows, 5,000 at most, without a word. Its stream of all rows asks for one page
after the other, so that a row is lost or doubled when the register changes in between, and writes an error into the
file as its last row.
"""

from __future__ import annotations

import asyncio
import csv
import io
import sqlite3
import zlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from datasette import hookimpl
from datasette.database import QueryInterrupted
from datasette.utils import InvalidSql, sqlite_timelimit
from datasette.utils.asgi import AsgiStream, Request, Response
from datasette.views.base import DatasetteError
from datasette.views.table import TableView

from capa_sync.errors import RegisterUnavailable
from capa_sync.web.masking import HARMLESS, REGISTER

_PAGING = frozenset({b"_size", b"_next", b"_stream"})
_ONE_ROW = " limit 2"
"""How Datasette's statement ends that reads one row, and one more to see whether there is any."""
_BATCH = 500
SECONDS = 60.0
"""How long a file may take to be read."""
_TOO_LONG = (
    f"reading these rows takes longer than {SECONDS:.0f} seconds: choose fewer by filters, or use "
    "`capa-sync register export`, which takes its time\n"
)


def without_paging(query: bytes) -> bytes:
    """Return the parameters of a CSV without those that would only cut it."""
    kept = [part for part in query.split(b"&") if unquote_to_bytes(part.partition(b"=")[0]) not in _PAGING]
    return b"&".join(kept)


@hookimpl  # type: ignore[untyped-decorator]
def register_routes(datasette: object) -> list[tuple[str, Callable[..., Awaitable[Response | AsgiStream]]]]:
    """Take the address of each view's CSV from Datasette, and nothing from any other Datasette."""
    if getattr(datasette, "options", None) is None:
        return []
    return [(rf"^/(?P<database>{REGISTER})/(?P<table>{'|'.join(HARMLESS)})\.(?P<format>csv)$", _whole_csv)]


async def _whole_csv(datasette: Any, request: Request) -> Response | AsgiStream:
    """Answer with all rows. They are read before the answer begins, so that an error is none of its rows."""
    try:
        found = await _first_row(datasette, request)
    except QueryInterrupted:
        return Response.text(_TOO_LONG, status=400)
    if isinstance(found, Response):  # the form of Datasette's filters leads to the link that means the same
        return found
    heads = [] if request.args.get("_header") == "off" else [found["columns"]]
    async with datasette.one_file:
        try:
            pieces = await asyncio.to_thread(_read, datasette, found["query"], heads)
        except sqlite3.OperationalError as error:
            if str(error) != "interrupted":
                raise
            return Response.text(_TOO_LONG, status=400)

    async def send(writer: Any) -> None:
        for piece in pieces:
            await writer.write(zlib.decompress(piece).decode())

    headers, kind = {}, "text/plain"
    if request.args.get("_dl"):
        headers, kind = {"content-disposition": f'attachment; filename="{found["table"]}.csv"'}, "text/csv"
    return AsgiStream(send, headers=headers, content_type=f"{kind}; charset=utf-8")


async def _first_row(datasette: Any, request: Request) -> Any:
    """Return what Datasette makes of the parameters: statement without a limit, values and columns; or a redirect.

    Raises DatasetteError for parameters that make no statement.
    """
    query = b"&".join(filter(None, (request.scope["query_string"], b"_nofacet=1", b"_nocount=1")))
    asked = Request({**request.scope, "query_string": query}, request.receive)
    try:
        found = await TableView(datasette).data(asked, _size=1)
    except (sqlite3.OperationalError, InvalidSql) as error:
        raise DatasetteError(str(error), title="Invalid SQL", status=400) from error
    if isinstance(found, Response):
        return found
    sql, values = (found[0]["query"][name] for name in ("sql", "params"))
    if not sql.endswith(_ONE_ROW):
        raise RegisterUnavailable("another version of Datasette: its statement does not end with the limit")
    return {**found[0], "query": (sql.removesuffix(_ONE_ROW), values)}


def _read(datasette: Any, query: tuple[str, Any], heads: list[list[str]]) -> list[bytes]:
    """Read all rows by one statement, and return them as compressed pieces of a CSV: a view can be very long.

    They are not sent as they are read: a visitor who takes the file slowly would hold up the register's writer.
    """
    pieces = [_piece(heads)]
    with datasette.page.own_connection() as connection, sqlite_timelimit(connection, SECONDS * 1000):
        cursor = connection.execute(*query)
        while rows := cursor.fetchmany(_BATCH):
            pieces.append(_piece(rows))
    return pieces


def _piece(rows: Iterable[Iterable[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return zlib.compress(out.getvalue().encode(), 1)
