"""Removes our secrets from all that we write or quote: errors, logs, register, terminal.

A tracker or a proxy may repeat the header that we sent, and our messages quote its answer. So each secret is
registered here when it is fetched, and each message passes through `redacted`. The process has one set of secrets: a
message about one source must not show the secret of another source either.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

SHORTEST = 8
"""Secrets with fewer characters are not removed: that would also remove words from plain sentences."""
REMOVED = "[secret removed]"
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Characters that show nothing: with them between its letters, a person reads the secret all the same.

They are more than what is removed before a text is shown (`model.visible`): joiners stay there.
"""
_TOKENS = 50
"""Number of access tokens that are kept; each is valid for minutes or hours."""


class Redactor:
    """Knows secrets, and removes them from texts in every form in which they may be repeated."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: set[str] = set()
        self._passing: deque[frozenset[str]] = deque(maxlen=_TOKENS)
        self._pattern: re.Pattern[str] | None = None

    def conceal(self, secret: str, user: str = "", *, is_passing: bool = False) -> None:
        """Remove a secret from texts from now on.

        Args:
            secret: the secret; one shorter than SHORTEST is not removed.
            user: the name that is sent with it, for its basic-auth form.
            is_passing: an access token, which is forgotten after many newer ones.
        """
        if len(secret) < SHORTEST:
            return
        forms = frozenset(_forms(secret, user))
        forms |= {bare for form in forms if len(bare := _UNSEEN.sub("", form)) >= SHORTEST}
        with self._lock:
            if forms <= self._kept:
                return
            if is_passing:
                self._passing.append(forms)
            else:
                self._kept |= forms
            every = self._kept.union(*self._passing)
            # the longest first: a form that contains another is removed as a whole
            self._pattern = re.compile("|".join(map(re.escape, sorted(every, key=len, reverse=True))))

    def redacted(self, text: str) -> str:
        """Return a text without any secret."""
        pattern = self._pattern
        if pattern is None:
            return text
        text = pattern.sub(REMOVED, text)
        if text.isascii() and text.isprintable():
            return text
        found = list(pattern.finditer(_UNSEEN.sub("", text)))
        return _without(text, [match.span() for match in found]) if found else text


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """Return a text without what lies at these places, which count no character that shows nothing."""
    seen = [place for place, letter in enumerate(text) if not _UNSEEN.match(letter)]
    pieces, end = [], 0
    for first, last in spans:
        pieces += [text[end : seen[first]], REMOVED]
        end = seen[last - 1] + 1
    return "".join([*pieces, text[end:]])


def _forms(secret: str, user: str) -> Iterator[str]:
    """Yield a secret as it is, as basic authentication sends it, and as URLs, JSON and HTML write it."""
    from html import escape

    yield secret
    if (plain := " ".join(secret.split())) and len(plain) >= SHORTEST:
        yield plain  # its form in a message that was put on one line
    for encoding in ("utf-8", "latin-1"):
        pair = f"{user}:{secret}".encode(encoding, "replace")
        for code in (base64.b64encode(pair), base64.urlsafe_b64encode(pair)):
            yield from {code.decode(), code.decode().rstrip("=")}
    yield from (quote(secret, safe=""), quote_plus(secret), escape(secret), escape(secret, quote=False))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])


_ours = Redactor()
conceal = _ours.conceal
redacted = _ours.redacted

_PLAIN = frozenset({"from", "name", "reply", "to", "cc", "bcc", "smtp", "mode", "format", "verify", "rto", "cto"})
"""Keys of an address of the digest (Apprise) that hold no secret."""


def conceal_address(address: str) -> None:
    """Remove an Apprise address, and each part of it that may be a secret, from all that this process writes."""
    try:
        parts = urlsplit(address)
    except ValueError:
        conceal(address)
        return
    credentials, _, host = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    secrets = [address, password, *parts.path.split("/")]
    secrets += [value for key, value in parse_qsl(parts.query) if key.lower() not in _PLAIN]
    if not parts.scheme.lower().startswith("mailto"):  # of a web hook, any part may be the token
        secrets += [user, host if "." not in host and not host.startswith("localhost") else ""]
    for secret in secrets:
        for form in {secret, unquote(secret)}:
            conceal(form, unquote(user))
