"""One odd ticket over real HTTP: it is quarantined, its source goes on, and only verdicts that read it change."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.roles import records_with
from tests.fuzz.odd import odd_value, spoiled
from tests.fuzz.spoiler import Spoiler, hostile, with_four_records
from tests.sync.equal import assert_same
from tests.sync.users import UserDriver
from tests.sync.world import SOURCES, World, open_world

SHARES = 10 if os.environ.get("CAPA_SYNC_FUZZ") else 1
ROUNDS = int(os.environ.get("CAPA_SYNC_FUZZ", "0")) // 500 // SHARES or 2
SEED = os.environ.get("CAPA_SYNC_FUZZ_SEED", "9")
BEYOND = {
    *((source, kind) for source in SOURCES for kind in ("9 MB", "half a million pieces")),
    *((source, "3,000 levels") for source in SOURCES if source != "servicenow"),  # there every cell is a text
}
"""Hostile values of which no ticket can be made."""
Verdicts = dict[str, list[tuple[str, str]]]


def odd(dice: random.Random) -> Callable[[Any], Any]:
    """Return a change of a row below its ids to an odd one, the same at each call."""
    seed = dice.random()

    def change(row: Any) -> Any:
        own = random.Random(seed)  # noqa: S311 - the same each time
        if "fields" in row:
            return {**row, "fields": spoiled(own, row["fields"])}
        column = own.choice(sorted(set(row) - {"sys_id", "sys_updated_on", "number", "issue", "u_track"}))
        return {**row, column: odd_value(own)}

    return change


def verdicts_of(world: World) -> Verdicts:
    """Ticket -> its verdicts."""
    found: Verdicts = {}
    for _source, ticket, rule, outcome, *_rest in world.runtime.register.rows_by_table()["verdict"]:
        found.setdefault(ticket, []).append((rule, outcome))
    return {ticket: sorted(verdicts) for ticket, verdicts in found.items()}


def lead(world: World, users: UserDriver, spoiler: Spoiler, victim: str, change: Callable[[Any], Any]) -> set[str]:
    """Make one ticket odd, check all others, and restore it.

    Returns the outcomes meanwhile of the records that read it.
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
    """It is a record or an action; a record whose action is unreadable cannot tell."""
    with open_world(tmp_path, source) as world:
        users, spoiler = with_four_records(world), Spoiler(world)
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
    """It holds whatever its fields hold, as a record or as an action."""
    with open_world(tmp_path, source, rules=None) as world:
        users, spoiler = with_four_records(world), Spoiler(world)
        for number in range(share * ROUNDS, (share + 1) * ROUNDS):
            dice = random.Random(f"{SEED} {source} {number}")  # noqa: S311 - makes cases
            victim = dice.choice([*users.records(), *users.parts()])
            lead(world, users, spoiler, victim, odd(dice))
    record_property(f"{source} tickets: served odd over HTTP and made whole again", ROUNDS)
