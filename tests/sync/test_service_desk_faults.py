"""A service project and any fault at any request: one comment of ours, and no customer can see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sync.ours import ours_on
from tests.sync.test_withdrawal_faults import FAULTS
from tests.sync.users import JiraUserDriver, is_ours, users_on
from tests.sync.world import open_world


@pytest.mark.parametrize("after", range(0, 24, 2))
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("source", ["jira", "jira-dc"])
def test_a_service_desk_s_comment_stays_internal(source: str, fault: str, after: int, tmp_path: Path) -> None:
    """Two requests in a row meet the fault while a warning is written; the source is not paused for it."""
    kind, options = FAULTS[fault]
    with open_world(tmp_path, source, mode="on") as world:
        world.cycle()
        users = users_on(world.only)
        assert isinstance(users, JiraUserDriver)
        for project in users.tracker.state.projects.values():
            project.raw["projectTypeKey"] = "service_desk"
        before = set(users.records())
        users.create("one")
        [ticket] = set(users.records()) - before
        users.create_part(ticket, "an action before its root cause")
        world.only.server.faults.add(kind, (".*", ""), times=2, after=after, **options)
        world.try_cycle(minutes=10)
        world.only.server.faults.clear()
        for _ in range(3):
            world.cycle(hours=2)
        assert len(ours_on(users, ticket).texts) == 1
        [comment] = [it for it in users.tracker.state.issues[int(ticket)].comments if is_ours(it)]
        assert comment.properties["sd.public.comment"] == {"internal": True}
        assert world.runtime.register.halts.of(source) is None
        assert not [row for row in world.view("v_writes") if row["state"] in {"failed", "unknown"}]
