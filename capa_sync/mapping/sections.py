"""Text under a heading inside one text box: `heading:` of a mapping. Teams keep whole records in the description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from capa_sync.mapping.texts import fold
from capa_sync.model.values import BLANK, Raw

_LONGEST, _MOST_WORDS = 80, 8
"""Characters and words of a line that may be a heading."""
_MARKS = "#*_ \t\u00a0"
_NUMBERS = "0123456789.) "


class Sections:
    """Finds the text under some headings.

    Args:
        wanted: the headings, as people write them. others: further headings of the same text box in the mapping.
    """

    def __init__(self, wanted: Iterable[str], others: Iterable[str] = ()) -> None:
        self._wanted = frozenset(map(fold, wanted))
        self._others = frozenset(map(fold, others)) - self._wanted
        self.of = lru_cache(maxsize=500)(self._of)

    def _of(self, raw: Raw) -> Raw:
        """Return the part of a value that stands under one of the headings; blank where there is none."""
        text = "\n".join(self._lines(raw.text)).strip()
        return Raw((text,), (), text) if text else BLANK

    def _lines(self, text: str) -> Iterator[str]:
        is_inside = False
        for line in text.splitlines():
            name, rest = _heading_of(line)
            if name in self._wanted:
                is_inside = True
                if rest:
                    yield rest
            elif name in self._others or _looks_like_heading(line):
                is_inside = False
            elif is_inside:
                yield line


def _heading_of(line: str) -> tuple[str, str]:
    """Return what may be a heading at the start of a line, folded, and the text behind its colon."""
    head, _, rest = line.strip(_MARKS).lstrip(_NUMBERS).partition(":")
    head = head.strip(_MARKS)
    return (fold(head), rest.strip(_MARKS)) if len(head) <= _LONGEST else ("", "")


def _looks_like_heading(line: str) -> bool:
    """Return whether a line is a heading of any name: it begins with `#`, or is a few words and a colon."""
    bare = line.strip()
    is_marked = bare.startswith("#") and bare.lstrip("#").startswith(" ")
    is_short = len(bare) <= _LONGEST and len(bare.split()) <= _MOST_WORDS
    return is_marked or (is_short and bare.rstrip("*_ ").endswith(":") and not bare.startswith(("-", "* ", "•")))
