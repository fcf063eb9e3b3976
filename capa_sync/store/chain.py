"""The hash chain: what was stored, in order, each event with the hash of the one before (docs/tamper-evidence.md).

An event covers one row or several. Of each row it holds a salted digest of the content, never the content: where a
row is erased with its salt, the chain stays whole and tells nothing of what was there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from capa_sync.errors import UnreadableContent
from capa_sync.model.chain import ChainHead
from capa_sync.store.columns import instant_text
from capa_sync.store.database import Database, Params
from capa_sync.store.unreadable import reading

DIGEST, SALT = 32, 16
"""Bytes of a digest, and of a salt."""
START, PAGE, NUMBERS, EXPORT, SIGN_IN = "start", "page", "numbers", "export", "sign_in"
RULES_WRITTEN = "rules_written"
"""Kinds of events beside those of `CHAINED`: the beginning; parts read with one page; register numbers of a year;
what a person took away; who signed in to the page; who had rule files written there. All but `page` and `numbers`
hold their content themselves, as text."""
VISITS = (EXPORT, SIGN_IN, RULES_WRITTEN)
"""Kinds of events that say nothing of the register: an export of an unchanged register does not depend on them."""
GONE = b""
"""Content of a row that was deleted."""
_BEFORE_FIRST = bytes(DIGEST)
_INSERT = """INSERT INTO event (number, at, kind, source, ticket_id, names, text, digests, salts, hash)
    VALUES (?,?,?,?,?,?,?,?,?,?)"""


class ChainEntry(NamedTuple):
    """One event to append.

    Attributes:
        kind: of the event. source, ticket_id: whose rows; "" where they are of several.
        names: of its rows within kind, source and ticket, in order; for PAGE and NUMBERS the first and the last.
        contents: of the rows, in the same order. text: the content, where no row holds it.
    """

    kind: str
    source: str
    ticket_id: str
    names: Sequence[str | int]
    contents: Sequence[bytes]
    text: str = ""


def content_of(cells: Sequence[object]) -> bytes:
    """Return the content of a row, from its chained columns in order. Raises TypeError for a BLOB."""
    return orjson.dumps(cells)


def salted(salt: bytes, content: bytes) -> bytes:
    """Return the digest of a row's content."""
    return hashlib.sha256(salt + content).digest()


def linked(before: bytes, number: int, cells: Sequence[str], digests: bytes) -> bytes:
    """Return the hash of an event: over the hash before, and its cells (at, kind, source, ticket id, names)."""
    return hashlib.sha256(before + orjson.dumps([number, *cells, digests.hex()])).digest()


class Chain:
    """The table `event`, whose rows are only ever added."""

    def __init__(self, db: Database, now: Callable[[], datetime]) -> None:
        self._db = db
        self._now = now

    def append(self, entries: Sequence[ChainEntry]) -> None:
        """Append events, in one transaction with what they speak of; any process may do it."""
        if not entries:
            return
        with self._db.transaction():
            newest = self._db.row("SELECT number, hash FROM event ORDER BY number DESC LIMIT 1")
            number, before = newest or (0, _BEFORE_FIRST)
            at = instant_text(self._now())
            rows: list[Params] = []
            for entry in entries:
                number += 1
                salts = os.urandom(SALT * len(entry.contents))
                digests = _digests(salts, entry.contents)
                cells = (at, entry.kind, entry.source, entry.ticket_id, orjson.dumps(entry.names).decode())
                before = linked(before, number, cells, digests)
                rows.append((number, *cells, entry.text, digests, salts, before))
            self._db.execute_many(_INSERT, rows)

    def note(self, kind: str, text: str) -> None:
        """Append an event that holds its content itself."""
        self.append([ChainEntry(kind, "", "", [kind], [text.encode()], text)])

    def head(self) -> ChainHead | None:
        """Return the newest event, None without one that can be read."""
        try:
            row = self._db.row("SELECT number, hash FROM event ORDER BY number DESC LIMIT 1")
        except UnreadableContent:  # the table is gone
            return None
        return None if row is None or not isinstance(row[1], bytes) else ChainHead(row[0], row[1].hex())

    def head_at(self, at: datetime) -> ChainHead | None:
        """Return the newest event of an instant, but visits: it depends on nothing that happened later."""
        row = self._db.row(
            "SELECT number, hash FROM event WHERE at <= ? AND kind NOT IN (?, ?, ?) ORDER BY number DESC LIMIT 1",
            (instant_text(at), *VISITS),
        )
        with reading("no hash of an event"):
            return None if row is None else ChainHead(row[0], row[1].hex())


def _digests(salts: bytes, contents: Sequence[bytes]) -> bytes:
    if len(contents) == 1:
        return salted(salts, contents[0])
    digest = hashlib.sha256  # `salted`, without a call for each of the hundreds of parts of a page
    starts = range(0, len(salts), SALT)
    return b"".join(
        [
            digest(salts[start : start + SALT] + content).digest()
            for start, content in zip(starts, contents, strict=True)
        ]
    )
