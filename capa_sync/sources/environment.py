"""Finds what is wrong with the proxy and the certificates that variables of the environment name.

Nothing is sent with such a mistake, and the errors of `requests` blame something else, or say nothing: so a failed
request asks here first. The value of a variable is not repeated, because it may hold a password in any place.
"""

from __future__ import annotations

import importlib.util
import os
import ssl
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions
from requests.utils import get_environ_proxies, select_proxy
from urllib3.util import parse_url

from capa_sync.errors import Fatal

T = TypeVar("T")
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SOCKS = frozenset({"socks4", "socks4a", "socks5", "socks5h"})
_FAILURES = (OSError, ValueError, urllib3.exceptions.HTTPError)
"""What `requests` raises: its own errors are OSErrors; some of urllib3 and of the standard library pass through."""


def read_environment_once(session: requests.Session, url: str) -> None:
    """Give a session the environment's proxies and certificates now, instead of at each request to this address.

    The variables never change while capa-sync runs. Reading them again is a seventh of the cost of a small request
    (measured).
    """
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies.update(found["proxies"])
    session.verify = found["verify"]
    session.trust_env = False


def sent(source: str, url: str, send: Callable[[], T]) -> T:
    """Return what `send` returns. Raises Fatal when it failed because of a variable of the environment.

    Nothing of the request left this machine then. Every other error of `send` is raised as it is.
    """
    try:
        return send()
    except _FAILURES as error:
        wrong = _wrong_proxy(url) or _wrong_bundle(url, error)
        if not wrong:
            raise
        do = "mend that variable, or take it out of the environment"
        raise Fatal(source, f"{urlsplit(url).hostname} cannot be reached: {wrong}", do=do) from None


def proxy_for(url: str) -> tuple[str, str]:
    """Return the proxy that the environment sets for an address, as written, and the variable; "" without one."""
    chosen = select_proxy(url, get_environ_proxies(url))
    if not chosen:
        return "", ""
    scheme = urlsplit(url).scheme
    names = (name for kind in (scheme, "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper()))
    return chosen, next((name for name in names if os.environ.get(name)), "")


def _wrong_proxy(url: str) -> str:
    """Return why requests to an address can use no proxy as it is written, "" where they can or need none."""
    chosen, variable = proxy_for(url)
    why = _why_unusable(chosen) if chosen else ""
    set_by = f"set by {variable}" if variable else "of the environment"
    return f"the proxy {set_by} cannot be used: {why}" if why else ""


def _why_unusable(proxy: str) -> str:
    try:
        parts = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        (parts.host or "").encode("idna")
    except (urllib3.exceptions.HTTPError, ValueError):
        return "its host or port cannot be read; write it as http://HOST:PORT"
    if not parts.host:
        return "it names no host; write it as http://HOST:PORT"
    if parts.scheme in _SOCKS:
        has_socks = importlib.util.find_spec("socks") is not None
        return (
            "" if has_socks else "it is a SOCKS proxy, which needs the package PySocks; install that, or name another"
        )
    return "" if parts.scheme in {"http", "https"} else "it is of no known kind; write it as http://HOST:PORT"


def _wrong_bundle(url: str, error: Exception) -> str:
    """Return why the certificates that the environment names cannot be used, where an error may come from that."""
    is_other = isinstance(error, requests.RequestException) and not isinstance(error, requests.exceptions.SSLError)
    variable = next((name for name in _BUNDLES if os.environ.get(name)), "")
    if is_other or not variable or not url.startswith("https:"):
        return ""
    path = os.environ[variable]
    try:
        folder = path if os.path.isdir(path) else None  # noqa: PTH112 - as requests decides
        ssl.create_default_context(cafile=None if folder else path, capath=folder)
    except ssl.SSLError:
        return f"{variable} names {path}, which holds no certificate that can be read"
    except (OSError, ValueError) as found:
        return f"{variable} names {path}, which cannot be read ({getattr(found, 'strerror', None) or 'no path'})"
    return ""
