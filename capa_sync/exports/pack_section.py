"""One section of the page and of the PDF of an evidence pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

SHORT_HASH = 12
"""Hex digits of a rule set's hash that a person reads; evidence.json has all."""


class PackSection(NamedTuple):
    """A section: its heading with the outcome before it, sentences, a list, a table.

    Attributes:
        level: 2, or 3 below the last section of level 2. columns: heads; () where each row is a name and its value.
        shares: widths of the columns on paper, relative to each other; () as wide as their texts. Tables of fixed
            widths are laid out in four fifths of the time (measured), and those of all verdicts are alike.
        rows: None where it has no table; a table without a row says so.
    """

    heading: str
    level: int = 2
    outcome: str = ""
    says: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    shares: tuple[int, ...] = ()
    rows: Sequence[Sequence[Any]] | None = None
