"""CSV cells that no spreadsheet takes for a formula (facts/clause10.md 4.6)."""

from __future__ import annotations

import csv
import io

_TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def inert(cell: str) -> str:
    """Return a cell with an apostrophe before whatever a spreadsheet would run; plain numbers stay numbers."""
    if not cell.lstrip(" ").startswith(_TRIGGERS) or _is_number(cell):
        return cell
    return "'" + cell


def inert_csv(data: bytes, *, is_end: bool) -> tuple[bytes, bytes]:
    """Make the whole rows of `data` inert; return them and the bytes of a row that is not whole yet.

    A row is whole at a line end outside quotes, which in CSV means after an even number of quotation marks.
    """
    cut = len(data) if is_end else _last_row_end(data)
    whole = data[:cut].decode("utf-8", "replace")
    out = io.StringIO()
    csv.writer(out).writerows([inert(cell) for cell in row] for row in csv.reader(io.StringIO(whole, newline="")))
    return out.getvalue().encode(), data[cut:]


def _last_row_end(data: bytes) -> int:
    """Return the place after the last line end outside quotes."""
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
