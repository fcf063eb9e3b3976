"""The search of the register: capital and small letters are the same, in every script and every encoding of it."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator

FOUND = "is_found"
"""The SQL function of a search: what is wanted, as `folded` returns it, then the texts to look at."""
_BETWEEN = "\x1e"
_SLICE = 256
_MOST_MARKS = 32
"""Marks upon one letter that a slice may take along; no language has as many."""


def add_search(connection: sqlite3.Connection) -> None:
    """Give a connection the function of the search."""
    connection.create_function(FOUND, -1, _is_found, deterministic=True)


def folded(text: str) -> str:
    """Return the form of a text in which it is compared: without capital letters, each letter as one character."""
    if text.isascii():
        return text.lower()
    return "".join(map(_folded, _slices(text)))


def _is_found(wanted: str, *texts: str | None) -> bool:
    return wanted in folded(_BETWEEN.join(filter(None, texts)))  # one call for all: most of the time is the calls


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _slices(text: str) -> Iterator[str]:
    """Cut a text between two letters: Python orders the marks upon one by comparing each with each."""
    start = 0
    while start < len(text):
        end = start + _SLICE
        while end < min(len(text), start + _SLICE + _MOST_MARKS) and unicodedata.combining(text[end]):
            end += 1
        yield text[start:end]
        start = end
