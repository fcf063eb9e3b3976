"""Pausing and leaving: nothing is written while paused; a withdrawal removes all that is ours, and can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from capa_sync.daemon.cycle import run_round
from capa_sync.daemon.leaving import content_left
from capa_sync.daemon.requests import RESUME, WITHDRAW, carry_out_requests, release
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.ticket import Presence
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.script import AddAction, Create
from tests.journey.harness import SOURCES, Harness, open_harness

STORIES = ("one", "two", "three")


def warn_three(harness: Harness) -> None:
    """Three tickets, each with an action before its cause is known."""
    for story in STORIES:
        new = {"title": f"Access review {story} missed", "owner": "anna.lee", "grade": "minor"}
        harness.play("2025-05-05 09:00", Create(new), story=story)
        harness.play("2025-05-07 10:00", AddAction("Run the missing review", None), story=story)
    harness.cycle()
    harness.cycle()
    harness.cycle()


def ours(harness: Harness) -> dict[str, int]:
    """Story -> number of things of ours on its ticket, read in the tracker itself; work notes left out."""
    return {story: _count(harness, harness.ticket(story)) for story in STORIES}


def _count(harness: Harness, ticket_id: str) -> int:
    tracker = harness.player.tracker
    if isinstance(tracker, ServiceNowTracker):
        row = tracker.find("sn_grc_issue", ticket_id) or {}
        return sum(bool(row.get(column)) for column in ("u_capa_sync_text", "u_capa_sync_state"))
    assert isinstance(tracker, JiraTracker)
    issue = tracker.state.issues[int(ticket_id)]
    comments = sum("capa-sync" in comment.properties for comment in issue.comments)
    labels = sum(label.startswith("capa-") for label in issue.fields.get("labels") or ())
    return comments + labels + ("capa-sync" in issue.properties)


def halt(harness: Harness, kind: HaltKind) -> None:
    """Store what the commands `pause` and `withdraw` leave in the register."""
    harness.runtime.register.halts.set(harness.source, Halt(kind, harness.clock.now(), "tester"))
    harness.runtime.register.requests.leave(WITHDRAW, {"source": harness.source}, harness.clock.now())
    carry_out_requests(harness.runtime)


def resume(harness: Harness) -> None:
    """Store what the command `resume` leaves in the register."""
    harness.runtime.register.halts.end(harness.source, harness.clock.now())
    harness.runtime.register.requests.leave(RESUME, {"source": harness.source}, harness.clock.now())
    carry_out_requests(harness.runtime)


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_written_while_paused_and_all_of_it_after(source: str, tmp_path: Path) -> None:
    """A paused source is read and judged; a pause is no safety stop; `resume` sends what waited."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        halt(harness, HaltKind.PAUSED)
        warn_three(harness)
        assert harness.writes() == []
        assert harness.last is not None
        assert harness.last.stopped == ""
        assert {write.error for write in harness.runtime.register.outbox.withheld(source)} == {"paused"}
        assert all(harness.findings(story) for story in STORIES)
        resume(harness)
        harness.cycle()
        assert all(count for count in ours(harness).values())


@pytest.mark.parametrize("source", SOURCES)
def test_a_pause_holds_what_waits_in_the_outbox(source: str, tmp_path: Path) -> None:
    """Writes that were pending before the pause wait; none is sent while it holds."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        new = {"title": "Access review missed", "owner": "anna.lee", "grade": "minor"}
        harness.play("2025-05-05 09:00", Create(new), story="one")
        harness.play("2025-05-07 10:00", AddAction("Run the missing review", None), story="one")
        context = harness.runtime.contexts[source]
        for _ in range(3):
            run_round(harness.runtime, [context], deliver=False)
        assert harness.runtime.register.outbox.open(source)
        before = len(harness.writes())
        halt(harness, HaltKind.PAUSED)
        harness.cycle("2025-05-08 10:00")
        harness.cycle("2025-05-08 11:00")
        assert len(harness.writes()) == before


@pytest.mark.parametrize("source", SOURCES)
def test_a_withdrawal_waits_for_its_release_and_then_leaves_nothing(source: str, tmp_path: Path) -> None:
    """First nothing, then as many tickets as were released, then all; a further pass writes nothing."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        warn_three(harness)
        assert all(ours(harness).values())
        before = harness.writes()
        halt(harness, HaltKind.WITHDRAWN)
        stopped = harness.cycle().stopped
        assert "taken back from 3 tickets" in stopped
        assert "sync --release N|all" in stopped
        assert harness.writes() == before
        assert {
            write.is_removal or bool(write.labels_remove)
            for write in harness.runtime.register.outbox.withheld(source)
        } == {True}
        release(harness.runtime, [source], 1)
        harness.cycle()
        assert sorted(map(bool, ours(harness).values())) == [False, True, True]
        assert content_left(harness.runtime.register, source) == (2, 0)
        release(harness.runtime, [source], None)
        harness.cycle()
        assert ours(harness) == dict.fromkeys(STORIES, 0)
        assert content_left(harness.runtime.register, source) == (0, 0)
        before = harness.writes()
        assert harness.cycle().stopped == ""
        harness.cycle("2025-05-09 10:00")
        assert harness.writes() == before


@pytest.mark.parametrize("source", SOURCES)
def test_a_withdrawal_reaches_tickets_out_of_scope(source: str, tmp_path: Path) -> None:
    """What was written is removed also where the query no longer names the ticket."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        warn_three(harness)
        register, ticket = harness.runtime.register, harness.ticket("one")
        register.tickets.set_presence(source, ticket, Presence.OUT_OF_SCOPE, "by hand", harness.clock.now())
        halt(harness, HaltKind.WITHDRAWN)
        release(harness.runtime, [source], None)
        assert content_left(register, source) == (3, 0)
        register.tickets.set_presence(source, harness.ticket("two"), Presence.ACCESS_LOST, "", harness.clock.now())
        register.tickets.set_presence(source, harness.ticket("three"), Presence.DELETED, "", harness.clock.now())
        assert content_left(register, source) == (1, 1)
        harness.cycle()
        assert _count(harness, ticket) == 0


@pytest.mark.parametrize("source", SOURCES)
def test_after_resume_each_ticket_gets_its_one_warning_again(source: str, tmp_path: Path) -> None:
    """The old comment is not looked up, no person is thought to have deleted it, and there is one new text."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        warn_three(harness)
        first = ours(harness)
        halt(harness, HaltKind.WITHDRAWN)
        release(harness.runtime, [source], None)
        harness.cycle()
        assert ours(harness) == dict.fromkeys(STORIES, 0)
        resume(harness)
        harness.cycle("2025-05-09 10:00")
        harness.cycle("2025-05-09 11:00")
        assert ours(harness) == first
        register = harness.runtime.register
        assert [register.outbox.deletions(source, harness.ticket(story)) for story in STORIES] == [0, 0, 0]
        before = harness.writes()
        harness.cycle("2025-05-10 12:00")
        assert harness.writes() == before


@pytest.mark.parametrize("source", SOURCES[:2])
def test_a_comment_that_a_customer_could_read_pauses_the_source(source: str, tmp_path: Path) -> None:
    """Jira shows an internal comment to customers: one is created and deleted at once, and no other is sent."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        tracker = harness.player.tracker
        assert isinstance(tracker, JiraTracker)
        for project in tracker.state.projects.values():
            project.raw["projectTypeKey"] = "service_desk"
        tracker.settings.shows_internal_comments = True
        with pytest.raises(AssertionError, match="showed our internal comment"):
            warn_three(harness)
        for _ in range(3):
            assert harness.cycle().problem == ""
        assert sum(write.startswith("POST") for write in harness.writes()) == 1
        assert not any(ours(harness).values())
        held = harness.runtime.register.halts.of(source)
        assert held is not None
        assert held.kind is HaltKind.PAUSED
        assert "deleted at once" in str(held)
        tracker.settings.shows_internal_comments = False
        resume(harness)
        harness.cycle("2025-05-09 10:00")
        assert all(ours(harness).values())
