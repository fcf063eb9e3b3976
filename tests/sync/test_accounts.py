"""Whether a person is active is known in the first cycle, and again a day later without a change of any ticket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import accounts
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.script import Create
from tests.sync.world import SOURCES, Site, World, open_world

OWNER = PEOPLE["priya.nair"]
FACE = {"jira": "cloud", "jira-dc": "datacenter"}
BULK = "user/bulk"
RULES = ("owner-active",)


def owned(world: World) -> None:
    """Create a ticket of a person who does nothing in the tracker, old enough to need an owner."""
    world.only.play("owned", Create({"title": "owned", "grade": "minor", "owner": OWNER.id}))
    world.later(days=7)


def result(world: World) -> Any:
    """The outcome of rule `owner-active` and its reason."""
    rows = world.runtime.register.rows_by_table()["verdict"]
    return next((row[3], row[9]) for row in rows if row[2] == "owner-active")


def set_active(site: Site, *, active: bool) -> None:
    """Close or open the owner's account; no ticket changes."""
    if site.name == "servicenow":
        [user] = [row for row in site.tracker.rows("sys_user") if row["user_name"] == OWNER.id]
        site.tracker.as_user("admin").update("sys_user", user["sys_id"], {"active": str(active).lower()})
    else:
        site.tracker.admin.set_user(getattr(OWNER, FACE[site.name]), {"active": active})


def leave_state_out(site: Site) -> None:
    """Let tickets show the owner without `active`, as some proxies do; the account itself still shows it."""
    for issue in site.tracker.state.issues.values():
        issue.fields["assignee"] = {k: v for k, v in issue.fields["assignee"].items() if k != "active"}


def requests_for_users(world: World) -> list[str]:
    """The requests that asked about accounts."""
    return [exchange.path for exchange in world.only.server.requests if "/user" in exchange.path]


@pytest.mark.parametrize("source", SOURCES)
def test_an_owner_is_known_as_active_in_the_first_cycle_and_as_inactive_a_day_later(
    source: str, tmp_path: Path
) -> None:
    """The first verdict decides; an account that is closed later is found though its ticket never changes again."""
    with open_world(tmp_path, source, rules=RULES) as world:
        owned(world)
        world.cycle()
        assert result(world)[0] == "ok"
        sent = requests_for_users(world)
        set_active(world.only, active=False)
        world.cycle(minutes=1)
        assert requests_for_users(world) == sent
        world.cycle(hours=25)
        assert result(world)[0] == "breach"


def test_a_state_that_tickets_leave_out_is_asked_for_in_bulk_before_tickets_are_judged(tmp_path: Path) -> None:
    """One request for all of them, in the first cycle alone."""
    with open_world(tmp_path, "jira", rules=RULES) as world:
        owned(world)
        leave_state_out(world.only)
        world.cycle()
        assert result(world)[0] == "ok"
        assert len(requests_for_users(world)) == 1
        world.cycle(minutes=1)
        world.restart()
        world.cycle(minutes=1)
        assert len(requests_for_users(world)) == 1


@pytest.mark.parametrize(
    "fault", [("answer", {"status": 403, "answer": '{"errorMessages": []}'}), ("proxy_error", {})], ids=["403", "502"]
)
def test_where_accounts_cannot_be_asked_about_the_rule_cannot_tell_and_the_cycle_goes_on(
    fault: tuple[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed right is a missing right until it is opened, said once; neither is asked for at the next poll."""
    kind, options = fault
    logged: list[str] = []
    monkeypatch.setattr(accounts, "log", lambda action, **_words: logged.append(str(action)))
    with open_world(tmp_path, "jira", rules=RULES) as world:
        owned(world)
        leave_state_out(world.only)
        planned = world.only.server.faults.add(kind, ("GET", BULK), times=None, **options)
        world.cycle()
        assert result(world)[0] == "cannot_tell"
        hits = planned.hits
        world.cycle(minutes=1)
        assert planned.hits == hits
        world.cycle(hours=25)
        is_closed = kind == "answer"
        assert logged.count("right_missing") == int(is_closed)
        assert bool(world.health()["missing_rights"]) is is_closed
        world.only.server.faults.clear()
        world.cycle(hours=25)
        assert result(world)[0] == "ok"
        world.cycle(hours=2)
        assert world.health()["missing_rights"] == []
