"""A plugin of Datasette: pages that ask `ports.Workshop`: the workshop of admins, and every verdict on a ticket.

Each page works as a plain form; the script of the editor only shows earlier what the form answers too. Nothing here
changes the register or a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from datasette import hookimpl
from datasette.utils.asgi import Request, Response

from capa_sync.errors import Problem, RegisterUnavailable, UserError
from capa_sync.model.visitor import AccessRole
from capa_sync.model.workshop import DraftState, RuleText, TestedRule, TextOrigin
from capa_sync.ports.workshop import Workshop
from capa_sync.web.asked import link
from capa_sync.web.pages import rendered
from capa_sync.web.previews import shown_preview
from capa_sync.web.visitors import visitor_of

View = Callable[[Any, Request, Workshop], Awaitable[Response]]
_SOON = {"refresh": "1"}
"""A header with which a browser asks again by itself, without a script."""
_MOST_DIGITS = 9
_DRAFTS = {
    DraftState.WAITS: "waits to be made live",
    DraftState.LIVE: "live",
    DraftState.OUTDATED: "outdated: a live rule of it changed since",
    DraftState.DISCARDED: "discarded",
}


@hookimpl  # type: ignore[untyped-decorator]
def register_routes(datasette: object) -> list[tuple[str, Callable[..., Awaitable[Response]]]]:
    """Add the pages of the workshop to the site of a register, and nothing to any other Datasette."""
    if getattr(datasette, "options", None) is None:
        return []
    return [(rf"^{path}$", _for_role(*view)) for path, view in _VIEWS.items()]


def _for_role(role: AccessRole, view: View) -> Callable[..., Awaitable[Response]]:
    async def guarded(datasette: Any, request: Request) -> Response:
        if not visitor_of(request.scope).role.may_act_as(role):
            return Response.text(f"this page needs the role {role}: sign in as somebody who has it\n", status=403)
        if datasette.workshop is None:
            return Response.text("there is no such page\n", status=404)
        try:
            return await view(datasette, request, datasette.workshop)
        except UserError as error:
            return await _told(datasette, request, list(error.problems))

    return guarded


# --- pages -------------------------------------------------------------------------------------------------------
async def _explain(datasette: Any, request: Request, workshop: Workshop) -> Response:
    """Show every verdict on a ticket; it holds texts of confidential tickets, so no reader sees it."""
    source, ticket = (request.args.get(name) or "" for name in ("source", "ticket"))
    found = await asyncio.to_thread(workshop.explain, source, ticket)
    given = {"explained": found, "record": link("/record", source=source, ticket=ticket)}
    return await rendered(datasette, request, "explain.html", given)


async def _list(datasette: Any, request: Request, workshop: Workshop) -> Response:
    found = await asyncio.to_thread(workshop.view)
    return await rendered(datasette, request, "workshop.html", {"view": found, "draft_words": _DRAFTS})


async def _draft(datasette: Any, request: Request, workshop: Workshop) -> Response:
    """Show a draft; its forms ask that it is written into the files, or discarded."""
    if request.method == "POST":
        given, by = await request.post_vars(), visitor_of(request.scope).name
        draft = _number(given, "number")
        if given.get("do") == "discard":
            number = await asyncio.to_thread(workshop.discard, draft, by)
        else:
            number = await asyncio.to_thread(workshop.write_files, draft, str(given.get("seen", "")), by)
        return Response.redirect(f"/workshop/request?number={number}", status=303)
    found = await asyncio.to_thread(workshop.draft, _number(request.args, "number"))
    return await rendered(datasette, request, "workshop_draft.html", {"draft": found, "draft_words": _DRAFTS})


async def _waiting(datasette: Any, request: Request, workshop: Workshop) -> Response:
    """Wait for the answer to a request, then show it, or lead to the draft that it made."""
    answer = await asyncio.to_thread(workshop.answer, _number(request.args, "number"))
    if answer is not None and answer.isdigit():
        return Response.redirect(f"/workshop/draft?number={answer}", status=303)
    headers = _SOON if answer is None else {}
    return await rendered(datasette, request, "workshop_waiting.html", {"answer": answer}, headers=headers)


async def _preview(datasette: Any, request: Request, workshop: Workshop) -> Response:
    number = _number(request.args, "number")
    if request.method == "POST":
        given = await request.post_vars()
        await asyncio.to_thread(workshop.stop_preview, _number(given, "number"))
        return Response.redirect(f"/workshop/preview?number={_number(given, 'number')}", status=303)
    found = workshop.previewed(number)
    if found is None:
        return await _told(
            datasette, request, [Problem("", 0, "this preview is not known any more", "begin another one")]
        )
    tickets = await datasette.page.execute_fn(lambda connection: shown_preview(connection, found))
    headers = _SOON if found.ended_at is None else {}
    return await rendered(datasette, request, "workshop_preview.html", {"preview": found, **tickets}, headers=headers)


async def _told(datasette: Any, request: Request, problems: list[Problem]) -> Response:
    """Show the mistakes of a request that has no form to go back to."""
    return await rendered(datasette, request, "workshop_problem.html", {"problems": problems}, status=400)


# --- the editor --------------------------------------------------------------------------------------------------
async def _edit(datasette: Any, request: Request, workshop: Workshop) -> Response:
    if request.method == "POST":
        return await _take(datasette, request, workshop)
    asked = request.args
    rule, draft, number = asked.get("rule") or "", _number(asked, "draft"), _number(asked, "preview")
    origin = TextOrigin.FILE if asked.get("from") == TextOrigin.FILE else TextOrigin.LIVE
    found = await asyncio.to_thread(workshop.rule_text, rule, origin, draft)
    preview = workshop.previewed(number) if number else None
    text = preview.text if preview is not None and preview.rule == rule else found.text
    return await _editor(datasette, request, workshop, found, text)


async def _take(datasette: Any, request: Request, workshop: Workshop) -> Response:
    """Take the form of the editor: check, test, preview or save its text."""
    given = await request.post_vars()
    rule, text, draft = given.get("rule", ""), _text(given), _number(given, "draft")
    by, does = visitor_of(request.scope).name, given.get("do", "check")
    found = await asyncio.to_thread(workshop.rule_text, rule, TextOrigin.LIVE, draft)
    results: dict[str, Any] = {"problems": []}
    try:
        if does == "save":
            number = await asyncio.to_thread(workshop.save, rule, text, draft, by)
            return Response.redirect(f"/workshop/request?number={number}", status=303)
        if does == "preview":
            number = await asyncio.to_thread(workshop.preview, rule, text, draft, by)
            return Response.redirect(f"/workshop/preview?number={number}", status=303)
        if does == "test":
            results["tests"] = await asyncio.to_thread(workshop.test, rule, text, draft)
        else:
            results["problems"] = await asyncio.to_thread(workshop.check, rule, text, draft)
            results["is_checked"] = True
    except UserError as error:
        results["problems"] = error.problems
    except RegisterUnavailable as error:  # the text in the form must not be lost
        results["problems"] = [Problem("", 0, str(error), "your text is still here: try again")]
    return await _editor(datasette, request, workshop, found, text, **results)


async def _editor(
    datasette: Any, request: Request, workshop: Workshop, found: RuleText, text: str, **results: Any
) -> Response:
    tests: TestedRule | None = results.get("tests")
    problems = [*results.get("problems", ()), *(tests.problems if tests is not None else ())]
    shown = {
        "rule": found,
        "text": text,
        "mistakes": [{"problem": problem, "there": _line(text, problem.line)} for problem in problems],
        "is_checked": results.get("is_checked", False),
        "tests": tests,
        "difference": await asyncio.to_thread(workshop.difference, found.id, text),
        "vocabulary": workshop.vocabulary(),
    }
    return await rendered(datasette, request, "workshop_rule.html", shown)


async def _check(_datasette: Any, request: Request, workshop: Workshop) -> Response:
    """Answer the script of the editor: the mistakes and the difference of the text now, and what may follow."""
    given = await request.post_vars()
    text = given.get("text", "").replace("\r\n", "\n")
    at = min(_number(given, "at"), len(text))
    rule = given.get("rule", "")
    problems = await asyncio.to_thread(workshop.check, rule, text, _number(given, "draft"))
    difference = await asyncio.to_thread(workshop.difference, rule, _text(given))
    offered = workshop.complete(text, at)
    return Response.json(
        {
            "problems": [{"line": p.line, "what": p.what, "hint": p.hint} for p in problems],
            "completions": [{"start": o.start, "text": o.text, "means": o.means} for o in offered],
            "difference": list(difference),
        }
    )


def _text(given: Mapping[str, str]) -> str:
    """Return the text of the form as a file has it: browsers send other line ends."""
    text = given.get("text", "").replace("\r\n", "\n")
    return text if text.endswith("\n") else f"{text}\n"


def _line(text: str, number: int) -> str:
    """Return a line of a text, "" where there is none of this number."""
    lines = text.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _number(given: Any, name: str) -> int:
    """Return a number of a link or form, 0 for anything else."""
    value = given.get(name) or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS else 0


_VIEWS: Mapping[str, tuple[AccessRole, View]] = {
    "/explain": (AccessRole.AUDITOR, _explain),
    "/workshop": (AccessRole.ADMIN, _list),
    "/workshop/rule": (AccessRole.ADMIN, _edit),
    "/workshop/check": (AccessRole.ADMIN, _check),
    "/workshop/preview": (AccessRole.ADMIN, _preview),
    "/workshop/request": (AccessRole.ADMIN, _waiting),
    "/workshop/draft": (AccessRole.ADMIN, _draft),
}
"""Path -> who may see it, and the view."""
