"""Pausing and leaving: nothing is written while paused; a withdrawal leaves nothing of ours, and can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.requests import RESUME, WITHDRAW, carry_out_requests, release
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.script import AddAction, Create
from tests.journey.desk import SOURCES, Desk, open_desk

STORIES = ("one", "two", "three")


def warn_three(desk: Desk) -> None:
    """Three tickets, each with an action before its cause is known."""
    for story in STORIES:
        new = {"title": f"Access review {story} missed", "owner": "anna.lee", "grade": "minor"}
        desk.play("2025-05-05 09:00", Create(new), story=story)
        desk.play("2025-05-07 10:00", AddAction("Run the missing review", None), story=story)
    desk.cycle()
    desk.cycle()
    desk.cycle()


def ours(desk: Desk) -> dict[str, int]:
    """Story -> how many things of ours stand on its ticket, seen in the tracker itself; work notes left out."""
    return {story: _count(desk, desk.ticket(story)) for story in STORIES}


def _count(desk: Desk, ticket_id: str) -> int:
    tracker = desk.player.tracker
    if isinstance(tracker, ServiceNowTracker):
        row = tracker.find("sn_grc_issue", ticket_id) or {}
        return sum(bool(row.get(column)) for column in ("u_capa_sync_text", "u_capa_sync_state"))
    assert isinstance(tracker, JiraTracker)
    issue = tracker.state.issues[int(ticket_id)]
    comments = sum("capa-sync" in comment.properties for comment in issue.comments)
    labels = sum(label.startswith("capa-") for label in issue.fields.get("labels") or ())
    return comments + labels + ("capa-sync" in issue.properties)


def halt(desk: Desk, kind: HaltKind) -> None:
    """What `pause` and `withdraw` leave in the register."""
    desk.house.register.halts.set(desk.source, Halt(kind, desk.clock.now(), "tester"))
    desk.house.register.requests.leave(WITHDRAW, {"source": desk.source}, desk.clock.now())
    carry_out_requests(desk.house)


def resume(desk: Desk) -> None:
    """What `resume` leaves in the register."""
    desk.house.register.halts.end(desk.source)
    desk.house.register.requests.leave(RESUME, {"source": desk.source}, desk.clock.now())
    carry_out_requests(desk.house)


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_written_while_paused_and_all_of_it_after(source: str, tmp_path: Path) -> None:
    """A paused source is read and judged; it is no safety stop; `resume` lets out what waited."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        halt(desk, HaltKind.PAUSED)
        warn_three(desk)
        assert desk.writes() == []
        assert desk.last is not None
        assert desk.last.stopped == ""
        assert {each.error for each in desk.house.register.outbox.withheld(source)} == {"paused"}
        assert all(desk.findings(story) for story in STORIES)
        resume(desk)
        desk.cycle()
        assert all(count for count in ours(desk).values())


@pytest.mark.parametrize("source", SOURCES)
def test_a_pause_holds_what_waits_in_the_outbox(source: str, tmp_path: Path) -> None:
    """Writes let through before the pause wait; none goes out while it holds."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        new = {"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}
        desk.play("2025-05-05 09:00", Create(new), story="one")
        desk.play("2025-05-07 10:00", AddAction("Run the missing review", None), story="one")
        setup = desk.house.setups[source]
        for _ in range(3):
            run_round(desk.house, [setup], deliver=False)
        assert desk.house.register.outbox.open(source)
        before = len(desk.writes())
        halt(desk, HaltKind.PAUSED)
        desk.cycle("2025-05-08 10:00")
        desk.cycle("2025-05-08 11:00")
        assert len(desk.writes()) == before


@pytest.mark.parametrize("source", SOURCES)
def test_a_withdrawal_waits_for_its_release_and_then_leaves_nothing(source: str, tmp_path: Path) -> None:
    """First nothing, then as many tickets as were released, then all; a further pass writes nothing."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        warn_three(desk)
        assert all(ours(desk).values())
        before = desk.writes()
        halt(desk, HaltKind.WITHDRAWN)
        stopped = desk.cycle().stopped
        assert "taken back from 3 tickets" in stopped
        assert "sync --release N|all" in stopped
        assert desk.writes() == before
        assert {
            each.is_removal or bool(each.labels_remove) for each in desk.house.register.outbox.withheld(source)
        } == {True}
        release(desk.house, [source], 1)
        desk.cycle()
        assert sorted(map(bool, ours(desk).values())) == [False, True, True]
        release(desk.house, [source], None)
        desk.cycle()
        assert ours(desk) == dict.fromkeys(STORIES, 0)
        before = desk.writes()
        assert desk.cycle().stopped == ""
        desk.cycle("2025-05-09 10:00")
        assert desk.writes() == before


@pytest.mark.parametrize("source", SOURCES)
def test_a_withdrawal_reaches_tickets_out_of_scope(source: str, tmp_path: Path) -> None:
    """What once was written is taken back also where the query no longer looks."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        warn_three(desk)
        register, ticket = desk.house.register, desk.ticket("one")
        register.tickets.set_presence(source, ticket, Presence.OUT_OF_SCOPE, "by hand", desk.clock.now())
        halt(desk, HaltKind.WITHDRAWN)
        release(desk.house, [source], None)
        desk.cycle()
        assert _count(desk, ticket) == 0


@pytest.mark.parametrize("source", SOURCES)
def test_after_resume_each_ticket_gets_its_one_warning_again(source: str, tmp_path: Path) -> None:
    """The old comment is not looked for, no person is thought to have deleted it, and there is one new text."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        warn_three(desk)
        first = ours(desk)
        halt(desk, HaltKind.WITHDRAWN)
        release(desk.house, [source], None)
        desk.cycle()
        assert ours(desk) == dict.fromkeys(STORIES, 0)
        resume(desk)
        desk.cycle("2025-05-09 10:00")
        desk.cycle("2025-05-09 11:00")
        assert ours(desk) == first
        register = desk.house.register
        assert [register.outbox.deletions(source, desk.ticket(story)) for story in STORIES] == [0, 0, 0]
        before = desk.writes()
        desk.cycle("2025-05-10 12:00")
        assert desk.writes() == before


@pytest.mark.parametrize("source", SOURCES[:2])
def test_a_comment_that_a_customer_could_read_pauses_the_source(source: str, tmp_path: Path) -> None:
    """Jira shows an internal comment to customers: one is created and deleted at once, and no other is tried."""
    with open_desk(source, tmp_path, "2025-05-05 09:00") as desk:
        tracker = desk.player.tracker
        assert isinstance(tracker, JiraTracker)
        for project in tracker.state.projects.values():
            project.raw["projectTypeKey"] = "service_desk"
        tracker.knobs.shows_internal_comments = True
        with pytest.raises(AssertionError, match="showed our internal comment"):
            warn_three(desk)
        for _ in range(3):
            assert desk.cycle().problem == ""
        assert sum(write.startswith("POST") for write in desk.writes()) == 1
        assert not any(ours(desk).values())
        held = desk.house.register.halts.of(source)
        assert held is not None
        assert held.kind is HaltKind.PAUSED
        assert "deleted at once" in str(held)
        tracker.knobs.shows_internal_comments = False
        resume(desk)
        desk.cycle("2025-05-09 10:00")
        assert all(ours(desk).values())
