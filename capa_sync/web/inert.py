"""Makes the cells of a CSV answer inert while it is streamed."""

from __future__ import annotations

import csv
import io

from capa_sync.model.inert import inert


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
