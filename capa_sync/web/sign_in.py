"""A plugin of Datasette: the form with which one signs in by a token, and the one that ends the session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from datasette import hookimpl
from datasette.utils.asgi import Request, Response

from capa_sync.web.cookies import SESSION
from capa_sync.web.guard import is_page
from capa_sync.web.sign_ins import ATTEMPTS, SignIns, address_of
from capa_sync.web.visitors import visitor_of

_WRONG = "No such token. Ask whoever runs capa-sync for one; a token may also have ended."
_HELD = f"{ATTEMPTS} sign-ins from your address failed within a minute, so none is looked at. Wait a minute."


@hookimpl  # type: ignore[untyped-decorator]
def register_routes(datasette: object) -> list[tuple[str, Callable[..., Awaitable[Response]]]]:
    """Add the two addresses to the site of a register, and nothing to any other Datasette."""
    if getattr(datasette, "sign_ins", None) is None:
        return []
    return [(r"^/sign-in$", sign_in), (r"^/sign-out$", sign_out)]


async def sign_in(datasette: Any, request: Request) -> Response:
    """Show the form, or take it."""
    sign_ins: SignIns = datasette.sign_ins
    if not sign_ins.is_on:
        return Response.text("there is no sign-in here: [web.auth] of the settings names none\n", status=404)
    if request.method != "POST":
        return await _form(datasette, request, _way_back(request.args.get("next") or ""))
    given = await request.post_vars()
    address, way_back = address_of(request.scope), _way_back(given.get("next", ""))
    cookie = await asyncio.to_thread(sign_ins.sign_in, given.get("token", ""), address)
    if cookie is None:
        is_held = sign_ins.is_held(address)
        logging.getLogger("capa_sync.web").warning("action=sign_in_refused address=%r held=%s", address, is_held)
        return await _form(datasette, request, way_back, *((_HELD, 429) if is_held else (_WRONG, 403)))
    answer = Response.redirect(way_back, status=303)
    answer.set_cookie(SESSION, cookie, httponly=True, samesite="lax")
    return answer


async def sign_out(datasette: Any, request: Request) -> Response:
    """End the session, and lead to the sign-in."""
    datasette.sign_ins.sign_out(request.scope["headers"])
    answer = Response.redirect("/sign-in", status=303)
    answer.set_cookie(SESSION, "", max_age=0, httponly=True, samesite="lax")
    return answer


async def _form(datasette: Any, request: Request, way_back: str, problem: str = "", status: int = 200) -> Response:
    given = {"next": way_back, "problem": problem, "visitor": visitor_of(request.scope)}
    given |= {"takes_tokens": datasette.sign_ins.takes_tokens}
    return Response.html(await datasette.render_template("sign_in.html", given, request=request), status=status)


def _way_back(address: str) -> str:
    """Return an address of ours to go to after the sign-in: never another host's, never the form itself."""
    path, is_plain = address.partition("?")[0], address.isascii() and address.isprintable()
    return address if is_plain and is_page(path) and path != "/sign-in" else "/"
