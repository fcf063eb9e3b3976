"""A daemon killed at any step on a Jira Data Center leaves nothing doubled and nothing missing on the ticket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.daemon.fork_server import ForkServer
from tests.daemon.kill_scenario import STORY, KillScenario
from tests.daemon.steps import COMMIT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def scenario(fork_server: ForkServer) -> Iterator[KillScenario]:
    """One ticket on a Jira Data Center."""
    scenario = KillScenario(fork_server, "jira-dc")
    yield scenario
    scenario.close()


def test_undisturbed_it_ends_with_one_marked_wiki_comment_and_its_label(scenario: KillScenario) -> None:
    """The run that all others are compared with gives what the contract promises."""
    picture = scenario.undisturbed.pictures[STORY]
    (comment,) = picture["comments"]
    assert "{*}Clause 10 check \\- 1 thing to fix{*}" in comment
    assert picture["marked"] == [True]
    assert picture["labels"] == ["capa-warning"]
    assert picture["state"] == "warning"
    assert scenario.writes == 3


def test_every_step_of_the_undisturbed_run_was_seen(scenario: KillScenario) -> None:
    """SQLite ended no more transactions than were counted, the tracker had no more requests; both are many."""
    commits = scenario.steps.count(COMMIT)
    assert scenario.stored == [COMMIT] * commits
    assert len(scenario.steps) - commits == scenario.requests
    assert commits >= 18
    assert scenario.requests >= 22
    assert set(scenario.sent) >= {
        "POST /rest/api/2/search",
        "POST /rest/api/2/issue/10001/comment",
        "PUT /rest/api/2/issue/10001",
        "PUT /rest/api/2/issue/10001/properties/capa-sync",
    }


def test_killed_before_each_step_it_ends_as_if_undisturbed(scenario: KillScenario) -> None:
    """The process can resume from each state between two commits or requests, reading ones too."""
    assert scenario.before_each_step() == []
    assert scenario.when_idle() == []


def test_killed_around_each_write_it_ends_as_if_undisturbed(scenario: KillScenario) -> None:
    """A write that the tracker applied during the kill is found again, one that it never received is sent again."""
    assert scenario.around_each_write() == []
