"""One odd ticket over real HTTP: it is set aside, its source goes on, and no verdict changes but of who reads it."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.roles import records_with
from capa_sync.sandbox.messages import Reply, Request
from tests.fuzz.odd import ENDLESS, as_bytes, odd_value, spoiled
from tests.sync.equal import assert_same
from tests.sync.users import UserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

SHARES = 10 if os.environ.get("CAPA_SYNC_FUZZ") else 1
ROUNDS = int(os.environ.get("CAPA_SYNC_FUZZ", "0")) // 500 // SHARES or 4
SEED = os.environ.get("CAPA_SYNC_FUZZ_SEED", "9")
BEYOND = {
    *((source, kind) for source in SOURCES for kind in ("9 MB", "half a million pieces")),
    *((source, "3,000 levels") for source in SOURCES if source != "servicenow"),  # there every cell is a text
}
"""Hostile tickets that no ticket can be made of."""
Verdicts = dict[str, list[tuple[str, str]]]


class Spoiler:
    """Stands between tracker and daemon, and makes one ticket odd in every answer that shows it whole."""

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
        reply.body = as_bytes(self._run_step(found))

    def _run_step(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._run_step(part) for part in value]
        if not isinstance(value, dict):
            return value
        if self._is_victim(value):
            return self.change(value)
        return {name: self._run_step(part) if name in ("issues", "result") else part for name, part in value.items()}

    def _is_victim(self, row: dict[str, Any]) -> bool:
        sys_id = row.get("sys_id")
        id_ = sys_id.get("value") if isinstance(sys_id, dict) else row.get("id")
        return id_ == self.victim and len(row.get("fields") or row) > 8


def odd(dice: random.Random) -> Callable[[Any], Any]:
    """A change of a row below its ids: one that no ticket should have, the same at each call."""
    seed = dice.random()

    def change(row: Any) -> Any:
        own = random.Random(seed)  # noqa: S311 - the same each time
        if "fields" in row:
            return {**row, "fields": spoiled(own, row["fields"])}
        column = own.choice(sorted(set(row) - {"sys_id", "sys_updated_on", "number", "issue", "u_track"}))
        return {**row, column: odd_value(own)}

    return change


def hostile(kind: str) -> Callable[[Any], Any]:
    """A change that is known to have stopped a source, or might."""
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


def verdicts_of(world: World) -> Verdicts:
    """Ticket -> its verdicts."""
    found: Verdicts = {}
    for _source, ticket, rule, outcome, *_rest in world.runtime.register.rows_by_table()["verdict"]:
        found.setdefault(ticket, []).append((rule, outcome))
    return {ticket: sorted(verdicts) for ticket, verdicts in found.items()}


def peopled(world: World) -> UserDriver:
    """Four records, each with an action."""
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


def lead(world: World, users: UserDriver, spoiler: Spoiler, victim: str, change: Callable[[Any], Any]) -> set[str]:
    """Make one ticket odd, look at all others, and make it whole again.

    Returns the outcomes that the records which read it had meanwhile.
    """
    before = verdicts_of(world)
    name = world.only.name
    register, mapping = world.runtime.register, world.runtime.contexts[name].mapping
    readers = {*records_with(register, mapping, name, [victim]), victim}
    spoiler.victim, spoiler.change = victim, change
    users.edit(victim, f"touched {random.random()}", 1)  # noqa: S311 - another text each time
    world.cycle(seconds=30)
    assert spoiler.hits
    unread, after = world.runtime.register.tickets.unread(name), verdicts_of(world)
    assert set(unread) <= {victim}
    assert after.keys() == before.keys()
    for ticket, verdicts in before.items():
        if ticket not in readers:
            assert after[ticket] == verdicts
        elif unread and ticket != victim:
            turned = set(after[ticket]) - set(verdicts)
            assert {outcome for _rule, outcome in turned} <= {"cannot_tell"}
    outcomes = {outcome for ticket in readers - {victim} for _rule, outcome in after.get(ticket, ())}
    for later in ({"hours": 2}, {"days": 8}):
        world.cycle(**later)
    assert set(world.runtime.register.tickets.unread(name)) <= {victim}
    world.cycle()
    assert not {"quarantined", "judged"} & {
        count_name for count_name, count in world.last[name].counts.items() if count
    }
    spoiler.victim = ""
    world.cycle(hours=2)
    world.cycle(days=8)
    world.cycle()
    for ticket, truth in users.truth().items():
        assert_same(world, users, ticket, truth)
    assert [row for row in world.view("v_tickets") if row["quarantine_reason"]] == []
    return outcomes


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "kind",
    ["62 lists", "3,000 levels", "NaN", "a number without end", "half a character", "9 MB", "half a million pieces"],
)
def test_a_hostile_ticket_stops_nothing(source: str, kind: str, tmp_path: Path) -> None:
    """As a record and as an action; and a record that cannot read its action cannot tell."""
    with open_world(tmp_path, source) as world:
        users, spoiler = peopled(world), Spoiler(world)
        for victim in (users.records()[1], users.parts()[0]):
            outcomes = lead(world, users, spoiler, victim, hostile(kind))
            if victim in users.parts() and (source, kind) in BEYOND:
                assert outcomes == {"cannot_tell"}


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("share", range(SHARES))
def test_an_odd_ticket_stops_nothing(
    source: str, share: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whatever its fields hold, as a record or as an action."""
    with open_world(tmp_path, source, rules=None) as world:
        users, spoiler = peopled(world), Spoiler(world)
        for number in range(share * ROUNDS, (share + 1) * ROUNDS):
            dice = random.Random(f"{SEED} {source} {number}")  # noqa: S311 - makes cases
            victim = dice.choice([*users.records(), *users.parts()])
            lead(world, users, spoiler, victim, odd(dice))
    record_property(f"{source} tickets: served odd over HTTP and made whole again", ROUNDS)
