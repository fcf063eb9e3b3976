"""Makes plain text comparable: normalising and template removal (docs/clause10.md 2.1)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from capa_sync.model.patterns import TEMPLATE_GAP, literal

_INVISIBLE = [0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, *range(0x200B, 0x2010)]
_INVISIBLE += [*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFEFF, 0xFFA0]
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_CLEAN: dict[int, str | None] = {**dict.fromkeys(_INVISIBLE), **dict.fromkeys(_CONTROLS, " ")}
_CLEAN |= {ord(icon): f"{icon}\ufe0f" for icon in "ℹⓂ"}
"""NFKC makes letters of these icons; the selector behind them keeps them icons."""


def normalise(text: str) -> str:
    """Return the text in NFKC, without zero-width and control characters, on one line with single spaces."""
    if text.isascii():
        if text.isprintable() and "  " not in text:
            return text.strip(" ")  # most texts take this path: they contain no other white space
        joined = " ".join(text.split())
        return joined if joined.isprintable() else " ".join(joined.translate(_CLEAN).split())
    return " ".join(unicodedata.normalize("NFKC", text.translate(_CLEAN)).split())


@lru_cache(maxsize=20_000)
def fold(text: str) -> str:
    """Return a name in the form in which names are compared: normalised, without case."""
    return normalise(text).casefold()


def squash(text: str) -> str:
    """Return only letters and digits, to compare texts without markup (history holds wiki text, the field ADF)."""
    return "".join(filter(str.isalnum, text.casefold()))


def has_word(text: str) -> bool:
    """Return whether the text contains a letter or digit of any script."""
    return text[:1].isalnum() or any(map(str.isalnum, text))


class Template:
    """Text that a tracker pre-fills; the rest of a field's text was written by a person.

    `...` (or `…`) and line ends separate the fixed pieces of a template, between which people write.
    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        pieces = (normalise(piece) for text in texts for piece in TEMPLATE_GAP.split(text))
        ordered = sorted(filter(has_word, pieces), key=len, reverse=True)
        self._pieces = [(piece.lower(), literal(piece)) for piece in ordered]

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def strip(self, text: str) -> str:
        """Return a normalised text without the template; "" when nothing but punctuation is left."""
        found, is_ascii, lower = False, text.isascii(), text.lower()
        for piece, pattern in self._pieces:
            if is_ascii and piece.isascii() and piece not in lower:
                continue  # the same result as a case-insensitive search, in a tenth of the time
            text, count = pattern.subn(" ", text, count=1)
            if count:
                found, lower = True, text.lower()
        if not found:
            return text
        return " ".join(text.split()) if has_word(text) else ""
