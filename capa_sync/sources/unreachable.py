"""Describes why a request got no answer, for the person who can fix it: which host, why, and which proxy."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from capa_sync.model.patterns import TUNNEL_REFUSED
from capa_sync.sources.environment import proxy_for
from capa_sync.sources.transport import took_too_long

AS_WRITTEN = "the address, the user or the secret of the sign-in cannot be used as written"
"""What the errors below mean; a proxy's mistake is found before (`environment.py`)."""
AS_WRITTEN_TO_DO = "look in `url`, `user` and `header` of the settings, and in the secret, for an odd character"
AS_WRITTEN_ERRORS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationParseError,
    UnicodeEncodeError,  # of http.client, for a header
)
"""An address or header of ours cannot be sent as it is."""
_NO_TLS = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
    | {"RECORD_LAYER_FAILURE"}
)
_DEEP = 12
"""Maximum number of nested errors that are examined."""


def never_sent(error: requests.RequestException) -> bool:
    """Tell whether nothing of the request left this machine, so that it cannot have been applied."""
    kinds = (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        requests.exceptions.ConnectTimeout,
    )
    return any(isinstance(inner, kinds) for inner in _inside(error))


def describe(error: requests.RequestException, base: str = "") -> str:
    """Say in one line what happened, without the library's text, which may hold a proxy's password.

    `base` is the tracker's address, for errors that do not know their request.
    """
    url = str(getattr(error.request, "url", "") or base)
    host, cause = _host(url) or "the server", _cause(error)
    proxy, variable = _proxy_of(url)
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy {proxy or 'of the environment'}{_set_by(variable)} cannot be used: {cause}"
    way = f", asked through the proxy {proxy}{_set_by(variable)}" if proxy else ""
    if isinstance(error, requests.exceptions.Timeout) or took_too_long(error):
        return f"no answer in time from {host}{way}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return f"the answer of {host} was cut short{way}"
    if never_sent(error) or isinstance(error, requests.exceptions.SSLError):
        return f"{host} cannot be reached: {cause}{way}"
    return f"the connection to {host} was lost: {cause}{way}"


def tls_to_do(error: requests.RequestException) -> str:
    """Return what a person does about an address with which no TLS connection could be made."""
    for inner in _inside(error):
        if isinstance(inner, ssl.SSLCertVerificationError):
            return "let the variable REQUESTS_CA_BUNDLE name a file with the certificates of your authority"
        if isinstance(inner, ssl.SSLError) and _is_plain(inner):
            return "look at the port, or write http:// where the tracker is on this machine"
    return "check the address, and the TLS versions of the tracker and of a proxy"


def _is_plain(error: ssl.SSLError) -> bool:
    """Tell whether the other side does not speak TLS; the reasons are those of several versions of OpenSSL."""
    return error.reason in _NO_TLS


def _inside(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and the errors inside it, the outermost first."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _DEEP:
        found = waiting.pop(0)
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [getattr(found, "reason", None), *found.args, found.__cause__, found.__context__]


def _cause(error: BaseException) -> str:
    """Describe the innermost known cause."""
    for inner in _inside(error):
        if isinstance(inner, socket.gaierror | urllib3.exceptions.NameResolutionError):
            return "its name is not known here; look for a slip in the address, or ask who runs the DNS"
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({inner.verify_message})"
        if isinstance(inner, ssl.SSLError):
            return "there is no TLS" if _is_plain(inner) else f"TLS failed ({inner.reason or 'no reason given'})"
        if isinstance(inner, OSError) and inner.errno:
            return os.strerror(inner.errno).lower()
        if tunnel := TUNNEL_REFUSED.search(str(inner)) if isinstance(inner, OSError) else None:
            return f"it answered {tunnel[1]}"
    return (
        "no answer in time" if isinstance(error, requests.exceptions.Timeout) else "it was closed without an answer"
    )


def _host(url: str) -> str:
    """Return host and port of an address, without user and password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    return f"{parts.hostname or ''}{f':{port}' if port else ''}"


def _proxy_of(url: str) -> tuple[str, str]:
    """Return host and port of the proxy that the environment sets for an address, and the variable; else ""."""
    chosen, variable = proxy_for(url)
    return _host(chosen if "://" in chosen else f"http://{chosen}") if chosen else "", variable


def _set_by(variable: str) -> str:
    return f" (set by {variable})" if variable else ""
