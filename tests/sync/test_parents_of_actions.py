"""A parent that is read because an action of it changed brings the further actions that it got meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.equal import assert_same
from tests.sync.story import SCOPE
from tests.sync.users import users_on
from tests.sync.world import JIRAS, open_world


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("is_large", [False, True], ids=["one page", "many pages"])
def test_a_parent_that_is_read_before_its_own_row_brings_its_new_actions(
    source: str, is_large: bool, tmp_path: Path
) -> None:
    """A sub-task older than its new parent comes first; the parent has a new change of another project by then."""
    with open_world(tmp_path, source, query=SCOPE) as world:
        world.only.settings(short_pages=3)
        users = users_on(world.only)
        for number in range(2):
            users.create(f"old {number}")
        before = set(users.ids())
        users.create_part(users.records()[0], "an action")
        (action,) = set(users.ids()) - before
        for number in range(6):
            users.create(f"new {number}")
        parent = users.records()[-1]
        world.cycle()
        world.cycle(hours=1)
        world.later(minutes=5)
        if is_large:
            for ticket in users.records():
                users.edit(ticket, "edited", 0)
        users.adopt(action, parent)
        change = users.person(1).create("CHANGE", "Change", {"summary": "a change"})
        users.person(1).link(change, "Resolves", users._issue(parent).key)
        world.cycle()
        world.cycle()
        for ticket, truth in users.truth().items():
            if truth.in_scope:
                assert_same(world, users, ticket, truth)
