"""A waived finding on each tracker: what the ticket says, that it ends by itself, and that nothing is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from capa_sync.daemon.requests import carry_out_requests
from capa_sync.daemon.waiver_requests import WaiverWish, record_waiver, waiver_of
from capa_sync.errors import UserError
from capa_sync.sandbox.stories.script import ChangeStage, Create, Fill
from capa_sync.store import WAIVE, waiver_as_json
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import Ours, ours_on
from tests.sync.users import users_on
from tests.sync.world import SOURCES, World, open_world

RULE = "extent-assessed"
REASON = "Only one such system exists, and it is replaced in April"
WISH = WaiverWish("", RULE, "2026-03-31", REASON, "mara.roy", "", recorded_by="root")
FACTS = {"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}


@pytest.fixture(scope="module", params=SOURCES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A tracker with a ticket on which nobody looked for similar cases; its warning is written."""
    folder = tmp_path_factory.mktemp(request.param)
    with open_world(folder, request.param, rules=(RULE,), mode="on") as found:
        found.only.play("life", Create(FACTS))
        found.later(hours=1)
        found.only.play("life", ChangeStage("planned"))
        found.cycle(hours=1)
        yield found


def wish(world: World, **parts: str) -> WaiverWish:
    """Return the wish for the world's ticket, with other parts."""
    key = world.runtime.register.tickets.key(world.only.name, world.only.id_of("life"))
    return replace(WISH, **({"ticket": key} | parts))


def waive(world: World, **parts: str) -> None:
    """Record a waiver as the command does."""
    now = world.clock.now()
    record_waiver(world.runtime.register, waiver_of(world.runtime, wish(world, **parts), now), now)


def carried(world: World) -> Ours:
    """Return what is ours on the ticket."""
    return ours_on(users_on(world.only), world.only.id_of("life"))


def listed(world: World) -> list[tuple[str, str]]:
    """Return state and verdict of each waiver, the oldest first."""
    return [(row["state"], row["result"]) for row in world.view("v_waivers")]


def state(world: World) -> str:
    """Return the state of the finding."""
    return world.states("life")[RULE]


BAD: dict[str, tuple[dict[str, str], str]] = {
    "ticket": ({"ticket": "NONE-1"}, "there is no ticket 'NONE-1' in the register"),
    "rule": ({"rule": "extent-asessed"}, "there is no rule 'extent-asessed'; did you mean 'extent-assessed'?"),
    "no day": ({"until": "31.3.2026"}, "'31.3.2026' is no day; write 2026-03-31"),
    "no such day": ({"until": "2026-02-30"}, "'2026-02-30' is no day"),
    "expired": ({"until": "2026-03-01"}, "2026-03-01 has passed; write a day from 2026-03-02 on"),
    "too far": ({"until": "2026-08-30"}, "severity medium is waived for 180 days at most, here until 2026-08-29"),
    "person": ({"by": "mara.roi"}, "there is no person 'mara.roi' in the people file; did you mean 'mara.roy'?"),
    "no member": ({"by": "chloe.martin"}, "'chloe.martin' is no member of the waiver group 'isms-leads'"),
    "approver": ({"approved_by": "mara.roy"}, "mara.roy cannot approve the own waiver"),
    "reason": ({"reason": "  not needed  here "}, "the reason has 15 characters; write at least 20"),
    "long reason": ({"reason": "x" * 1001}, "the reason has 1001 characters; write at most 1000"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistaken_request_is_one_line_and_records_nothing(world: World, mistake: str) -> None:
    """The line says what is wrong and what to write instead."""
    parts, line = BAD[mistake]
    with pytest.raises(UserError) as refused:
        waive(world, **parts)
    [problem] = refused.value.problems
    assert line in str(problem)
    assert listed(world) == []


def test_a_waiver_is_shown_once_and_its_last_day_opens_the_finding_again(world: World) -> None:
    """The text says until when, by whom and why; afterwards nothing is written until the day is over."""
    request = waiver_as_json(waiver_of(world.runtime, wish(world), world.clock.now()))
    world.runtime.register.requests.leave(WAIVE, request, world.clock.now())
    assert carry_out_requests(world.runtime) == [world.only.name]
    world.cycle()
    assert (state(world), listed(world)) == ("waived", [("active", "breach")])
    ours = carried(world)
    assert f"waived until 31 March 2026 by Mara Roy: {REASON}" in ours.texts[0]
    assert ours.state == "waived"
    assert ours.labels == ({"capa-waived"} if world.only.name != "servicenow" else set())
    [row] = world.view("v_register")
    assert (row["waived"], row["warnings_medium"], row["rules"]) == (f"{RULE} until 2026-03-31", 0, "")
    assert_rebuilt(world)
    world.cycle()
    before, written = world.runtime.register.rows_by_table(), world.writes()
    for _ in range(3):
        world.cycle()
    after = world.runtime.register.rows_by_table()
    assert {table for table in before if before[table] != after[table]} == set()
    world.cycle(days=29)  # 31 March, 12:00 in London
    assert (state(world), world.writes()) == ("waived", written)
    world.cycle(hours=12)
    assert (state(world), listed(world)) == ("open", [("ended", "breach")])
    assert "waived" not in carried(world).texts[0]
    assert carried(world).labels == ({"capa-warning"} if world.only.name != "servicenow" else set())
    assert_rebuilt(world)


def test_a_waiver_ends_when_the_text_changes_and_is_inactive_while_the_finding_is_high(world: World) -> None:
    """A higher severity needs a second person; another text needs another waiver, also where the old text returns."""
    waive(world, until="2026-04-30")
    world.cycle()
    assert state(world) == "waived"
    world.only.play("life", ChangeStage("implemented"))
    world.cycle(hours=1)
    assert (state(world), listed(world)[-1]) == ("open", ("inactive", "breach"))
    with pytest.raises(UserError, match="the finding is high: a second person must approve the waiver"):
        waive(world, until="2026-04-30")
    waive(world, until="2026-04-30", approved_by="priya.nair")
    world.cycle()
    assert (state(world), listed(world)[1:]) == ("waived", [("ended", "breach"), ("active", "breach")])
    assert "by Mara Roy, approved by Priya Nair: Only one" in carried(world).texts[0]
    world.only.play("life", Fill({"extent_note": "looked"}))
    world.cycle(hours=1)
    assert (state(world), listed(world)[-1]) == ("open", ("ended", "breach"))
    world.only.play("life", Fill({"extent_note": ""}))
    world.cycle(hours=1)
    assert state(world) == "open"
    assert_rebuilt(world)


def test_the_owner_cannot_waive_and_a_named_rule_cannot_be_waived(world: World) -> None:
    """Who becomes the owner while the waiver lasts, or names the rule in the settings, makes it inactive."""
    waive(world, until="2026-04-30", approved_by="priya.nair")
    world.cycle()
    assert state(world) == "waived"
    unwaivable = replace(world.runtime.options, unwaivable=frozenset({RULE}))
    allowed, world.runtime.options = world.runtime.options, unwaivable
    world.cycle()
    assert state(world) == "open"
    world.runtime.options = allowed
    world.cycle()
    assert state(world) == "waived"
    world.only.play("life", Fill({"owner": "mara.roy"}))
    world.cycle(hours=1)
    assert state(world) == "open"
    with pytest.raises(UserError, match="owns the ticket: an owner cannot waive"):
        waive(world, until="2026-04-30", approved_by="priya.nair")
    assert_rebuilt(world)
