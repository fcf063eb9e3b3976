"""Reads a token endpoint's answer to the client-credentials grant (RFC 6749, 4.4 and 5.1); pure."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from capa_sync.errors import AnswerTooLarge, Authentication, BadAnswer, Fatal

LONGEST_TOKEN = 16 * 1024
"""Characters; a signed token of a large directory has a few thousand."""
_ASK = "check `url` and `token_url`: is the address that of a token endpoint?"
_EARLY = timedelta(seconds=60)
_USUAL = 1800.0
_LONGEST = 86_400.0
"""Seconds; a token with a longer lifetime is fetched again after a day."""


def read_token(source: str, body: Any) -> tuple[str, timedelta]:
    """Return the access token and its lifetime. Raises Authentication when the answer has no usable token.

    A token is visible ASCII without blanks (RFC 6750 allows fewer signs, and issuers do not all keep to it). It is
    hidden in all that we write, so a text of words, or one without end, must not count as one.
    """
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token.strip():
        raise Authentication(source, "the token endpoint gave no access token", do=_ASK)
    if len(token) > LONGEST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        why = f"{len(token):,} characters; it may have {LONGEST_TOKEN:,}, of visible ASCII without blanks"
        raise Authentication(source, f"the token endpoint gave a text that is no access token ({why})", do=_ASK)
    return token, timedelta(seconds=_life(body.get("expires_in")))


def not_signed_in(source: str, fault: Fatal) -> Authentication:
    """Return the error of a token that could not be fetched: the request that needs it was not sent."""
    if isinstance(fault, Authentication):
        return fault
    is_answer = isinstance(fault, BadAnswer | AnswerTooLarge)  # advice about those is about the tracker's address
    return Authentication(source, f"sign-in: {fault.message}", do=_ASK if is_answer else fault.do)


def renewed_after(life: timedelta) -> timedelta:
    """Return after which time a token is fetched again: a minute before its end, or at half of a short life."""
    return max(life - _EARLY, life / 2)


def _life(expires_in: Any) -> float:
    """Read `expires_in`: seconds as a number or as text; half an hour when it is neither."""
    try:
        seconds = float(expires_in) if isinstance(expires_in, (int, float, str)) else _USUAL
    except (ValueError, OverflowError):
        return _USUAL
    return min(seconds, _LONGEST) if math.isfinite(seconds) and seconds > 0 else _USUAL
