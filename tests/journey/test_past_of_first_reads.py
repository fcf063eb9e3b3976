"""From the `as_of` of the run that first reads a ticket on, the past is what was recorded; a read takes time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.stories.jira_site import CHANGES
from capa_sync.sandbox.stories.people import PEOPLE
from capa_sync.sandbox.stories.script import Create, Fill, Say
from tests.journey.harness import SOURCES, Harness, local, open_harness
from tests.journey.watched import Said, said_at, said_by_cycle

MOVED, ACTIVE, COMPARING = "due-date-moved", "owner-active", "recurrence"
"""Rules that read comments, accounts, and other records."""
TICKET = {
    "title": "Access review missed",
    "owner": "anna.lee",
    "due_at": "2025-06-30",
    "requirement_ref": "A.5.18",
    "cause_category": "process",
}


def cycle(harness: Harness) -> tuple[Said, datetime, datetime]:
    """Run a cycle during which time passes; return its verdicts, its `as_of`, and when a page was first stored."""
    harness.clock.resume()
    said = said_by_cycle(harness.runtime)
    harness.clock.freeze()
    register = harness.runtime.register
    as_of, ended = register.runs.as_of(harness.source), register.runs.last_success(harness.source)
    assert as_of is not None
    assert ended is not None
    assert as_of < ended
    return said, as_of, ended


def outcomes(said: Said, ticket_id: str) -> dict[str, str]:
    """Return rule -> outcome of one ticket."""
    return {rule: outcome for (_, ticket, rule), (outcome, _, _) in said.items() if ticket == ticket_id}


def each_instant(since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield instants from one to another, both among them."""
    for step in range(11):
        yield since + (until - since) * step / 10


@contextmanager
def moved_once(source: str, folder: Path) -> Iterator[Harness]:
    """Set up a tracker with a record whose due date was moved without a reason, on a later day."""
    with open_harness(source, folder, "2025-06-02 09:00") as harness:
        harness.play("2025-06-02 10:00", Create(TICKET), story="old")
        harness.play("2025-06-03 10:00", Fill({"due_at": "2025-07-31"}), story="old")
        harness.clock.set(local("2025-06-12 12:00"))
        yield harness


@pytest.mark.parametrize("source", SOURCES)
def test_the_first_run_shows_its_as_of_as_it_was_recorded(source: str, tmp_path: Path) -> None:
    """On the day of the first `sync`, a report up to now says what the register says, of every rule."""
    with moved_once(source, tmp_path) as harness:
        recorded, as_of, ended = cycle(harness)
        old = outcomes(recorded, harness.ticket("old"))
        assert (old[MOVED], "cannot_tell" in (old[ACTIVE], old[COMPARING])) == ("breach", False)
        assert said_at(harness.runtime, as_of) == recorded
        harness.clock.set(local("2025-06-12 13:00"))
        cycle(harness)
        for at in each_instant(as_of, ended):
            assert said_at(harness.runtime, at) == recorded, at
        before = outcomes(said_at(harness.runtime, as_of - timedelta(microseconds=1)), harness.ticket("old"))
        assert (before[MOVED], before[ACTIVE], before[COMPARING]) == ("cannot_tell",) * 3


@pytest.mark.parametrize("source", SOURCES)
def test_a_new_ticket_is_known_at_every_instant_since_it_was_made(source: str, tmp_path: Path) -> None:
    """Made after a read, nothing of it could be missed: also between the next read's `as_of` and its own read."""
    with moved_once(source, tmp_path) as harness:
        cycle(harness)
        harness.play("2025-06-12 14:00", Create(TICKET), story="new")
        created = harness.clock.now()
        harness.play("2025-06-13 15:00", Fill({"due_at": "2025-08-31"}), story="new")
        changed = harness.clock.now()
        harness.clock.set(local("2025-06-20 16:00"))
        recorded, as_of, ended = cycle(harness)
        new = harness.ticket("new")
        assert outcomes(recorded, new)[MOVED] == "breach"
        harness.clock.set(local("2025-06-20 17:00"))
        cycle(harness)
        found = [outcomes(said_at(harness.runtime, at), new) for at in each_instant(as_of, ended)]
        assert found == [outcomes(recorded, new)] * len(found)
        for at in (*each_instant(created, changed), *each_instant(changed, as_of)):
            then = outcomes(said_at(harness.runtime, at), new)
            assert "cannot_tell" not in (then[MOVED], then[ACTIVE], then[COMPARING]), at


def test_a_ticket_that_came_into_the_query_later_is_not_known_from_its_creation_on(tmp_path: Path) -> None:
    """Made after a read, but in a project that is not read: a reason that was deleted meanwhile may be missing."""
    with moved_once("jira", tmp_path) as harness:
        cycle(harness)
        tracker = harness.player.tracker
        assert isinstance(tracker, JiraTracker)
        anna = tracker.as_user(PEOPLE["anna.lee"].cloud)
        harness.play("2025-06-13 09:00", Create(TICKET), story="new")
        harness.play("2025-06-15 10:00", Fill({"due_at": "2025-08-31"}), story="new")
        harness.play("2025-06-15 10:10", Say("Moved, because the shared mailbox comes in July."), story="new")
        key = harness.player.address("new")[0]
        issue = tracker.state.find(key)
        assert issue is not None
        harness.clock.set(local("2025-06-15 11:00"))
        anna.move(key, CHANGES)
        changed = harness.clock.now()
        harness.clock.set(local("2025-06-20 12:00"))
        cycle(harness)
        anna.delete_comment(issue.key, str(issue.comments[-1].id))
        harness.clock.set(local("2025-06-21 12:00"))
        anna.move(issue.key, "CAPA")
        harness.clock.set(local("2025-06-22 12:00"))
        recorded, as_of, _ended = cycle(harness)
        new = harness.ticket("new")
        assert outcomes(recorded, new)[MOVED] == "breach"
        assert outcomes(said_at(harness.runtime, as_of), new) == outcomes(recorded, new)
        before = [outcomes(said_at(harness.runtime, at), new)[MOVED] for at in each_instant(changed, as_of)][:-1]
        assert set(before) == {"cannot_tell"}
