"""Rows that are chained by their place in a range: parts by id, register numbers by year and serial."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from capa_sync.store.chain import NUMBERS, ChainEntry, content_of
from capa_sync.store.database import Params


def part_content(source: str, ticket_id: str, row: Params, digest: str = "") -> bytes:
    """Return the content of a part: its ticket, its cells, and the SHA-256 of its body, computed unless given.

    `row` has the cells of `part` without the id: nr, kind, version, form, digest, run, read_at, body.
    """
    return content_of([source, ticket_id, row[:7], digest or hashlib.sha256(row[7]).hexdigest()])


def number_entries(rows: Iterable[Params]) -> Iterator[ChainEntry]:
    """Yield one event for each run of serials of a year; `rows` as in the table `register_number`."""
    ordered = sorted(rows, key=lambda row: (row[2], row[3]))
    for _, numbered in groupby(enumerate(ordered), key=lambda place: (place[1][2], place[1][3] - place[0])):
        found = [row for _, row in numbered]
        year, first, last = found[0][2], found[0][3], found[-1][3]
        yield ChainEntry(NUMBERS, "", "", (str(year), first, last), [content_of(row) for row in found])


def runs_of(ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield start and end (exclusive) of each run of ids that follow each other, as places in the sequence."""
    start = 0
    for place in range(1, len(ids) + 1):
        if place == len(ids) or ids[place] != ids[place - 1] + 1:
            yield start, place
            start = place
