"""A process killed at any step on a Jira leaves no doubled and no missing word on the ticket."""

from __future__ import annotations

import pytest

from tests.daemon.lives import Lives
from tests.daemon.nursery import Nursery

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def lives(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """The life of one ticket on a Jira."""
    return Lives(nursery, tmp_path_factory.mktemp("lives"), "jira")


def test_unhurt_it_ends_with_one_marked_comment_and_its_label(lives: Lives) -> None:
    """The life that all others are measured by is what the contract promises."""
    picture = lives.unhurt.picture
    assert len(picture["comments"]) == 1
    assert picture["marked"] == [True]
    assert picture["labels"] == ["capa-warning"]
    assert picture["state"] == "warning"
    assert lives.writes == 3


def test_killed_at_each_named_step_it_ends_as_if_unhurt(lives: Lives) -> None:
    """The steps of the cycle are enumerated by one life, and a real process is killed at each in turn."""
    steps = lives.at_each_step()
    assert {"after-page-commit:1", "after-judging-commit:1", "deliver.request.before:1"} <= set(steps)
    assert lives.differences(steps) == []


def test_killed_after_each_commit_it_ends_as_if_unhurt(lives: Lives) -> None:
    """Every commit to the register, of whatever stage, leaves a state from which the next process goes on."""
    commits = lives.after_each_commit()
    assert len(commits) > 12
    assert lives.differences(commits) == []


def test_killed_around_each_write_it_ends_as_if_unhurt(lives: Lives) -> None:
    """A write that the tracker applied while we died is found again, one that it never saw is sent again."""
    assert lives.differences(lives.around_each_write()) == []
