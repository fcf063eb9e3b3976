"""A plugin of Datasette: the form in which a signed-in member of the waiver group waives or approves."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from datasette import hookimpl
from datasette.utils.asgi import Request, Response

from capa_sync.errors import UserError
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.page import Waiving
from capa_sync.web.asked import PageQuery, Row, record_link
from capa_sync.web.pages import rendered
from capa_sync.web.times import PageTimes
from capa_sync.web.visitors import visitor_of, waiving_of

_OF_FINDING = "WHERE source = ? AND ticket_id = ? AND rule = ?"
_FINDING = f"SELECT * FROM v_findings {_OF_FINDING} AND state IN ('open', 'waived')"  # noqa: S608 - conditions of ours
_WAITING = f"SELECT * FROM v_waivers {_OF_FINDING} AND state = 'inactive' AND approved_by = '' ORDER BY id DESC"  # noqa: S608
_PLACE = ("source", "ticket_id", "rule")
_NOT_YOU = "only a signed-in member of the waiver group waives\n"
_TAKEN = "The next cycle shows it."


@hookimpl  # type: ignore[untyped-decorator]
def register_routes(datasette: object) -> list[tuple[str, Callable[..., Awaitable[Response]]]]:
    """Add the form to the site of a register, and nothing to any other Datasette."""
    return [] if getattr(datasette, "options", None) is None else [(r"^/waive$", waive)]


async def waive(datasette: Any, request: Request) -> Response:
    """Show the form for one rule's finding on one ticket, or take it."""
    visitor = visitor_of(request.scope)
    waiving = await asyncio.to_thread(waiving_of, datasette.options, visitor)
    if waiving is None:
        return Response.text(_NOT_YOU, status=403)
    is_sent = request.method == "POST"
    given: Mapping[str, str] = (
        await request.post_vars() if is_sent else {k: request.args.get(k) for k in request.args}
    )
    times = PageTimes(datasette.options.clock.now(), datasette.options.timezone)

    def read(connection: sqlite3.Connection) -> dict[str, Any] | None:
        """Read the finding through the views of the visitor's role."""
        return _content(PageQuery(connection, given, times, datasette.options))

    found = await datasette.page.execute_fn(read)
    if found is None:
        return Response.text("there is no such finding to waive\n", status=404)
    if found["finding"]["message"] == RESTRICTED:
        return Response.text("this ticket is confidential: an auditor or admin may waive on it\n", status=403)
    source, ticket_id, rule = (found["finding"][name] for name in _PLACE)
    if obstacles := await asyncio.to_thread(waiving.obstacles, visitor.name, source, ticket_id, [rule]):
        return Response.text(f"{obstacles[rule]}\n", status=403)
    problem = ""
    if is_sent:
        try:
            says = await asyncio.to_thread(_ask, waiving, found["finding"], given, visitor.name)
        except UserError as error:
            problem = str(error.problems[0])
        else:
            datasette.add_message(request, f"{says} {_TAKEN}", datasette.INFO)
            return Response.redirect(record_link(found["finding"]), status=303)
    shown = {**found, "given": given, "problem": problem}
    return await rendered(datasette, request, "waive.html", shown, status=400 if problem else 200)


def _content(asked: PageQuery) -> dict[str, Any] | None:
    """Return the finding of `source`, `ticket` and `rule`, and the waiver that waits for a second person, if any."""
    place = tuple(asked.arguments.get(name, "") for name in ("source", "ticket", "rule"))
    findings, waiting = asked.rows(_FINDING, place), asked.rows(_WAITING, place)
    if not findings:
        return None
    return {
        "finding": findings[0],
        "waiting": waiting[0] if waiting and findings[0]["severity"] == "high" else None,  # others need nobody
        "back": record_link(findings[0]),
    }


def _ask(waiving: Waiving, finding: Row, given: Mapping[str, str], by: str) -> str:
    """Ask for the waiver or its approval, and return in words what was asked for. Raises UserError."""
    ticket, rule = f"{finding['source']}:{finding['ticket_key']}", finding["rule"]
    if given.get("do") == "approve":
        waiving.approve(ticket, rule, by)
        return f"You are the second person of the waiver of {rule}."
    until = given.get("until", "")
    if waiving.waive(ticket, rule, until, given.get("because", ""), by):
        return f"{rule} is waived until {until} once a second member of the waiver group approves it here."
    return f"{rule} is waived until {until}, by you."
