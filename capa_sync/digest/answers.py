"""What a send's process accepts as an answer over HTTP: one from the address itself, of bounded size.

Whatever plugin of Apprise sends, it sends through `requests`, which would follow a redirect: with the message and the
headers of the address to another host, or with a GET that turns a sign-in page into "taken". And it would take a body
of any size into memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter

MOST = 1024 * 1024
"""Bytes of a decoded answer; a usual one has some hundred."""
_PIECE = 64 * 1024
REDIRECT = "the address answers with a redirect ({}), which is not followed: name the final address in its place"
TOO_LARGE = f"the answer is larger than {MOST:,} bytes"


def hold_answers(refuse: Callable[[str], None]) -> None:
    """Call `refuse`, which ends this process, at a redirect and at an answer that is too large.

    It ends the process so that no plugin takes either as proof of anything, or tries again: before a server redirects
    or answers without end, it may have taken the message. Whether it did, nobody knows.
    """
    ask = HTTPAdapter.send

    def send(adapter: HTTPAdapter, *args: Any, **kwargs: Any) -> requests.Response:
        response = ask(adapter, *args, **kwargs)
        if 300 <= response.status_code < 400:
            refuse(REDIRECT.format(response.status_code))
        _take(response, refuse)
        return response

    HTTPAdapter.send = send  # type: ignore[method-assign,assignment]  # plugins make their sessions themselves


def _take(response: requests.Response, refuse: Callable[[str], None]) -> None:
    """Read the body, decoded, where `requests` looks for it first."""
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > MOST:
            refuse(TOO_LARGE)
        pieces.append(piece)
    response._content = b"".join(pieces)  # noqa: SLF001 - where `content` looks first
