"""The marker line of a work note: whose note it is, and which points it tells, for any register to read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from capa_sync.model.finding import SEVERITY_ORDER, Severity
from capa_sync.model.patterns import NOTE_LINE

_CLEAR = "clear"
_WRITE, _RULE = 12, 7
"""Hex digits of a write's id and of a rule's hash that the line shows."""


@dataclass(frozen=True, slots=True)
class NoteMark:
    """What the line `[capa-sync TICKET-ID HASH]` says (CONTRACT.md 8).

    HASH names the write, then each point by its rule's hash and severity (`9f0c…-41d2c0a3-77b1e9f2`), or `clear`.

    Attributes:
        ticket: the ticket's id. write: beginning of the id of the write that the note is, which no other write has.
        points: short hash of each rule whose point is open -> its place in SEVERITY_ORDER; empty when all is clear.
    """

    ticket: str
    write: str
    points: Mapping[str, int]

    @classmethod
    def of(cls, ticket: str, write: str, points: Mapping[str, Severity]) -> NoteMark:
        """Make the mark of a write that tells these open points, rule -> severity."""
        return cls(ticket, write[:_WRITE], {_short(rule): SEVERITY_ORDER.index(points[rule]) for rule in points})

    @classmethod
    def read(cls, line: str) -> NoteMark | None:
        """Read a marker line; None for one that does not tell its points."""
        found = NOTE_LINE.fullmatch(line)
        if found is None:
            return None
        points = [] if found[3] == _CLEAR else found[3].split("-")
        return cls(found[1], found[2], {point[:_RULE]: int(point[_RULE:]) for point in points})

    @property
    def line(self) -> str:
        """The line as it ends the note."""
        points = "-".join(f"{rule}{severity}" for rule, severity in sorted(self.points.items()))
        return f"[capa-sync {self.ticket} {self.write}-{points or _CLEAR}]"

    def tells(self, other: NoteMark) -> bool:
        """Tell whether who has read this note learns nothing from the other: no point of it is new or worse."""
        if self.ticket != other.ticket or bool(self.points) != bool(other.points):
            return False
        return all(self.points.get(rule, -1) >= severity for rule, severity in other.points.items())


def _short(rule: str) -> str:
    return hashlib.sha256(rule.encode("utf-8", "surrogatepass")).hexdigest()[:_RULE]
