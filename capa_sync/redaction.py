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
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
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


_CUT = "…"
"""Ends a text that was shortened before secrets are removed: half a secret would not be recognised."""
_PIECE = 5
"""Letters of a piece: one is looked at every few letters of a text, at least one in each form of a secret."""
_WIDEST = 16
"""Most letters from one piece that is looked at to the next."""
_DEPTH = 3
"""How often an escape may itself be escaped: a percent sign of an address inside JSON inside HTML."""
_NOTHING = re.compile(rf"\s|{_UNSEEN.pattern}")
"""White space counts as nothing too: a header that was folded, or a code that was broken into lines."""
_ESCAPE = re.compile(
    r"%(?:[0-7][0-9a-f]|[cd][0-9a-f]%[89ab][0-9a-f]|e[0-9a-f](?:%[89ab][0-9a-f]){2}|f[0-7](?:%[89ab][0-9a-f]){3}"
    r"|[0-9a-f]{2})"
    r"|(?-i:\\U)00(?:0[0-9a-f]|10)[0-9a-f]{4}|\\u(?:d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|[0-9a-f]{4})|\\x[0-9a-f]{2}|\\."
    r"|&(?:#[0-9]{1,7};?|#x[0-9a-f]{1,6};?|[a-z][a-z0-9]{1,31};)",
    re.IGNORECASE | re.DOTALL,
)
"""What addresses, JSON, programs and HTML write for one character; no two of its branches begin alike and go on."""
_FOR_ADDRESSES = str.maketrans("+/", "-_")
_WHITE = frozenset("nrtfvb0")
"""Letters that stand for white space, or for a character that shows nothing, behind a backslash."""


class Redactor:
    """Knows secrets, and removes them from texts in every form in which they may be repeated."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: set[str] = set()
        self._passing: deque[frozenset[str]] = deque(maxlen=_TOKENS)
        self._pieces: tuple[dict[str, list[tuple[str, int]]], int] = {}, 1
        """Piece -> the forms that have it, with the number of letters before it; how far apart a text's are."""
        self._heads: list[tuple[str, tuple[str, ...], int]] = []
        """First letters, the forms that begin so, and the length of the longest of them."""
        self._spaced: frozenset[str] = frozenset()
        """Secrets of too few letters to be known without their white space."""

    def conceal(self, secret: str, user: str = "", *, is_passing: bool = False) -> None:
        """Remove a secret from texts from now on.

        Args:
            secret: the secret; one shorter than SHORTEST is not removed.
            user: the name that is sent with it, for its basic-auth form.
            is_passing: an access token, which is forgotten after many newer ones.
        """
        if len(secret) < SHORTEST:
            return
        forms = frozenset(_bare(_forms(secret, user)))
        with self._lock:
            if forms <= self._kept:
                return
            if is_passing:
                self._passing.append(forms)
            else:
                self._kept |= forms
            if len(_seen(secret)) < SHORTEST:
                self._spaced |= {secret}
            every = self._kept.union(*self._passing)
            step = min(min(map(len, every)) - _PIECE + 1, _WIDEST)
            pieces: dict[str, list[tuple[str, int]]] = {}
            for form in every:
                for at in range(step):
                    pieces.setdefault(form[at : at + _PIECE], []).append((form, at))
            self._pieces = pieces, step
            heads: dict[str, list[str]] = {}
            for form in every:
                heads.setdefault(form[:_PIECE], []).append(form)
            self._heads = [(head, tuple(forms), max(map(len, forms))) for head, forms in heads.items()]

    def redacted(self, text: str) -> str:
        """Return a text without any secret."""
        if not self._pieces[0]:
            return text
        for secret in self._spaced:
            text = text.replace(secret, REMOVED)
        letters = ""
        for depth in range(_DEPTH + 1):
            before, letters = letters, _read(letters) if depth else _seen(text)
            if letters == before:
                break
            if spans := self._spans(letters):
                text = _without(text, spans, depth)
                letters = _seen(text)
                for _ in range(depth):
                    letters = _read(letters)
        return text

    def _spans(self, letters: str) -> list[tuple[int, int]]:
        """Return where secrets are in letters that were read, in order; those that overlap are one."""
        pieces, step = self._pieces
        hits = [at for at in range(0, len(letters), step) if letters[at : at + _PIECE] in pieces]
        found = sorted(
            (at - before, at - before + len(form))
            for at in hits
            for form, before in pieces[letters[at : at + _PIECE]]
            if at >= before and letters.startswith(form, at - before)
        )
        if _CUT in letters:
            found = sorted({*found, *self._cut_spans(letters)})
        spans: list[tuple[int, int]] = []
        for first, end in found:
            if spans and first < spans[-1][1]:
                first, end = spans[-1][0], max(end, spans.pop()[1])
            spans.append((first, end))
        return spans

    def _cut_spans(self, letters: str) -> Iterator[tuple[int, int]]:
        """Yield where a text that was shortened ends within a secret, of which half or more is left."""
        start, end = 0, letters.find(_CUT)
        while end >= 0:
            for head, forms, longest in self._heads if end - start >= _PIECE else ():
                first = letters.find(head, max(start, end - longest), end)
                while first >= 0:
                    rest = letters[first:end]
                    if any(2 * len(rest) >= len(form) > len(rest) and form.startswith(rest) for form in forms):
                        yield first, end
                    first = letters.find(head, first + 1, end)
            start, end = end + 1, letters.find(_CUT, end + 1)


def _seen(text: str) -> str:
    """Return a text without white space and without what shows nothing."""
    text = "".join(text.split())
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub("", text)


def _read(letters: str) -> str:
    """Return letters with each escape as the character that it means."""
    if not any(sign in letters for sign in "%\\&"):
        return letters
    read, count = _ESCAPE.subn(_meaning, letters)
    return _seen(read) if count else letters


def _meaning(escape: re.Match[str]) -> str:
    return _character(escape[0])


@lru_cache(4_096)
def _character(escape: str) -> str:
    """Return what an escape means; "" for white space, and the escape itself where it means nothing."""
    from html import unescape

    if escape[0] == "&":
        return unescape(escape)
    if escape[0] == "%":
        code = bytes.fromhex(escape.replace("%", ""))
        return code.decode("utf-8" if len(code) > 1 or code < b"\x80" else "latin-1", "replace")
    if len(escape) == 2:
        return "" if escape[1] in _WHITE else escape[1]
    known = escape if len(escape) == 10 else escape.lower()
    units = known.encode().decode("unicode_escape").encode("utf-16-be", "surrogatepass")
    return units.decode("utf-16-be", "ignore")


def _without(text: str, spans: list[tuple[int, int]], depth: int) -> str:
    """Return a text without what lies at these places, which count the letters as read `depth` times."""
    letters, firsts, lasts = text, array("Q", range(len(text))), array("Q", range(1, len(text) + 1))
    for step in range(2 * depth + 1):
        pieces, ends, starts, done = [], array("Q"), array("Q"), 0
        for match in (_ESCAPE if step % 2 else _NOTHING).finditer(letters):
            first, end = match.span()
            meaning = _meaning(match) if step % 2 else ""
            pieces += [letters[done:first], meaning]
            starts += firsts[done:first] + array("Q", [firsts[first]] * len(meaning))
            ends += lasts[done:first] + array("Q", [lasts[end - 1]] * len(meaning))
            done = end
        letters = "".join([*pieces, letters[done:]])
        firsts, lasts = starts + firsts[done:], ends + lasts[done:]
    kept, done = [], 0
    for first, end in spans:
        kept += [text[done : firsts[first]], REMOVED]
        done = lasts[end - 1]
    return "".join([*kept, text[done:]])


def _bare(forms: Iterable[str]) -> Iterator[str]:
    """Yield forms as they are found in letters that were read, as often as these may be."""
    for form in forms:
        letters = _seen(form)
        for _ in range(_DEPTH + 1):
            if len(letters) >= SHORTEST:
                yield letters
            letters = _read(letters)


def _forms(secret: str, user: str) -> Iterator[str]:
    """Yield a secret as it is, in base64 whatever stands before it, and as addresses, JSON and HTML write it.

    Escapes are read before these are looked for; whole forms are there for a secret behind half an escape. White
    space is removed before escapes are read: a backslash before a blank is then one before the next letter.
    """
    from html import escape

    yield from (secret, secret.replace(" ", "+"))
    yield "".join(f"\\{letter}" if letter.isspace() else letter for letter in secret)
    yield "".join(letter if letter.isalnum() else f"\\{letter}" for letter in secret)
    for encoding in ("utf-8", "latin-1"):
        alone = secret.encode(encoding, "replace")
        for whole in (f"{user}:".encode(encoding, "replace") + alone, alone, b"Bearer " + alone):
            yield from _in_both(base64.b64encode(whole).decode())
        for before in range(3):
            # the letters that this secret alone decides, wherever it begins in a longer text
            code = base64.b64encode(bytes(before) + alone).decode()
            yield from _in_both(code[(8 * before + 5) // 6 : 8 * (before + len(alone)) // 6])
    yield from (quote(secret, safe=""), quote_plus(secret), escape(secret), escape(secret, quote=False))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])


def _in_both(code: str) -> Iterator[str]:
    """Yield a text in base64 and in base64 for addresses, each with and without its end."""
    for form in (code, code.translate(_FOR_ADDRESSES)):
        yield from (form, form.rstrip("="))


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
