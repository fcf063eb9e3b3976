"""Records whose texts share rare words with a record's: suggestions for a person, made when they are asked for.

The full text index (SQLite's FTS5) is in memory and lives as long as the question, so no cycle pays for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from capa_sync.store.database import Row

_TOKENS = "tokenize = 'unicode61 remove_diacritics 2'"
_TABLES = (
    f"CREATE VIRTUAL TABLE record_text USING fts5(source UNINDEXED, ticket_id UNINDEXED, title, cause, {_TOKENS})",
    f"CREATE VIRTUAL TABLE own_text USING fts5(title, cause, {_TOKENS})",
    "CREATE VIRTUAL TABLE word_count USING fts5vocab(record_text, row)",
    "CREATE VIRTUAL TABLE own_word USING fts5vocab(own_text, row)",
)
_RARE = """SELECT o.term FROM own_word o CROSS JOIN word_count w ON w.term = o.term
    WHERE length(o.term) > 3 AND w.doc BETWEEN 2 AND ? ORDER BY w.doc, length(o.term) DESC, o.term LIMIT 30"""
_ALIKE = """SELECT rowid, source, ticket_id FROM record_text WHERE record_text MATCH ?
    ORDER BY bm25(record_text), rowid LIMIT 200"""
_COMMON = 10
"""A word that more than one record in ten has is not rare."""
_ALWAYS_RARE = 5
"""A word that so many records have is rare in any register."""
_FEWEST = 2
"""Rare words that two records must share."""


class AlikeText(NamedTuple):
    """A record whose title and cause share rare words with another one's; the best first in a list of them."""

    source: str
    ticket_id: str
    words: tuple[str, ...]


def alike_texts(memory: sqlite3.Connection, records: Sequence[Row], own: tuple[str, str]) -> list[AlikeText]:
    """Return the records whose title and cause are most like those of `own`, by the rare words that they share.

    So no list of words is needed, and no language is preferred.

    Args:
        memory: an empty database, where the index is made.
        records: source, ticket id, title and cause of every record.
        own: (source, ticket id) of one of them.
    """
    for statement in _TABLES:
        memory.execute(statement)
    memory.execute("BEGIN")  # the index is built at its end, not row by row
    memory.executemany("INSERT INTO record_text VALUES (?,?,?,?)", records)
    memory.executemany("INSERT INTO own_text VALUES (?,?)", [row[2:] for row in records if row[:2] == own])
    memory.execute("COMMIT")
    most = max(_ALWAYS_RARE, len(records) // _COMMON)
    rare = [row[0] for row in memory.execute(_RARE, (most,))]
    if len(rare) < _FEWEST:
        return []
    shared = _shared(memory, rare)
    found = memory.execute(_ALIKE, (" OR ".join(map(_quoted, rare)),))
    alike = [AlikeText(source, ticket_id, tuple(shared[number])) for number, source, ticket_id in found]
    return [match for match in alike if len(match.words) >= _FEWEST and match[:2] != own]


def _shared(memory: sqlite3.Connection, words: Sequence[str]) -> dict[int, list[str]]:
    """Return by row which of these words a record has, the rarest first."""
    found: dict[int, list[str]] = {}
    for word in words:
        for (number,) in memory.execute("SELECT rowid FROM record_text WHERE record_text MATCH ?", (_quoted(word),)):
            found.setdefault(number, []).append(word)
    return found


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
