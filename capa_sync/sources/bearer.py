"""Reads a token endpoint's answer to the client-credentials grant (RFC 6749, 4.4 and 5.1); pure."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from capa_sync.errors import Authentication

_USUAL = 1800.0
_LONGEST = 86_400.0
"""Seconds; a token with a longer lifetime is fetched again after a day."""


def read_token(source: str, body: Any) -> tuple[str, timedelta]:
    """Return the access token and its lifetime. Raises Authentication when the answer has no usable token."""
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token.strip():
        raise Authentication(source, "the token endpoint gave no access token; is its address right?")
    return token, timedelta(seconds=_life(body.get("expires_in")))


def _life(expires_in: Any) -> float:
    """Read `expires_in`: seconds as a number or as text; half an hour when it is neither."""
    try:
        seconds = float(expires_in) if isinstance(expires_in, (int, float, str)) else _USUAL
    except (ValueError, OverflowError):
        return _USUAL
    return min(seconds, _LONGEST) if math.isfinite(seconds) and seconds > 0 else _USUAL
