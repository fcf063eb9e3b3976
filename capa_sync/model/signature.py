"""Checks that a sender of hints knows the source's secret; compares in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac

METHOD = "sha256"


def is_signed(secret: str, body: bytes, header: str) -> bool:
    """Return whether `header` is `sha256=SIGNATURE` of the raw body, in hex as Jira sends it or in base64.

    Jira: `X-Hub-Signature`, docs/jira.md 6. ServiceNow's `generateMac` sends base64.
    """
    method, _, signature = header.strip().partition("=")
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    received = signature.strip().encode("utf-8", "replace")
    is_hex = hmac.compare_digest(received.lower(), digest.hex().encode())
    is_base64 = hmac.compare_digest(received, base64.b64encode(digest))
    return method.strip().lower() == METHOD and (is_hex or is_base64)


def is_secret(secret: str, header: str) -> bool:
    """Return whether a header is the shared secret itself."""
    return hmac.compare_digest(header.encode("utf-8", "replace"), secret.encode())
