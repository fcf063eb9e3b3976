"""Answers of a tracker that make one ticket odd, and a world with tickets for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from capa_sync.sandbox.messages import Reply, Request
from tests.fuzz.odd import ENDLESS, as_bytes
from tests.sync.users import UserDriver, users_on
from tests.sync.world import World


class Spoiler:
    """Changes the answers of the tracker: one ticket is odd in every answer that shows it whole."""

    def __init__(self, world: World) -> None:
        self.victim = ""
        self.hits = 0
        self.change: Callable[[Any], Any] = lambda row: row
        world.only.server.after.append(self._spoil)

    def _spoil(self, request: Request, reply: Reply) -> None:
        if not self.victim or self.victim.encode() not in reply.body or request.method in ("PUT", "PATCH"):
            return
        try:
            found = json.loads(reply.body)
        except ValueError:
            return
        self.hits += 1
        reply.body = as_bytes(self._changed(found))

    def _changed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._changed(part) for part in value]
        if not isinstance(value, dict):
            return value
        if self._is_victim(value):
            return self.change(value)
        return {name: self._changed(part) if name in ("issues", "result") else part for name, part in value.items()}

    def _is_victim(self, row: dict[str, Any]) -> bool:
        sys_id = row.get("sys_id")
        id_ = sys_id.get("value") if isinstance(sys_id, dict) else row.get("id")
        return id_ == self.victim and len(row.get("fields") or row) > 8


def hostile(kind: str) -> Callable[[Any], Any]:
    """Return a change that is known to have stopped a source, or might."""
    lists: Any = [{"type": "paragraph", "content": [{"type": "text", "text": "deep"}]}]
    for _ in range(62):
        lists = [{"type": "bulletList", "content": [{"type": "listItem", "content": lists}]}]
    values: dict[str, Any] = {
        "62 lists": {"type": "doc", "version": 1, "content": lists},
        "3,000 levels": "@lists 3000@",
        "NaN": float("nan"),
        "a number without end": ENDLESS,
        "half a character": "\ud800",
        "9 MB": "x" * 9_000_000,
        "half a million pieces": [1] * 500_000,
    }

    def change(row: Any) -> Any:
        if "fields" in row:
            return {**row, "fields": {**row["fields"], "description": values[kind]}}
        return {**row, "description": {"display_value": "x", "value": values[kind]}}

    return change


def with_four_records(world: World) -> UserDriver:
    """Create four records, each with an action, and read them."""
    users = users_on(world.only)
    for number in range(4):
        users.create(f"record {number}")
    for ticket in users.records():
        users.create_part(ticket, "an action")
        users.edit(ticket, "a text", 0)
        users.edit(ticket, "a text", 1)
    world.cycle()
    world.cycle()
    return users
