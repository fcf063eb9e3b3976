"""Sources that are read in one round are known up to the same instant, so that a report just after it counts all."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from capa_sync.daemon.cycle import run_round
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import JiraTracker
from capa_sync.sandbox.servicenow import ServiceNowTracker
from capa_sync.sandbox.stories.scenario import play_scenario
from tests.journey.harness import SOURCES, stories_runtime


def test_a_round_shows_all_of_its_sources_up_to_its_start(tmp_path: Path) -> None:
    """However long each of them takes, none of them is known for longer than another one."""
    clock = SandboxClock(datetime(2026, 3, 2, 9, tzinfo=UTC), ticking=False)
    trackers = JiraTracker("cloud", clock), JiraTracker("datacenter", clock), ServiceNowTracker(clock)
    play_scenario(*trackers, clock)
    clock.resume()
    with ExitStack() as stack:
        sites = [stack.enter_context(SandboxServer(tracker)) for tracker in trackers]
        urls = {name: site.url for name, site in zip(SOURCES, sites, strict=True)}
        runtime = stories_runtime(tmp_path, urls, clock)
        stack.callback(runtime.register.close)
        for _ in range(2):
            begun = clock.now()
            results = run_round(runtime, list(runtime.contexts.values()))
            assert [result.problem for result in results] == ["", "", ""]
            [shown] = {runtime.register.runs.as_of(name) for name in SOURCES}
            assert shown is not None
            assert begun < shown < clock.now()
