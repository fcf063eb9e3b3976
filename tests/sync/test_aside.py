"""A ticket whose answer makes no ticket any more stays known as it was, set aside, also after a rebuild."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.rebuilding import rebuild_derived
from capa_sync.model.ticket import Presence
from tests.fuzz.test_one_ticket import Spoiler, hostile, peopled
from tests.sync.world import SOURCES, World, open_world


def derived(world: World) -> dict[str, list[object]]:
    """Every row, without the numbers that nothing refers to."""
    found: dict[str, list[object]] = {}
    for name, rows in world.runtime.register.rows_by_table().items():
        bare = [row[1:] if name in ("child", "change") else row for row in rows]
        found[name] = sorted(bare, key=repr)
    return found


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("who", ["a record", "an action"])
def test_a_rebuild_keeps_it_set_aside(source: str, who: str, tmp_path: Path) -> None:
    """Tables are equal after it; the ticket is still present, and its open finding still open."""
    with open_world(tmp_path, source) as world:
        users, spoiler = peopled(world), Spoiler(world)
        victim = (users.records() if who == "a record" else users.parts())[0]
        world.cycle()
        spoiler.victim, spoiler.change = victim, hostile("9 MB")
        users.edit(victim, "touched", 1)
        world.cycle()
        world.cycle(hours=2)
        [row] = world.view("v_tickets", ticket_id=victim)
        assert "more than the" in str(row["quarantine_reason"])
        assert world.presence(victim) is Presence.PRESENT
        before = derived(world)
        rebuild_derived(world.runtime)
        assert derived(world) == before


@pytest.mark.parametrize("source", SOURCES)
def test_one_that_is_deleted_is_no_longer_held_to_be_unreadable(source: str, tmp_path: Path) -> None:
    """Its presence tells what became of it."""
    with open_world(tmp_path, source) as world:
        users, spoiler = peopled(world), Spoiler(world)
        victim = users.records()[1]
        spoiler.victim, spoiler.change = victim, hostile("9 MB")
        users.edit(victim, "touched", 1)
        world.cycle()
        assert set(world.runtime.register.tickets.unread(source)) == {victim}
        users.delete(victim)
        world.cycle(days=2)
        world.cycle()
        assert world.runtime.register.tickets.unread(source) == {}
        assert world.presence(victim) in (Presence.DELETED, Presence.DELETED_OR_HIDDEN)
