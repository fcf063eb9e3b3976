"""Bounds every request: its answer must end in time and must not exceed a size.

A read timeout holds for one packet, so a server that sends a byte a second never reaches it; and a few megabytes of
gzip decode to gigabytes. Both bounds apply to reads, writes and sign-ins. Each answer belongs to its own request:
what a server sends before it or after it never counts as the answer to another one (`answer_heads.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connectionpool import HTTPConnectionPool

from capa_sync.errors import AnswerTooLarge, BadAnswer
from capa_sync.model.light import light
from capa_sync.redaction import conceal
from capa_sync.sources.answer_heads import AnswerTooSlow, FinalResponse, OwnAnswers
from capa_sync.sources.cookies import BoundedCookies

_PIECE = 1024 * 1024


@light
class Limits:
    """The bounds of one source.

    Attributes:
        answer: maximum bytes of a decoded body.
        seconds: maximum time of an answer, from the end of the request to the answer's end.
    """

    answer: int = 16 * 1024 * 1024
    seconds: float = 120.0


def hold_to(session: requests.Session, source: str, limits: Limits) -> requests.Session:
    """Make a session keep the limits; returns it. Its requests then raise AnswerTooLarge and `requests` time-outs."""
    time_bound(session, limits).hooks["response"].append(_taker(source, limits.answer))
    return session


def time_bound(session: requests.Session, limits: Limits) -> requests.Session:
    """Make a session keep the bounds of time and cookies, for bodies that their caller counts; returns it."""
    _conceal_proxies()
    adapter = _Adapter(limits.seconds)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.cookies = BoundedCookies()
    return session


def _conceal_proxies() -> None:
    """Register the passwords of proxies, which stand in environment variables, as secrets to hide in messages."""
    for address in getproxies().values():
        try:
            parts = urlsplit(address)
        except ValueError:
            continue
        for password in filter(None, {parts.password, unquote(parts.password or "")}):
            conceal(password, unquote(parts.username or ""))


def took_too_long(error: BaseException | None) -> bool:
    """Tell whether an error of `requests` comes from an answer that did not end within its time."""
    while error is not None:
        if isinstance(error, AnswerTooSlow):
            return True
        error = error.__cause__ or error.__context__
    return False


def _taker(source: str, most: int) -> Callable[..., None]:
    """Return a response hook that reads the whole body, decoded, and stops above `most` bytes.

    It reads large pieces: by default requests reads ten kilobytes at a time, a hundred pieces for a page, which costs
    a twentieth of a backfill (measured with 2.34). urllib3 decodes no more than one piece at once.

    An answer in several codings is refused (`has_many_codings`).
    """

    def take(response: requests.Response, *_: Any, **__: Any) -> None:
        if has_many_codings(response):
            response.close()
            raise BadAnswer(source, f"{_where(response)}: the answer is in several codings, which nobody asked for")
        pieces, size = [], 0
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > most:
                response.close()  # the rest is not read
                raise AnswerTooLarge(source, _where(response), most)
            pieces.append(piece)
        response._content = b"".join(pieces)  # noqa: SLF001 - where `content` looks first

    return take


def has_many_codings(response: requests.Response) -> bool:
    """Tell whether a body is in several codings, so that neither its bytes nor its time can be bounded.

    The outer one may decode to millions of empty streams of the inner one: hours of work give no byte to count, and
    read nothing by which the time is bounded. Nobody asks for it.
    """
    return "," in response.headers.get("Content-Encoding", "")


def _where(response: requests.Response) -> str:
    """Return method and path without the query, which may hold data of tickets."""
    return f"{response.request.method} {(response.request.path_url or '').partition('?')[0]}"


class _Adapter(HTTPAdapter):
    """Opens connections whose answers have a time limit."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _bounded(self.poolmanager.pool_classes_by_scheme, self._seconds)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        is_known = proxy in self.proxy_manager
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        if not is_known:
            manager.pool_classes_by_scheme = _bounded(manager.pool_classes_by_scheme, self._seconds)
        return manager


def _bounded(pools: Mapping[str, type[HTTPConnectionPool]], seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """Return pools by scheme like these, also like those of a SOCKS proxy, whose responses have this time limit."""

    class Response(FinalResponse):
        total = seconds

    def of(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
        connection = type("Connection", (OwnAnswers, pool.ConnectionCls), {"response_class": Response})
        return type("Pool", (pool,), {"ConnectionCls": connection})

    return {scheme: of(pool) for scheme, pool in pools.items()}
