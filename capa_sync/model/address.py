"""Checks addresses: they must be encrypted and contain no secret; pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def check_address(url: str, *, allow_http: bool = False) -> str | None:
    """Return in one sentence, without the address itself, why it cannot be used; None when it can."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "this is no address; write https://NAME"
    if "@" in parts.netloc or "\\" in url:
        return "an address must not hold a user or a password; they belong under [auth]"
    if parts.scheme not in ("https", "http") or not host or any(sign.isspace() for sign in url):
        return "an address begins with https:// and a name, as in https://example.atlassian.net"
    if parts.query or parts.fragment:
        return "an address ends with its path; what follows ? or # does not belong to it"
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        return "http:// would send secrets unencrypted; write https://, or allow_http = true for this source"
    return None


def check_link(url: str) -> str | None:
    """Return in one sentence, without the address itself, why it cannot stand in our texts; None when it can."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "this is no address; write https://NAME/"
    if "@" in parts.netloc or "\\" in url:
        return "everybody reads this address, so it must not hold a user or a password"
    if parts.scheme not in ("https", "http") or not host or any(sign.isspace() for sign in url):
        return "an address begins with https:// and a name, as in https://capa.example.com/"
    return None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or its address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"
