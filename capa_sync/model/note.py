"""The marker line of a work note: it names the write and the reported points, readable by any register."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from capa_sync.model.finding import SEVERITY_ORDER, Severity
from capa_sync.model.light import light
from capa_sync.model.patterns import NOTE_LINE

_CLEAR = "clear"
_WRITE, _RULE = 12, 7
"""Hex digits in the line: of a write's id, of a rule's hash."""


@light
class NoteMark:
    """The content of the line `[capa-sync TICKET-ID HASH]` (docs/contract.md 8).

    HASH has the write's id, then for each point its rule's hash and severity (`9f0c…-41d2c0a3-77b1e9f2`), or `clear`.

    Attributes:
        ticket: the ticket's id. write: the first digits of the write's id, which identify it.
        points: short hash of each rule with an open point -> its index in SEVERITY_ORDER; empty when all is clear.
    """

    ticket: str
    write: str
    points: Mapping[str, int]

    @classmethod
    def of(cls, ticket: str, write: str, points: Mapping[str, Severity]) -> NoteMark:
        """Make the mark of a write that reports these open points, rule -> severity."""
        return cls(ticket, write[:_WRITE], {_short(rule): SEVERITY_ORDER.index(points[rule]) for rule in points})

    @classmethod
    def read(cls, line: str) -> NoteMark | None:
        """Read a marker line; None if the line has no points."""
        found = NOTE_LINE.fullmatch(line)
        if found is None:
            return None
        points = [] if found[3] == _CLEAR else found[3].split("-")
        return cls(found[1], found[2], {point[:_RULE]: int(point[_RULE:]) for point in points})

    @property
    def line(self) -> str:
        """The line at the end of the note."""
        points = "-".join(f"{rule}{severity}" for rule, severity in sorted(self.points.items()))
        return f"[capa-sync {self.ticket} {self.write}-{points or _CLEAR}]"

    def covers(self, other: NoteMark) -> bool:
        """Return whether this note already reports all that the other reports: no point there is new or worse."""
        if self.ticket != other.ticket or bool(self.points) != bool(other.points):
            return False
        return all(self.points.get(rule, -1) >= severity for rule, severity in other.points.items())


def _short(rule: str) -> str:
    return hashlib.sha256(rule.encode("utf-8", "surrogatepass")).hexdigest()[:_RULE]
