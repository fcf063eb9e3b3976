"""Tickets that are gone, hidden, moved away or out of sight are distinguished; none is taken for deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import census
from capa_sync.model.finding import Outcome
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.stories.script import AddAction, Create, Fill
from capa_sync.sandbox.stories.servicenow_player import ServiceNowPlayer
from tests.sync.users import JiraUserDriver, users_on
from tests.sync.world import JIRAS, PROJECT, QUERY, SOURCES, World, open_world

ORDER = "root-cause-before-action"
STORIES = tuple(f"story {number}" for number in range(6))
SCOPE = {"jira": "project in (CAPA, SUPP)", "jira-dc": "project in (NC, SUPP)", "servicenow": "u_track=nonconformity"}


@contextmanager
def warned(folder: Path, source: str, query: str | None = None) -> Iterator[World]:
    """Six tickets with an action and no cause, warned about, a day ago."""
    with open_world(folder, source, mode="on", query=None if query is None else {source: query}) as world:
        for story in STORIES:
            world.only.play(story, Create({"title": story, "grade": "minor", "owner": "anna.lee"}))
            world.only.play(story, AddAction("Do something", None))
        world.cycle()
        assert {world.states(story)[ORDER] for story in STORIES} == {"open"}
        assert len(world.writes()) >= len(STORIES)
        world.cycle(hours=1)
        yield world


def repair(world: World, story: str) -> None:
    """Write the cause, then write the action anew."""
    world.only.play(story, Fill({"root_cause": "Nobody was named as deputy in AC-03"}))
    world.later(minutes=1)
    world.only.play(story, AddAction("Name a deputy", None))


@pytest.mark.parametrize("source", SOURCES)
def test_what_vanished_is_distinguished_and_stays_in_the_register(source: str, tmp_path: Path) -> None:
    """Deleted needs proof; hidden and deleted without proof look the same; what left the query is out of scope."""
    with open_world(tmp_path, source, query=SCOPE) as world:
        users = users_on(world.only)
        for number in range(12):
            users.create(f"ticket {number}")
        world.cycle()
        gone, hidden, left, silently = users.records()[:4]
        before = world.view("v_register")
        users.hide(hidden)
        users.leave(left, 2)
        if isinstance(users, JiraUserDriver):
            users.delete(gone)
        else:
            users.tracker.as_user("admin").delete("sn_grc_issue", gone)
            users.tracker.as_user("admin").delete("sn_grc_issue", silently, workflow=False)
        world.cycle()
        assert world.presence(gone) is Presence.PRESENT  # a poll cannot know
        world.cycle(days=1)
        proven = Presence.DELETED_OR_HIDDEN if source in JIRAS else Presence.DELETED
        assert world.presence(gone) is proven
        assert world.presence(hidden) is Presence.DELETED_OR_HIDDEN
        assert world.presence(left) is Presence.OUT_OF_SCOPE
        rows = world.view("v_register")
        assert {row["register_no"] for row in rows} == {row["register_no"] for row in before}
        presences = {row["ticket_id"]: row["presence"] for row in world.view("v_tickets")}
        assert (presences[gone], presences[left]) == (str(proven), "out_of_scope")
        assert world.health()["vanished"].keys() == {str(proven), "deleted_or_hidden", "out_of_scope"}
        if source not in JIRAS:
            assert world.presence(silently) is Presence.DELETED_OR_HIDDEN
            proof = next(row["presence_proof"] for row in world.view("v_tickets", ticket_id=gone))
            assert proof.startswith("sys_audit_delete ")
            world.only.tracker.prune_deletions(world.clock.now())
            world.cycle(days=1)
            assert world.presence(gone) is Presence.DELETED, "a proof once seen stays one"
        assert world.problem() == ""


@pytest.mark.parametrize("source", SOURCES)
def test_what_comes_back_is_read_and_judged_as_it_is_now(source: str, tmp_path: Path) -> None:
    """A ticket edited while it was hidden has an update time that polls no longer read: the census reads it anew."""
    with warned(tmp_path, source) as world:
        story = STORIES[2]
        world.only.hide(story)
        world.cycle(days=1)
        assert world.presence(world.only.id_of(story)) is Presence.DELETED_OR_HIDDEN
        repair(world, story)
        world.cycle(days=1)
        world.only.hide()
        world.cycle(days=1)
        assert world.presence(world.only.id_of(story)) is Presence.PRESENT
        assert world.states(story)[ORDER] == "historical"


@pytest.mark.parametrize("source", SOURCES)
def test_a_ticket_shown_to_us_late_is_found(source: str, tmp_path: Path) -> None:
    """A ticket hidden during the backfill, older than all that polls read, is found by the census."""
    with open_world(tmp_path, source) as world:
        for story in STORIES:
            world.only.play(story, Create({"title": story, "grade": "minor"}))
        world.only.hide(STORIES[0])
        world.cycle(hours=1)
        assert len(world.presences()) == len(STORIES) - 1
        world.only.hide()
        world.cycle(hours=1)
        world.cycle(days=1)
        assert world.presence(world.only.id_of(STORIES[0])) is Presence.PRESENT
        assert len(world.view("v_register")) == len(STORIES)


@pytest.mark.parametrize("source", SOURCES)
def test_a_project_out_of_sight_is_access_lost(source: str, tmp_path: Path) -> None:
    """An alarm, findings as they were, no write; once access is back, everything is judged as it is by then."""
    with warned(tmp_path, source) as world:
        ids = {world.only.id_of(story) for story in STORIES}
        numbers = [row["register_no"] for row in world.view("v_register")]
        findings = world.view("v_findings")
        as_of, written = world.health()["as_of"], len(world.writes())
        world.only.close()
        repair(world, STORIES[0])
        for hours in (1, 24, 24 * 8):
            world.try_cycle(hours=hours)
            assert {world.presence(id_) for id_ in ids} == {Presence.ACCESS_LOST}
            assert "no longer visible to us (6 tickets)" in world.problem()
            assert [(f["rule"], f["state"], f["cleared_at"]) for f in world.view("v_findings")] == [
                (f["rule"], f["state"], f["cleared_at"]) for f in findings
            ]
            assert [row["register_no"] for row in world.view("v_register")] == numbers
        assert world.health()["vanished"] == {"access_lost": 6}
        assert world.health()["as_of"] == as_of
        assert len(world.writes()) == written
        world.restart()  # a new process cannot even complete the sign-in, and reports the same
        world.try_cycle(hours=1)
        assert "no longer visible to us (6 tickets)" in world.problem()
        world.only.close(closed=False)
        world.cycle()
        assert {world.presence(id_) for id_ in ids} == {Presence.PRESENT}
        assert world.problem() == ""
        assert world.states(STORIES[0])[ORDER] == "historical"
        assert world.states(STORIES[1])[ORDER] == "open"
        assert len(world.writes()) > written


def test_a_table_that_hides_every_row_is_access_lost(tmp_path: Path) -> None:
    """ServiceNow counts rows that it does not show: an empty table with a count is not taken for empty."""
    with warned(tmp_path, "servicenow") as world:
        world.only.settings(hidden_tables=["sn_grc_issue"])
        world.try_cycle(days=1)
        assert set(world.presences().values()) == {Presence.ACCESS_LOST}
        assert "sn_grc_issue is no longer visible to us" in world.problem()


def test_a_table_that_shows_rows_outside_the_query_is_not_out_of_sight(tmp_path: Path) -> None:
    """Where each row of the query is hidden and another row is shown, rows are hidden; no row counts as gone."""
    with warned(tmp_path, "servicenow", "active=true") as world:
        left, *hidden = STORIES
        world.only.tracker.as_user("anna.lee").update("sn_grc_issue", world.only.id_of(left), {"active": "false"})
        world.cycle(days=1)
        assert world.presence(world.only.id_of(left)) is Presence.OUT_OF_SCOPE
        world.only.hide(*hidden)
        world.cycle(days=1)
        assert {world.presence(world.only.id_of(story)) for story in hidden} == {Presence.UNOBSERVED}
        assert world.presence(world.only.id_of(left)) is not Presence.ACCESS_LOST
        assert "5 tickets of sn_grc_issue vanished in one census" in world.problem()
        world.only.hide()
        world.cycle(minutes=15)
        assert {world.presence(world.only.id_of(story)) for story in hidden} == {Presence.PRESENT}
        assert world.problem() == ""


@pytest.mark.parametrize("source", SOURCES)
def test_half_of_a_project_gone_in_one_census_is_not_believed(source: str, tmp_path: Path) -> None:
    """Unobserved with an alarm; findings stay, nothing is written; the next census finds them and the alarm ends."""
    with warned(tmp_path, source) as world:
        out = STORIES[:3]
        written = len(world.writes())
        world.only.hide(*out)
        repair(world, out[0])
        world.cycle(days=1)
        assert {world.presence(world.only.id_of(story)) for story in out} == {Presence.UNOBSERVED}
        assert "3 tickets of" in world.problem()
        assert {world.states(story)[ORDER] for story in STORIES} == {"open"}
        assert world.health()["vanished"] == {"unobserved": 3}
        assert len(world.view("v_register")) == len(STORIES)
        assert len(world.writes()) == written
        world.only.hide()
        world.cycle(minutes=15)
        assert set(world.presences().values()) == {Presence.PRESENT}
        assert world.problem() == ""
        assert world.states(out[0])[ORDER] == "historical"
        assert world.states(out[1])[ORDER] == "open"


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_second_census_misses_too_is_asked_for_and_believed(source: str, tmp_path: Path) -> None:
    """Ten minutes later each of them is requested by its id; then the alarm is over, and stays over."""
    with warned(tmp_path, source) as world:
        world.only.hide(*STORIES[:3])
        world.cycle(days=1)
        assert world.health()["vanished"] == {"unobserved": 3}
        world.cycle(minutes=5)
        assert world.health()["vanished"] == {"unobserved": 3}
        for later in ({"minutes": 10}, {"days": 1}, {"days": 8}):
            world.cycle(**later)
            assert world.health()["vanished"] == {"deleted_or_hidden": 3}
            assert world.problem() == ""
        world.only.hide()
        world.cycle(hours=1)
        assert set(world.presences().values()) == {Presence.PRESENT}


@pytest.mark.parametrize("source", SOURCES)
def test_the_first_poll_that_sees_a_missing_ticket_heals_it_and_its_census(source: str, tmp_path: Path) -> None:
    """A ticket is edited: the poll has it present, and the census is taken at once and finds the others."""
    with warned(tmp_path, source) as world:
        out = STORIES[:3]
        world.only.hide(*out)
        world.cycle(days=1)
        assert {world.presence(world.only.id_of(story)) for story in out} == {Presence.UNOBSERVED}
        world.only.hide()
        repair(world, out[0])
        world.cycle(minutes=1)
        assert set(world.presences().values()) == {Presence.PRESENT}
        assert world.problem() == ""


@pytest.mark.parametrize("source", SOURCES)
def test_a_poll_heals_a_ticket_whose_content_it_knows(source: str, tmp_path: Path) -> None:
    """The ticket was taken for missing and did not change: that it is seen again is enough."""
    with open_world(tmp_path, source) as world:
        for story in STORIES:
            world.only.play(story, Create({"title": story, "grade": "minor"}))
        world.cycle()
        register, ticket = world.runtime.register, world.only.id_of(STORIES[-1])
        register.tickets.set_presence(source, ticket, Presence.UNOBSERVED, "a census missed it", world.clock.now())
        world.cycle(seconds=30)
        assert world.presence(ticket) is Presence.PRESENT


@pytest.mark.parametrize("source", SOURCES)
def test_a_census_reads_no_ticket_and_asks_for_those_gone_once(source: str, tmp_path: Path) -> None:
    """An hour without changes costs only the ids; a ticket proven gone is requested again after a day."""
    with warned(tmp_path, source) as world:
        world.only.hide(STORIES[0])
        world.cycle(hours=1)
        world.cycle(hours=1)
        requests = world.only.server.requests
        requests.reset()
        world.cycle(hours=1)
        hidden = world.only.id_of(STORIES[0])
        asked = [f"{exchange.request.target} {exchange.body!r}" for exchange in requests]
        assert not [request for request in asked if hidden in request]
        assert not [request for request in asked if "changelog/bulkfetch" in request or "expand=changelog" in request]
        assert not [request for request in asked if "documentkey" in request]
        requests.reset()
        world.cycle(days=1)
        assert [exchange for exchange in requests if hidden in f"{exchange.request.target} {exchange.body!r}"]


def ask_for(world: World, old: str, new: str) -> None:
    """A person changes the query in the settings and restarts capa-sync."""
    file = world.folder / "capa-sync.toml"
    text = file.read_text(encoding="utf-8")
    assert text.count(f'query = "{old}"') == 1
    file.write_text(text.replace(f'query = "{old}"', f'query = "{new}"'), encoding="utf-8")
    world.restart()


REWORDED = {
    "jira": ("project = CAPA", "project in (CAPA)"),
    "jira-dc": ("project = NC", "project in (NC)"),
    "servicenow": ("", "sys_created_onISNOTEMPTY"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_mass_deletion_that_was_meant_is_said_by_changing_the_query(source: str, tmp_path: Path) -> None:
    """Each missing ticket is requested at once; the alarm ends, and returns with the next mass vanishing."""
    with warned(tmp_path, source) as world:
        world.only.hide(*STORIES[:3])
        world.cycle(days=1)
        assert "change the query in the settings" in world.problem()
        ask_for(world, *REWORDED[source])
        for days in (1, 1, 8):
            world.cycle(days=days)
            assert world.problem() == ""
            assert world.health()["vanished"] == {"deleted_or_hidden": 3}
        world.only.hide(*STORIES[:5])
        world.cycle(days=1)
        assert world.health()["vanished"] == {"deleted_or_hidden": 3, "unobserved": 2}
        assert "vanished in one census" in world.problem()


@pytest.mark.parametrize("source", JIRAS)
def test_a_project_that_was_given_up_is_left_out_of_the_query(source: str, tmp_path: Path) -> None:
    """Its tickets stay as they are and raise no alarm any more; a project lost later does."""
    with open_world(tmp_path, source, query=SCOPE) as world:
        users = users_on(world.only)
        for number in range(6):
            users.create(f"ticket {number}")
        given_up = users.records()[:2]
        for ticket in given_up:
            users.leave(ticket, 1)
        world.cycle()
        world.only.tracker.admin.hide_project("SUPP", hidden=True)
        for days in (1, 1):
            world.try_cycle(days=days)
            assert "SUPP is no longer visible to us (2 tickets)" in world.problem()
            assert "leave it out of the query" in world.problem()
        ask_for(world, SCOPE[source], f"project = {PROJECT[source]}")
        for days in (1, 1, 8):
            world.cycle(days=days)
            assert world.problem() == ""
            assert {world.presence(ticket) for ticket in given_up} == {Presence.ACCESS_LOST}
        assert len(world.view("v_register")) == 6
        world.only.close()
        world.try_cycle(days=1)
        assert f"{PROJECT[source]} is no longer visible to us (4 tickets)" in world.problem()
        assert "SUPP" not in world.problem()


@pytest.mark.parametrize("source", JIRAS)
def test_a_query_that_is_narrowed_raises_no_alarm(source: str, tmp_path: Path) -> None:
    """A ticket that exists and that a person left out is out of scope, even when that is nearly all of a project."""
    narrow = f"{QUERY[source]} and summary ~ 'kept'"
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(6):
            users.create("kept" if number == 0 else f"ticket {number}")
        world.cycle()
        ask_for(world, QUERY[source], narrow)
        world.cycle(days=1)
        assert world.problem() == ""
        assert world.health()["vanished"] == {"out_of_scope": 5}


@pytest.mark.parametrize("source", SOURCES)
def test_what_still_waits_to_be_written_is_withdrawn_when_a_ticket_gets_out_of_sight(
    source: str, tmp_path: Path
) -> None:
    """A write that failed yesterday is not retried on a ticket that is not visible today."""
    with open_world(tmp_path, source, mode="on") as world:
        for story in STORIES:
            world.only.play(story, Create({"title": story, "grade": "minor", "owner": "anna.lee"}))
            world.only.play(story, AddAction("Do something", None))
        faults = world.only.server.faults
        faults.add("rate_limit", ("PATCH|PUT", ""), times=None, retry_after=30)
        faults.add("rate_limit", ("POST", "/comment"), times=None, retry_after=30)
        world.try_cycle()
        waiting = world.view("v_writes", state="pending") + world.view("v_writes", state="unknown")
        assert waiting
        faults.clear()
        world.only.hide(*STORIES[:5])
        sent = len(world.writes())
        world.try_cycle(days=1)
        world.try_cycle(minutes=30)
        names = (world.only.id_of(STORIES[5]), world.only.player.address(STORIES[5])[0])
        assert [write for write in world.writes()[sent:] if not any(name in write for name in names)] == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_deleted_action_counts_no_more(source: str, tmp_path: Path) -> None:
    """Its record is judged anew; in ServiceNow a hidden one is unknown, which opens and clears nothing.

    A Jira sub-task has the security of its parent, and the parent itself says which it has.
    """
    with open_world(tmp_path, source) as world:
        for story in STORIES:
            world.only.play(story, Create({"title": story, "grade": "minor", "owner": "anna.lee"}))
            world.only.play(story, AddAction("Do something", None, place="child"))
            world.later(hours=1)
        world.cycle()
        player = world.only.player
        assert {world.states(story)[ORDER] for story in STORIES} == {"open"}
        if isinstance(player, ServiceNowPlayer):
            player.tracker.as_user("admin").delete("sn_grc_task", player.tasks[STORIES[0]])
            world.only.settings(hidden_rows=[player.tasks[STORIES[1]]])
        else:
            player.tracker.as_user("anna.lee").delete(player.actions[STORIES[0]])
        world.cycle(days=1)
        world.cycle()
        assert [world.states(story)[ORDER] for story in STORIES[:3]] == ["cleared", "open", "open"]
        ticket_id = world.only.id_of(STORIES[1])
        outcome = world.runtime.register.findings.outcomes_of(source, [ticket_id])[ticket_id][ORDER]
        assert (outcome is Outcome.CANNOT_TELL) is (source == "servicenow")


@pytest.mark.parametrize("source", JIRAS)
def test_an_archived_project_is_reported_as_such(source: str, tmp_path: Path) -> None:
    """The list of projects shows archived ones, also where the query is refused because of them."""
    with open_world(tmp_path, source, query=SCOPE) as world:
        users = users_on(world.only)
        for number in range(6):
            users.create(f"ticket {number}")
        [moved, *_] = users.records()
        users.leave(moved, 1)
        world.cycle()
        world.only.tracker.admin.set_project_status("SUPP", "archived")
        world.try_cycle(days=1)
        assert world.presence(moved) is Presence.ARCHIVED
        assert list(world.presences().values()).count(Presence.PRESENT) == 5
        assert len(world.view("v_register")) == 6


@pytest.mark.parametrize("source", SOURCES)
def test_a_lost_sign_in_is_no_empty_tracker(source: str, tmp_path: Path) -> None:
    """Answers to an anonymous account change nothing: polls, census and full read are refused; `status` says why."""
    with warned(tmp_path, source) as world:
        before, as_of, written = world.contents(), world.health()["as_of"], len(world.writes())
        if source == "servicenow":
            world.only.tracker.accounts.passwords.clear()
            world.only.tracker.accounts.sessions.clear()
        else:
            world.only.settings(ignores_sign_in=True, anonymous_allowed=True)
        for later in ({"seconds": 30}, {"days": 1}, {"days": 8}):
            world.try_cycle(**later)
            assert world.contents() == before
            assert world.problem()
        world.restart()
        world.try_cycle(full=True)
        assert world.contents() == before
        assert world.health()["as_of"] == as_of
        assert world.health()["is_stale"]
        assert len(world.writes()) == written


@pytest.mark.parametrize("source", JIRAS)
def test_an_anonymous_answer_in_mid_sweep_is_no_empty_tracker(source: str, tmp_path: Path) -> None:
    """The session is lost between any two requests of a census and found again: nothing vanishes."""
    with warned(tmp_path, source) as world:
        for at in range(16):
            count = 0

            def lose(_request: object, at: int = at) -> None:
                nonlocal count
                world.only.settings(ignores_sign_in=at <= count < at + 3, anonymous_allowed=True)
                count += 1

            world.only.server.before[:] = [lose]
            world.try_cycle(days=1)
            assert set(world.presences().values()) == {Presence.PRESENT}
        world.only.server.before.clear()
        world.only.settings(ignores_sign_in=False)
        world.cycle()
        world.cycle(hours=1)  # a full read that failed goes on within the hour
        assert world.problem() == ""


@pytest.mark.parametrize("source", SOURCES)
def test_a_census_asks_for_so_many_missing_tickets_and_leaves_the_others_in_doubt(
    source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of four that are gone, two have their own request in each census; the others are unobserved until then."""
    monkeypatch.setattr(census, "OWN_REQUESTS", 2)
    with open_world(tmp_path, source, query=SCOPE) as world:
        users = users_on(world.only)
        for number in range(12):
            users.create(f"ticket {number}")
        world.cycle()
        missing = users.records()[:4]
        own: Any = world.runtime.contexts[source].source
        prove, asked = own.prove_gone, list[list[str]]()

        def counted(tickets: Any) -> Any:
            asked.append(sorted(tickets))
            return prove(tickets)

        monkeypatch.setattr(own, "prove_gone", counted)
        for ticket in missing:
            users.hide(ticket)
        for gone in (2, 4):
            world.cycle(days=1)
            presences = [world.presence(ticket) for ticket in missing]
            assert presences.count(Presence.DELETED_OR_HIDDEN) == gone
            assert presences.count(Presence.UNOBSERVED) == 4 - gone
        assert [len(tickets) for tickets in asked if tickets] == [2, 2]
        assert sorted(ticket for tickets in asked for ticket in tickets) == sorted(missing)
        assert world.problem() == ""
