"""Keeps the cookies of one session within bounds, and drops them when a tracker refuses a request because of them.

Cookies are kept because they save work: a load balancer before a Jira Data Center finds the same node again by them,
and ServiceNow opens a new session for each request without them. No request needs them: each is signed by itself. So
all are dropped at once where they could do harm: a server refuses a request whose header is too large, and would go
on to refuse each later one.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.cookies import RequestsCookieJar

MOST_BYTES = 4096
"""Bytes of all names and values; servers accept 8 kB of headers or more, and a token may need some of them."""
MOST_COOKIES = 50
_BLAMED = frozenset({400, 401, 413, 431})
"""Statuses with which a server may refuse the cookies of a request (400: nginx, F5; 401: an ended session)."""
_SIGN_IN = 401


class BoundedCookies(RequestsCookieJar):
    """The cookies of a session: all that answers set, or none when these are too many or too large."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take the cookies of an answer."""
        super().extract_cookies(response, request)
        kept = list(self)
        if len(kept) > MOST_COOKIES or sum(map(_size, kept)) > MOST_BYTES:
            self.clear()


def cookies_refused(session: requests.Session, answer: requests.Response) -> bool:
    """Drop a session's cookies when an answer may refuse those of its request.

    Returns whether the request is worth sending again without them; never a write, which was answered. A sign-in that
    is not accepted is not repeated: a Jira counts such attempts.
    """
    if answer.status_code not in _BLAMED or "Cookie" not in answer.request.headers:
        return False
    session.cookies.clear()
    return answer.status_code != _SIGN_IN


def _size(cookie: Any) -> int:
    return len(cookie.name) + len(cookie.value or "")
