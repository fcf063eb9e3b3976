"""A plugin of Datasette: our own pages, each made by one function over the masked views and one template."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from datasette import hookimpl
from datasette.utils.asgi import Request, Response

from capa_sync.model.page import PageOptions
from capa_sync.model.visitor import AccessRole
from capa_sync.web.asked import PageQuery, Row, once
from capa_sync.web.record import record
from capa_sync.web.records import records
from capa_sync.web.rules import rules
from capa_sync.web.search import add_search
from capa_sync.web.sync import sync
from capa_sync.web.times import PageTimes
from capa_sync.web.today import today
from capa_sync.web.trends import trends
from capa_sync.web.unknown import UnknownTicket, unknown_ticket
from capa_sync.web.visitors import unwaivable_of, visitor_of
from capa_sync.web.words import coded

Content = Callable[[PageQuery], dict[str, Any] | None]
PAGES: Mapping[str, tuple[str, str, Content]] = {
    "/": ("today.html", "Today", today),
    "/records": ("records.html", "Register", records),
    "/record": ("record.html", "", record),
    "/rules": ("rules.html", "Rules", rules),
    "/trends": ("trends.html", "Trends", trends),
    "/sync": ("sync.html", "Sync", sync),
}
"""Path -> template, name in the navigation ("" for none), and the function that reads its content."""
NAVIGATION = tuple((path, name) for path, (_, name, _) in PAGES.items() if name)
WORKSHOP = (("/workshop", "Workshop"),)


@hookimpl  # type: ignore[untyped-decorator]
def register_routes(datasette: object) -> list[tuple[str, Callable[..., Awaitable[Response]]]]:
    """Add our pages to the site of a register, and nothing to any other Datasette."""
    if getattr(datasette, "options", None) is None:
        return []
    return [(rf"^{path}$", _view(path)) for path in PAGES]


@hookimpl  # type: ignore[untyped-decorator]
def prepare_connection(conn: sqlite3.Connection, datasette: object) -> None:
    """Give each connection of our pages the search; statements of others, such as an assistant's, have none."""
    if getattr(datasette, "options", None) is not None:
        add_search(conn)


def _view(path: str) -> Callable[..., Awaitable[Response]]:
    template, _, content = PAGES[path]

    async def view(datasette: Any, request: Request) -> Response:
        arguments, unused = once({name: request.args.getlist(name) for name in request.args})
        times = PageTimes(datasette.options.clock.now(), datasette.options.timezone)

        def read(connection: sqlite3.Connection) -> dict[str, Any] | UnknownTicket:
            asked = PageQuery(connection, arguments, times, datasette.options, unused)
            return content(asked) or unknown_ticket(asked)

        found = await datasette.page.execute_fn(read)
        if isinstance(found, UnknownTicket):
            if found.page:
                return Response.redirect(found.page)
            return await rendered(datasette, request, "unknown.html", found.shown, status=found.status)
        if path == "/record":
            asking = datasette.options, visitor_of(request.scope), *found["own"], found["waivable"]
            found["unwaivable"] = await asyncio.to_thread(unwaivable_of, *asking)
        return await rendered(datasette, request, template, found)

    return view


def _sources(times: PageTimes, options: PageOptions, connection: sqlite3.Connection) -> list[Row]:
    """Return the sources with their age, for the foot of every page."""
    return PageQuery(connection, {}, times, options).sources()


async def rendered(
    datasette: Any,
    request: Request,
    template: str,
    found: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Return a page: what a template of ours shows, inside the frame that all pages share."""
    times = PageTimes(datasette.options.clock.now(), datasette.options.timezone)
    visitor = visitor_of(request.scope)
    has_workshop = datasette.workshop is not None and visitor.role.may_act_as(AccessRole.ADMIN)
    frame = {
        "visitor": visitor,
        "can_sign_in": datasette.sign_ins.is_on,
        "times": times,
        "path": request.path,
        "navigation": NAVIGATION + (WORKSHOP if has_workshop else ()),
        "coded": coded,
        "has_workshop": has_workshop,
        "may_explain": datasette.workshop is not None and visitor.role.may_act_as(AccessRole.AUDITOR),
        "sources": await datasette.page.execute_fn(partial(_sources, times, datasette.options)),
    }
    page = await datasette.render_template(template, {**frame, **found}, request=request)
    return Response.html(page, status=status, headers=dict(headers))
