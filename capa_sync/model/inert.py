"""Makes cells safe: no spreadsheet takes one for a formula, and none contains invisible characters."""

from __future__ import annotations

import unicodedata

from capa_sync.model.visible import lines

_TRIGGERS = frozenset("=+-@−|%")
"""The signs that begin a formula, a DDE command or a macro; NFKC maps other forms of them to these."""
_BLANKS = "\u00ad\u034f\u115f\u1160\u180e\u200c\u200d\u2800\u3164\uffa0"
"""Characters that show nothing and that Python does not treat as white space."""


def inert(cell: str) -> str:
    """Return a cell, with an apostrophe in front if a spreadsheet could run it; plain numbers stay numbers.

    White space of any kind before the sign is ignored, because spreadsheets and import programs remove it.
    """
    if cell[:1].isalpha() and cell.isascii() and cell.isprintable():
        return cell  # most cells: a plain letter begins neither a formula nor a number
    shown = lines(cell)
    if _is_number(shown):
        return shown
    bare, before = shown.strip(), ""
    while bare != before:
        bare, before = bare.strip(_BLANKS).strip(), bare
    is_odd = cell[:1] in {"\t", "\r", "\n"} or unicodedata.normalize("NFKC", bare[:1])[:1] in _TRIGGERS
    return "'" + shown if is_odd else shown


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdecimal() and cell.isascii()
