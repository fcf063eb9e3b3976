"""Reads a form before Datasette does: a mistake of its sender is answered as one, and its token is always checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from capa_sync.web.visitors import FOREIGN_FORM, FORM_KIND, LONGEST_FORM, TOO_LONG

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_NOT_FOR_THE_SITE = frozenset({b"authorization", b"x-csrftoken"})
"""With `Authorization: Bearer` Datasette checks no token; the other header it compares in place of the form's
field, and fails on odd characters. No page of ours uses either."""


async def read_form(receive: Receive) -> tuple[bytes, tuple[int, str] | None]:
    """Return the body of a form, and status and reason if it cannot be used."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return b"", (400, "the form ended before its end")
        body += message.get("body", b"")
        if len(body) > LONGEST_FORM:  # a body in chunks may be longer than its Content-Length says
            return b"", TOO_LONG
        more = message.get("more_body", False)
    return bytes(body), _mistake(bytes(body))


def _mistake(body: bytes) -> tuple[int, str] | None:
    """Return status and reason for a body on which Datasette would fail."""
    try:
        given = parse_qsl(body.decode())
    except UnicodeDecodeError:
        return 400, "a form is text in UTF-8"
    return FOREIGN_FORM if any(name == "csrftoken" and not value.isascii() for name, value in given) else None


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that has been read once more, and then waits for the end of the connection."""
    waiting: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        """Give the body, then what the connection says."""
        return waiting.pop() if waiting else await receive()

    return again


def headers_for_the_site(headers: Iterable[tuple[bytes, bytes]], *, is_form: bool) -> list[tuple[bytes, bytes]]:
    """Return headers without those that would replace a form's token, and a form's kind as Datasette spells it."""
    kept = [(name, value) for name, value in headers if name not in _NOT_FOR_THE_SITE]
    return [(name, FORM_KIND if is_form and name == b"content-type" else value) for name, value in kept]
