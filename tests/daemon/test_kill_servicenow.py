"""A daemon killed at any step on a ServiceNow leaves no doubled and no missing word on the ticket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.daemon.fork_server import ForkServer
from tests.daemon.lives import STORY, Lives
from tests.daemon.steps import COMMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def lives(fork_server: ForkServer) -> Iterator[Lives]:
    """The life of one ticket on a ServiceNow."""
    made = Lives(fork_server, "servicenow")
    yield made
    made.close()


def test_unhurt_it_ends_with_text_state_and_one_work_note(lives: Lives) -> None:
    """The life that all others are measured by is what the contract promises."""
    picture = lives.unhurt.pictures[STORY]
    assert "root cause" in picture["text"]
    assert picture["state"] == "warning"
    assert len(picture["notes"]) == 1
    assert lives.writes == 2


def test_every_step_of_that_life_was_seen(lives: Lives) -> None:
    """SQLite saw no more transactions than were counted, the tracker no more requests; both are many."""
    commits = lives.steps.count(COMMIT)
    assert lives.stored == [COMMIT] * commits
    assert len(lives.steps) - commits == lives.requests
    assert commits >= 16
    assert lives.requests >= 40
    assert set(lives.sent) >= {
        f"GET /api/now/table/{table}" for table in ("sn_grc_issue", "sn_grc_task", "sys_audit", "sys_journal_field")
    }


def test_killed_before_each_step_it_ends_as_if_unhurt(lives: Lives) -> None:
    """Before and after each commit and each request, reading ones too, there is a state to go on from."""
    assert lives.before_each_step() == []
    assert lives.at_rest() == []


def test_killed_around_each_write_it_ends_as_if_unhurt(lives: Lives) -> None:
    """A write that the tracker applied while we died is found again, one that it never saw is sent again."""
    assert lives.around_each_write() == []
