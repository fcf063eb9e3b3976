"""A wrong page at a look-up before a write, at a hinted read or inside an issue doubles and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.cycle import run_hinted
from tests.sync.equal import assert_equal
from tests.sync.ours import ours_on
from tests.sync.pages import HOWS, InnerList, WrongPage
from tests.sync.spoilt_reads import MORE, SCOPE, believed, lists_of, named, places, settle, small_pages
from tests.sync.users import UserDriver, users_on
from tests.sync.world import JIRAS, World, open_world

FEW = 1
"""Places that the suite tries for each way to be wrong; `make pages` tries all."""


def break_one(world: World, users: UserDriver, word: str) -> str:
    """Create a record that gets a warning; the answer to its first write is lost."""
    before = set(users.records())
    users.create(word)
    [ticket] = set(users.records()) - before
    users.create_part(ticket, word)
    faults = world.only.server.faults
    faults.add("drop_after", ("POST|PATCH", r"/issue/\d+/comment$|/table/sn_grc_issue/"))
    world.try_cycle(minutes=11)
    faults.clear()
    return ticket


def hinted(world: World, users: UserDriver, word: str) -> Callable[[], Any]:
    """Edit and comment on a record; return the reading that a hint about it starts."""
    ticket = users.records()[0]
    for number in range(3):
        users.edit(ticket, f"{word} {number}", number)
        users.say(ticket, f"{word} {number}")
    world.later(minutes=1)
    return lambda: run_hinted(world.runtime, world.runtime.contexts[world.only.name], [ticket])


@named
def test_a_wrong_page_at_a_look_up_or_a_hint_doubles_and_loses_nothing(
    source: str, hows: list[str], tmp_path: Path
) -> None:
    """A comment whose answer was lost is there once, and what a hint's reading did not show comes with a poll."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE, mode="on") as world:
        users = users_on(world.only)
        small_pages(world.only, metadata=False)  # `test_every_page` spoils these
        settle(world, users)
        world.cycle()
        warned = [break_one(world, users, "honest")]
        looked_up = lists_of(world, lambda: world.cycle(hours=1))
        by_hint = lists_of(world, hinted(world, users, "honest"))
        for how in hows:
            for at in places(how, looked_up, FEW):
                warned.append(break_one(world, users, f"{how} at {at}"))
                spoil(world, users, WrongPage(at, how), lambda: world.try_cycle(hours=1), warned)
            for at in places(how, by_hint, FEW):
                spoil(world, users, WrongPage(at, how), hinted(world, users, f"{how} at {at}"), warned)


def spoil(
    world: World, users: UserDriver, wrong: WrongPage | InnerList, read: Callable[[], Any], warned: list[str]
) -> None:
    """Read with a wrong list; afterwards the next poll and census find everything, and nothing is doubled."""
    world.only.server.after.append(wrong)
    read()
    world.only.server.after.remove(wrong)
    try:
        believed(world, users)
        world.cycle(minutes=20)
        world.cycle(hours=3)
        assert world.problem() == ""
        assert_equal(world, users)
        for ticket in warned:
            ours = ours_on(users, ticket)
            assert len(ours.texts) == 1, ticket
            assert len(set(ours.notes)) == len(ours.notes), ticket
    except AssertionError as error:
        raise AssertionError(f"{wrong.how}: {wrong.place}") from error


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("how", HOWS)
def test_a_wrong_list_inside_an_issue_loses_no_change(source: str, how: str, tmp_path: Path) -> None:
    """An issue's own history or comments are cut or doubled; their count is that of the tracker, or missing."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        counter = InnerList(10_000, how)
        spoil(world, users, counter, hinted(world, users, "honest"), [])
        assert counter.seen
        for at in places(how, counter.seen, 2 * FEW):
            hinted(world, users, f"place {at}")
            wrong = InnerList(at, how)
            spoil(world, users, wrong, lambda: world.try_cycle(minutes=11), [])
            assert wrong.place
