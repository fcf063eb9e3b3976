"""The tickets of the generated Jira: each is taken from the pool by its number; later edits and writes are kept.

Nothing is stored for a ticket before its first edit, so that any number of tickets takes the same memory.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from benchmarks.jira_paint import ME, Painter, iso, ms, person
from benchmarks.lives import FIRST_CREATED, LAST_CREATED, POOL, TODAY, Edit, TicketLife, generate_pool

FIRST_ID = 100_000
STEP_MS = 20_000
"""Milliseconds between the update times of two neighbouring tickets: the overlap of a poll contains a few tickets."""


class GeneratedTickets:
    """The tickets of a site, numbered from 0."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.painter = Painter()
        self.written: dict[int, float] = {}
        """Ticket number -> when we last wrote a comment (epoch seconds)."""
        self._lives = generate_pool()
        self._issues = [self.painter.issue(life, number) for number, life in enumerate(self._lives)]
        self._histories = [
            [self.painter.entry(number, edit) for number, edit in enumerate(life.edits, 1)] for life in self._lives
        ]
        self._edited: dict[int, tuple[int, bytes]] = {}
        """Ticket number -> when it was edited (epoch ms) and its history entry, empty for a write of ours."""
        self._comments: dict[int, list[dict[str, Any]]] = {}
        self._closed: dict[int, bytes] = {}
        self._labels: dict[int, list[str]] = {}

    # --- reading ---------------------------------------------------------------------------------------------------
    def created(self, number: int) -> datetime:
        """Return when a ticket was created; a higher number is never earlier."""
        return FIRST_CREATED + (LAST_CREATED - FIRST_CREATED) * number / self.size

    def created_since(self, instant: int) -> int:
        """Return the first number whose ticket was created at an instant (epoch ms) or later."""
        span = ms(LAST_CREATED) - ms(FIRST_CREATED)
        return max(0, -(-(instant - ms(FIRST_CREATED)) * self.size // span))

    def updated(self, number: int) -> int:
        """Return the update time of a ticket in epoch ms."""
        edited = self._edited.get(number)
        return edited[0] if edited else ms(TODAY) - (self.size - 1 - number) * STEP_MS

    def touched_since(self, instant: int, first: int = 0) -> list[int]:
        """Return the numbers of tickets from `first` on that were updated since an instant (epoch ms), ascending."""
        early = (instant - ms(TODAY)) // STEP_MS + self.size
        late = set(range(max(first, early - 1), self.size)) | {n for n in self._edited if n >= first}
        return sorted(n for n in late if self.updated(n) >= instant)

    def newest(self) -> set[int]:
        """Return numbers that include the ticket updated last."""
        return {self.size - 1, *self._edited}

    def issue(self, number: int) -> bytes:
        """Return the JSON of a ticket with all fields."""
        updated = datetime.fromtimestamp(self.updated(number) / 1000, UTC)
        text = self._closed.get(number) or self._issues[number % POOL]
        labels = self._labels.get(number)
        if labels is not None:
            text = text.replace(b'"labels":["audit"]', b'"labels":%b' % orjson.dumps(labels))
        return text % {
            b"ID": b"%d" % (FIRST_ID + number),
            b"KEY": b"CAPA-%d" % (number + 1),
            b"CREATED": iso(self.created(number)).encode(),
            b"UPDATED": iso(updated).encode(),
        }

    def entries(self, number: int) -> list[bytes]:
        """Return the whole history of a ticket, entry by entry."""
        entries = self._histories[number % POOL]
        edited = self._edited.get(number)
        return [*entries, edited[1]] if edited and edited[1] else entries

    def comments(self, number: int) -> list[dict[str, Any]]:
        """Return the comments written on a ticket since the site was started."""
        return self._comments.get(number, [])

    def all_comments(self) -> list[dict[str, Any]]:
        """Return the comments written on all tickets since the site was started."""
        return [comment for mine in self._comments.values() for comment in mine]

    # --- edits and writes ------------------------------------------------------------------------------------------
    def edit(self, first: int, count: int) -> None:
        """Edit `count` tickets now, from number `first` on."""
        now = datetime.now(UTC)
        edit = Edit(now, "anna.lee", {"impact": ("", "None of it left the building.")})
        entry = self.painter.entry(900_000 + int(now.timestamp()), edit)
        self._edited.update({number: (ms(now), entry) for number in range(first, first + count)})

    def close(self, number: int) -> None:
        """Close a ticket as it is; few tickets are ready to be closed."""
        now, life = datetime.now(UTC), self._lives[number % POOL]
        edit = Edit(now, "anna.lee", {"stage": (life.now["stage"], "closed")})
        closed = TicketLife(life.born, life.now | {"stage": "closed"})
        self._closed[number] = self.painter.issue(closed, number % POOL)
        self._edited[number] = (ms(now), self.painter.entry(900_000, edit))

    def label(self, number: int, orders: list[dict[str, str]]) -> None:
        """Add and remove labels; each order is `{add: label}` or `{remove: label}`."""
        labels = set(self._labels.get(number, ["audit"]))
        for order in orders:
            labels = labels | {order["add"]} if "add" in order else labels - {order["remove"]}
        self._labels[number] = sorted(labels)
        self._touch(number)

    def comment(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        """Write our only comment, or change its text."""
        mine = self._comments.setdefault(number, [])
        ours = {"id": str(9_000_000 + number), "author": person(ME, "capa-sync"), "jsdPublic": True}
        comment = (mine[0] if mine else {}) | body | ours | {"created": iso(datetime.now(UTC))}
        mine[:] = [comment]
        self.written[number] = datetime.now(UTC).timestamp()
        self._touch(number)
        return comment

    def _touch(self, number: int) -> None:
        """Set the update time, as our own writes do too."""
        entry = self._edited.get(number, (0, b""))[1]
        self._edited[number] = (ms(datetime.now(UTC)), entry)
