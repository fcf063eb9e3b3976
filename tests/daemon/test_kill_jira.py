"""A daemon killed at any step on a Jira Cloud leaves no doubled and no missing word on the ticket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.daemon.fork_server import ForkServer
from tests.daemon.lives import STORY, Lives
from tests.daemon.steps import COMMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def lives(fork_server: ForkServer) -> Iterator[Lives]:
    """The life of one ticket on a Jira Cloud."""
    made = Lives(fork_server, "jira")
    yield made
    made.close()


def test_unhurt_it_ends_with_one_marked_comment_and_its_label(lives: Lives) -> None:
    """The life that all others are measured by is what the contract promises."""
    picture = lives.unhurt.pictures[STORY]
    assert len(picture["comments"]) == 1
    assert picture["marked"] == [True]
    assert picture["labels"] == ["capa-warning"]
    assert picture["state"] == "warning"
    assert lives.writes == 3


def test_every_step_of_that_life_was_seen(lives: Lives) -> None:
    """SQLite saw no more transactions than were counted, the tracker no more requests; both are many."""
    commits = lives.steps.count(COMMIT)
    assert lives.stored == [COMMIT] * commits
    assert len(lives.steps) - commits == lives.requests
    assert commits >= 18
    assert lives.requests >= 26
    assert set(lives.sent) >= {
        "POST /rest/api/3/search/jql",
        "POST /rest/api/3/changelog/bulkfetch",
        "POST /rest/api/3/issue/10001/comment",
        "PUT /rest/api/3/issue/10001",
        "PUT /rest/api/3/issue/10001/properties/capa-sync",
    }


def test_killed_before_each_step_it_ends_as_if_unhurt(lives: Lives) -> None:
    """Before and after each commit and each request, reading ones too, there is a state to go on from."""
    assert lives.before_each_step() == []
    assert lives.at_rest() == []


def test_killed_around_each_write_it_ends_as_if_unhurt(lives: Lives) -> None:
    """A write that the tracker applied while we died is found again, one that it never saw is sent again."""
    assert lives.around_each_write() == []
