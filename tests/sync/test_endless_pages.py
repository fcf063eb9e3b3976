"""A list whose pages never end, wherever it is read, ends as its source's fault, and costs nothing that was known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.endless import MOST, WAYS, EndlessPages
from tests.sync.equal import assert_equal
from tests.sync.spoilt_reads import IS_FULL, MORE, SCOPE, believed, settle, small_pages
from tests.sync.users import users_on
from tests.sync.world import open_world

LISTS = {
    "jira": ("search/jql", r"/comment\?", "changelog", "project/search", "."),
    "jira-dc": (r"/search$", "."),
    "servicenow": (
        "/sn_grc_issue",
        "/sn_grc_task",
        "/sys_audit",
        "/sys_journal_field",
        "/sys_dictionary",
        "/sys_choice",
        "/sys_user",
        ".",
    ),
}
"""The lists that each tracker is asked for page by page, then all of its lists at once."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("source", LISTS)
def test_pages_without_end_end_as_a_fault(source: str, way: str, tmp_path: Path) -> None:
    """A poll, a census and a full read end within a bounded number of pages; the next cycle has everything."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        stride = 1 if IS_FULL else 4 if way == "empty" else 2  # hundreds of empty pages may be ordinary
        paths = LISTS[source][WAYS.index(way) % stride :: stride]
        for turn, path in enumerate(paths):
            ticket = users.records()[turn % len(users.records())]
            for word in range(4):
                users.edit(ticket, f"turn {turn} {word}", word)
                users.say(ticket, f"turn {turn} {word}")
            endless = EndlessPages(path, way)
            faults: list[str] = []
            world.only.server.after.append(endless)
            for full, later in ((False, {"minutes": 20}), (False, {"hours": 1}), (True, {"minutes": 1})):
                faults += [
                    result.problem for result in world.try_cycle(full=full, **later).values() if result.problem
                ]
            world.only.server.after.remove(endless)
            assert faults, path
            assert 0 < endless.seen <= MOST, (path, faults)
            believed(world, users)
            world.cycle(hours=1, minutes=1)
            assert world.problem() == ""
            assert_equal(world, users)
