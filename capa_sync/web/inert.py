"""Makes cells safe: no spreadsheet takes one for a formula, and none contains invisible characters."""

from __future__ import annotations

import csv
import io
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
    shown = lines(cell)
    if _is_number(shown):
        return shown
    bare, before = shown.strip(), ""
    while bare != before:
        bare, before = bare.strip(_BLANKS).strip(), bare
    is_odd = cell[:1] in {"\t", "\r", "\n"} or unicodedata.normalize("NFKC", bare[:1])[:1] in _TRIGGERS
    return "'" + shown if is_odd else shown


def inert_csv(data: bytes, *, is_end: bool) -> tuple[bytes, bytes]:
    """Make the complete rows of `data` inert; return them and the bytes of the incomplete last row.

    A row ends at a line end outside quotes, that is in CSV after an even number of quotation marks.
    """
    cut = len(data) if is_end else _last_row_end(data)
    whole = data[:cut].decode("utf-8", "replace")
    out = io.StringIO()
    csv.writer(out).writerows([inert(cell) for cell in row] for row in csv.reader(io.StringIO(whole, newline="")))
    return out.getvalue().encode(), data[cut:]


def _last_row_end(data: bytes) -> int:
    """Return the position after the last line end outside quotes."""
    end = len(data)
    quotes = data.count(b'"')
    while (at := data.rfind(b"\n", 0, end)) >= 0:
        quotes -= data.count(b'"', at, end)
        if quotes % 2 == 0:
            return at + 1
        end = at
    return 0


def _is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdecimal() and cell.isascii()
