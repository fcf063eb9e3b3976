"""The cursor's state: one position a table, and how far a fill of it has come. JSON, and kept small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from capa_sync.model.ticket import Cursor
from capa_sync.sources.servicenow.keyset import Position, from_stamp


@dataclass(frozen=True, slots=True)
class TableState:
    """Where the reading of one table stands.

    Attributes:
        at: the last row of which nothing older can still appear; None before there is one.
        anchored: the row at `at` was there when last seen, so its absence means something.
        filling: a walk over the whole table is under way.
        filled_to: the sys_id up to which that walk has come.
        floor: stamp taken before the fill began: what changed later is read again after it.
        newest: the newest row at or below the floor that the fill has met; becomes `at`.
    """

    at: Position | None = None
    anchored: bool = False
    filling: bool = True
    filled_to: str = ""
    floor: str = ""
    newest: Position | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON."""
        return {
            "at": _pair(self.at),
            "anchored": self.anchored,
            "fill": {"to": self.filled_to, "floor": self.floor, "newest": _pair(self.newest)}
            if self.filling
            else None,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> TableState:
        """Read it back."""
        fill = body.get("fill")
        state = cls(at=_position(body.get("at")), anchored=bool(body.get("anchored")), filling=fill is not None)
        if fill is None:
            return state
        return replace(state, filled_to=fill["to"], floor=fill["floor"], newest=_position(fill["newest"]))


class States:
    """The states of all tables of one source, in the order of reading.

    Args:
        cursor: as stored; an empty one begins anew.
        tables: the tables now configured; states of others are dropped.
        full: walk through everything once more; a walk that is under way goes on instead.
    """

    def __init__(self, cursor: Cursor, tables: tuple[str, ...], *, full: bool) -> None:
        stored = cursor.state.get("tables", {})
        self._watermark = cursor.watermark
        self._tables = tables
        self.of = {name: TableState.from_json(stored[name]) if name in stored else TableState() for name in tables}
        if full and not any(state.filling for state in self.of.values()):
            self.of = {
                name: replace(state, filling=True, filled_to="", floor="", newest=None)
                for name, state in self.of.items()
            }

    def forget_future(self, present: str) -> None:
        """Begin anew with tables whose position lies in the instance's future: its clock was ahead once."""
        for name, state in self.of.items():
            if state.at is not None and state.at.stamp > present:
                self.of[name] = TableState()
                self._watermark = None

    def cursor(self) -> Cursor:
        """Return the cursor as it now stands; its watermark never goes back."""
        reached = [state.at.stamp for state in self.of.values() if state.at is not None]
        watermark: datetime | None = self._watermark
        if reached:
            newest = from_stamp(max(reached))
            watermark = newest if watermark is None else max(newest, watermark)
        return Cursor(state={"tables": {name: self.of[name].to_json() for name in self._tables}}, watermark=watermark)


def _pair(position: Position | None) -> list[str] | None:
    return None if position is None else [position.stamp, position.sys_id]


def _position(pair: Any) -> Position | None:
    return None if pair is None else Position(pair[0], pair[1])
