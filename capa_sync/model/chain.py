"""The hash chain over the register: heads that can be noted elsewhere, and what `verify` found."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import field
from datetime import datetime

from capa_sync.model.light import light

_HEX = frozenset("0123456789abcdef")
_AROUND = "'\"`()<>[].,;"
_CUT = 16
"""From so many digits on, a hash that is too short is a cut one, and no time of the day."""
_DIGEST = 64
"""Characters of a SHA-256 in hexadecimal."""


@light
class ChainHead:
    """An event of the chain: its number and its hash (hexadecimal), which stands for all events up to it."""

    number: int
    hash: str

    def __str__(self) -> str:
        """Return `NUMBER:HASH`, the form in which heads are printed and compared."""
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> ChainHead:
        """Return the head of `NUMBER:HASH`. Raises ValueError."""
        number, _, digest = text.strip().lower().partition(":")
        if len(digest) != _DIGEST or not _HEX.issuperset(digest) or not number.isdecimal():
            message = "no NUMBER:HASH"
            raise ValueError(message)
        return cls(int(number), digest)

    @classmethod
    def all_in(cls, line: str) -> list[ChainHead]:
        """Return the heads among the words of a line. Raises ValueError for a line that begins with a cut one."""
        words = [word.strip(_AROUND) for word in line.split()]
        found = []
        for word in words:
            with suppress(ValueError):
                found.append(cls.parse(word))
        number, _, digest = words[0].lower().partition(":") if words else ("", "", "")
        if not found and number.isdecimal() and len(digest) >= _CUT and _HEX.issuperset(digest):
            message = f"'{words[0]}' is no head"
            raise ValueError(message)
        return found


@light
class ChainBreak:
    """One row that is not as it was chained.

    Attributes:
        number: of the event that says how it was; for an event itself its own number; 0 where no event covers it.
        row: what it is, in words with its key. what: how it differs.
    """

    number: int
    row: str
    what: str

    def __str__(self) -> str:
        """Return the row and how it differs, as one line."""
        return f"{self.row}: {self.what}"


@light
class Uncovered:
    """What the chain says nothing of.

    Attributes:
        derived: tables that `rebuild` makes again from what is chained. tables: others. columns: of chained tables.
    """

    derived: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@light
class DerivedReport:
    """How the derived tables compare with those that a rebuild makes.

    Attributes:
        differs: the first row that differs, in words, "" for none. tables: that were compared. waiting: tickets whose
            rows were not, being due to be judged. held: tickets whose rows a rebuild leaves as they were.
    """

    differs: str
    tables: tuple[str, ...]
    waiting: int
    held: int


@light
class ChainReport:
    """What a verification found.

    Attributes:
        events: how many there are. rows: how many rows they speak for. since: instant of the first event, None
            without one. adopted: rows that were in the register before the chain began. head: the newest event.
        breaks: rows that are not as chained, by number of their event; the first ones. broken: how many in all.
        uncovered: what the chain says nothing of.
    """

    events: int = 0
    rows: int = 0
    since: datetime | None = None
    adopted: int = 0
    head: ChainHead | None = None
    breaks: tuple[ChainBreak, ...] = field(default=())
    broken: int = 0
    uncovered: Uncovered = field(default=Uncovered())
