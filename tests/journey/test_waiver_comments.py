"""A waiver asked for in a comment or work note: who may, what is answered, and that an edit is a new request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.sandbox.stories.script import ChangeStage, Create, Say
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.users import users_on
from tests.sync.world import SOURCES, World, open_world

RULE = "extent-assessed"
ASK = f"capa waive {RULE} until 2026-03-31 because Only one such system is left"


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A tracker with a warned ticket."""
    with open_world(tmp_path, request.param, rules=(RULE,), mode="on") as found:
        found.only.play("life", Create({"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}))
        found.later(hours=1)
        found.only.play("life", ChangeStage("planned"))
        found.cycle(hours=1)
        yield found


def says(world: World, person: str, text: str) -> str:
    """Let a person comment, run a cycle, and return our text on the ticket."""
    world.only.play("life", Say(text), person)
    world.cycle(minutes=5)
    return carried(world)


def carried(world: World) -> str:
    """Return our text on the ticket."""
    return ours_on(users_on(world.only), world.only.id_of("life")).texts[0]


@pytest.mark.parametrize("world", SOURCES, indirect=True)
def test_members_waive_by_comments_and_the_ticket_answers_each_request_once(world: World) -> None:
    """A stranger, the owner and a mistake are refused with the reason; a high finding waits for a second person."""
    assert "Request about extent-assessed of Chloe Martin: only members of the waiver group may ask." in says(
        world, "chloe.martin", ASK
    )
    assert "'31.3.2026' is no day; write 2026-03-31." in says(
        world, "mara.roy", ASK.replace("2026-03-31", "31.3.2026")
    )
    text = says(world, "mara.roy", f"Agreed in the review.\n{ASK.title().replace('Extent-Assessed', RULE)}")
    assert "waived until 31 March 2026 by Mara Roy: Only One Such System Is Left." in text
    assert "Request" not in text
    assert (world.states("life"), [row["way"] for row in world.view("v_waivers")]) == ({RULE: "waived"}, ["comment"])
    world.cycle()
    written, before = world.writes(), world.runtime.register.rows_by_table()
    for _ in range(2):
        world.cycle()
    after = world.runtime.register.rows_by_table()
    assert (world.writes(), {name for name in before if before[name] != after[name]}) == (written, set())
    assert_rebuilt(world)
    world.only.play("life", ChangeStage("implemented"))
    world.cycle(hours=1)
    assert world.states("life") == {RULE: "open"}
    waits = f"it waits for a second person: `capa approve {RULE}`."
    assert waits in says(world, "mara.roy", ASK)
    assert "mara.roy cannot approve the own waiver." in says(world, "mara.roy", f"capa approve {RULE}")
    text = says(world, "priya.nair", f"capa approve {RULE}")
    assert "by Mara Roy, approved by Priya Nair: Only one such system is left." in text
    assert "Request" not in text
    assert world.states("life") == {RULE: "waived"}
    assert_rebuilt(world)


@pytest.mark.parametrize("world", ["jira"], indirect=True)
def test_an_edited_comment_is_a_new_request_of_its_last_editor(world: World) -> None:
    """The waiver of the former text ends; an edit by somebody else is nobody's request."""
    says(world, "mara.roy", ASK)
    assert world.states("life") == {RULE: "waived"}
    users: Any = users_on(world.only)
    issue = users.tracker.state.issues[int(world.only.id_of("life"))]
    [comment] = [str(found.id) for found in issue.comments if "capa waive" in str(found.body)]
    users.person(2).edit_comment(issue.key, comment, ASK.replace("03-31", "04-30"))
    world.cycle(minutes=5)
    assert world.states("life") == {RULE: "open"}
    assert "somebody else edited the comment." in carried(world)
    [row] = world.view("v_waivers")
    assert (row["state"], row["why"]) == ("ended", "its comment was changed or deleted")
    assert_rebuilt(world)
