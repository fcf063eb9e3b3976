"""A hundred cycles over an unchanged world: no write, no changed row, and as few requests as promised."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.cycle import run_round
from capa_sync.sandbox.stories.script import AddAction
from tests.journey import test_life as life
from tests.journey.harness import SOURCES, open_harness

REQUESTS = {"jira": 1, "jira-dc": 1, "servicenow": 4}
"""Requests of an idle poll: one for a Jira source; two for each mirrored ServiceNow table, of which there are two."""
CENSUS = {"jira": 10, "jira-dc": 10, "servicenow": 30}
"""Requests at most in an hourly cycle that reads all ids, or the fields and statuses of the site."""


@pytest.mark.parametrize("source", SOURCES)
def test_a_hundred_cycles_of_an_unchanged_world(source: str, tmp_path: Path) -> None:
    """Nothing is written, no row but the ledger's changes, and an idle poll sends as few requests as promised."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        life.report_and_contain(harness)
        harness.play("2025-05-12 11:00", AddAction("Tell the team leads", None, "child", "anna.lee"))
        for _settling in range(3):
            harness.clock.advance(timedelta(minutes=10))
            harness.cycle()
        before, sent = harness.runtime.register.rows_by_table(), harness.writes()
        asked = []
        for _ in range(100):
            harness.clock.advance(timedelta(seconds=60))
            earlier = len(list(harness.server.requests))
            [result] = run_round(harness.runtime, list(harness.runtime.contexts.values()))
            assert not result.problem
            asked.append(len(list(harness.server.requests)) - earlier)
        after = harness.runtime.register.rows_by_table()
        assert {name for name in before if before[name] != after[name]} == set()
        assert harness.writes() == sent
    assert asked[-1] == REQUESTS[source], asked
    dearer = [count for count in asked if count > REQUESTS[source]]
    assert len(dearer) <= 3, asked  # the hourly census twice, and the facts of the site once
    assert max(dearer) <= CENSUS[source], asked
