"""The cookies of this page, read from what a browser sends for the whole host: other applications set cookies too."""

from __future__ import annotations

import re
from collections.abc import Iterable

Header = tuple[bytes, bytes]
SESSION = "capa_sync_session"
_OURS = frozenset({SESSION.encode(), b"ds_csrftoken", b"ds_messages"})
"""The session, and Datasette's two: the token of its forms, and messages for the next page."""
_VALUE = re.compile(rb"[\w.-]{1,4096}")
"""What a signature of ours is made of; a cookie with anything else in it is none of ours, or damaged."""


def own_cookies(headers: Iterable[Header]) -> dict[bytes, bytes]:
    """Return name -> value of our cookies in the headers of a request.

    The header is only split at each `;`: the standard library's parser stops at the first cookie that it does not
    like, or raises, and so a cookie of another application would end a session here. A cookie that is there with two
    values counts as absent: a page of a neighbouring host name can add one, in any order, and nobody can tell whose
    it is.
    """
    found: dict[bytes, set[bytes]] = {}
    for header, value in headers:
        for piece in value.split(b";") if header == b"cookie" else ():
            name, _, content = piece.partition(b"=")
            if name.strip() in _OURS and _VALUE.fullmatch(content.strip()):
                found.setdefault(name.strip(), set()).add(content.strip())
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def with_own_cookies(headers: Iterable[Header]) -> list[Header]:
    """Return headers with one Cookie header of our cookies alone, or with none where there is none of these."""
    given = list(headers)
    ours = b"; ".join(name + b"=" + value for name, value in own_cookies(given).items())
    kept = [(name, value) for name, value in given if name != b"cookie"]
    return [*kept, (b"cookie", ours)] if ours else kept
