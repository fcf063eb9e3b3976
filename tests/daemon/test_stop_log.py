"""How often `run` tells of a safety stop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import NOW


@pytest.mark.slow
def test_a_stop_is_logged_as_it_begins_as_its_cause_changes_and_once_an_hour(make_harness: MakeHarness) -> None:
    """Not at each poll, nor for one ticket more; after a release that ended it, the next stop is logged at once."""
    harness = make_harness("jira", write_back='mode = "on"\nmax_new_comments_per_day = 1')
    harness.create_broken("jira", "one")
    with harness.daemon() as daemon:
        daemon.wait_for("safety_stop")
        harness.create_broken("jira", "two", days=0)
        daemon.wait_for("finding_opened", 2)
        daemon.wait_for_cycles(2, ["jira"])
        [first] = daemon.lines("safety_stop")
        assert "has never written before" in first
        harness.set_clock(NOW + timedelta(minutes=61))
        daemon.wait_for("safety_stop", 2)
        daemon.wait_for_cycles(2, ["jira"])
        assert len(daemon.lines("safety_stop")) == 2
        assert harness.run("sync", "--release", "all").code == 0
        daemon.wait_for("write_delivered", 6)
        daemon.wait_for_cycles(2, ["jira"])
        harness.create_broken("jira", "three", days=0)
        logged = daemon.wait_for("safety_stop", 3)
        daemon.wait_for_cycles(2, ["jira"])
        assert logged is not None
        *_, last = daemon.lines("safety_stop")
        assert len(daemon.lines("safety_stop")) == 3
        assert "max_new_comments_per_day" in last
        assert daemon.stop().code == 0
