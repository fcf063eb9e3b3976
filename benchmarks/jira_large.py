"""The generated Jira with tickets as large as real ones: 40 kB each as read, every 300th ticket has 3 MB.

A third of the bytes are fields and comments, the rest is history, as in real trackers: each edit of a long text
stores the text twice.
"""

from __future__ import annotations

import orjson

from benchmarks.jira_tickets import GeneratedTickets

FIRST_EXTRA_ID = 500_000
LONG_FIELD = "customfield_11001"
"""A field that no mapping reads."""
GIANT_EVERY = 300
EDITS, EDITS_OF_A_GIANT = 9, 46
"""Edits of the long field, in addition to the edits from the pool."""
_WORDS = b"the review of the finance application was not done in time and nobody was told of it, so that "


class LargeTickets(GeneratedTickets):
    """Tickets with a long field and a long history."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._entries = _edits(EDITS, 1_000)
        self._entries_of_a_giant = _edits(EDITS_OF_A_GIANT, 32_000)
        self._field = _member(11_000)
        self._field_of_a_giant = _member(250_000)

    def issue(self, number: int) -> bytes:
        """Return the JSON of a ticket with a long field."""
        field = self._field_of_a_giant if _is_giant(number) else self._field
        return super().issue(number).replace(b'"fields":{', b'"fields":{' + field, 1)

    def entries(self, number: int) -> list[bytes]:
        """Return the whole history of a ticket, entry by entry; an edit made during the run is the last entry."""
        long = self._entries_of_a_giant if _is_giant(number) else self._entries
        return [*long, *super().entries(number)]


def long_edits(size: int) -> int:
    """Return how many edits of the long field `size` tickets have in total."""
    giants = sum(map(_is_giant, range(size)))
    return giants * EDITS_OF_A_GIANT + (size - giants) * EDITS


def _is_giant(number: int) -> bool:
    return number % GIANT_EVERY == GIANT_EVERY // 2


def _text(length: int) -> str:
    return (_WORDS * (length // len(_WORDS) + 1))[:length].decode()


def _member(length: int) -> bytes:
    return orjson.dumps({LONG_FIELD: _text(length)})[1:-1] + b","


def _edits(count: int, length: int) -> list[bytes]:
    """Return history entries, each with the long text before and after the edit."""
    author = {"accountId": "long-text-editor", "displayName": "Anna Lee", "active": True}
    items = [{"field": "Spare 1", "fieldtype": "custom", "fieldId": LONG_FIELD, "from": None, "to": None}]
    found = []
    for number in range(count):
        texts = {"fromString": _text(length + number), "toString": _text(length + number + 1)}
        entry = {
            "id": str(FIRST_EXTRA_ID + number),
            "author": author,
            "created": f"2024-01-01T00:00:{number:02}.000+0000",
        }
        found.append(orjson.dumps({**entry, "items": [{**items[0], **texts}]}))
    return found
