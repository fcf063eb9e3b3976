"""The cursor's state: for each table a position, and how far its fill has come. JSON, kept small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from capa_sync.model.light import light
from capa_sync.model.ticket import Cursor
from capa_sync.sources.servicenow.instants import from_platform_time
from capa_sync.sources.servicenow.keyset import Position


@light
class TableState:
    """The progress of reading one table.

    Attributes:
        at: the last row below which no older change can still appear; None before there is one.
        anchored: the row at `at` was visible at the last poll, so its absence means something.
        filling: a read of the whole table has begun.
        filled_to: the sys_id that this read has reached.
        floor: instant taken before the fill began: later changes are read again after it.
        newest: the newest row at or below the floor that the fill has read; becomes `at`.
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
        cursor: as stored; an empty one starts from the beginning.
        tables: the configured tables; states of others are dropped.
        full: read everything again; a full read that has already begun continues instead.
    """

    def __init__(self, cursor: Cursor, tables: tuple[str, ...], *, full: bool) -> None:
        stored = cursor.state.get("tables", {})
        self._watermark = cursor.watermark
        self._tables = tables
        self.of = {name: TableState.from_json(stored[name]) if name in stored else TableState() for name in tables}
        if full and not any(state.filling for state in self.of.values()):
            self.of = {name: replace(state, filling=True) for name, state in self.of.items()}

    def forget_future(self, present: str) -> None:
        """Start again with tables whose position lies in the instance's future: its clock was ahead once."""
        for name, state in self.of.items():
            if state.at is not None and state.at.changed_at > present:
                self.of[name] = TableState()
                self._watermark = None

    def cursor(self) -> Cursor:
        """Return the present cursor; its watermark never goes back."""
        reached = [state.at.changed_at for state in self.of.values() if state.at is not None]
        watermark: datetime | None = self._watermark
        if reached:
            newest = from_platform_time(max(reached))
            watermark = newest if watermark is None else max(newest, watermark)
        return Cursor(state={"tables": {name: self.of[name].to_json() for name in self._tables}}, watermark=watermark)


def _pair(position: Position | None) -> list[str] | None:
    return None if position is None else [position.changed_at, position.sys_id]


def _position(pair: Any) -> Position | None:
    return None if pair is None else Position(pair[0], pair[1])
