"""The rolling count of a site holds for all its sources, also when two of them plan at the same moment."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from capa_sync.daemon.cycle import CycleResult, run_cycle
from capa_sync.daemon.requests import release
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, JiraTracker
from capa_sync.sandbox.stories.jira_player import JiraPlayer
from capa_sync.sandbox.stories.script import AddAction, Create, Scene
from capa_sync.sandbox.stories.working_days import WorkingDays
from capa_sync.settings import load_settings
from capa_sync.starter import starter_path
from capa_sync.store import open_register
from capa_sync.wiring import build_runtime, configure
from tests.journey.harness import HEAD, SECRETS, TABLES, local

LIMIT = 1


def test_two_sources_that_plan_at_once_share_one_rolling_day(tmp_path: Path) -> None:
    """The second source plans between the first one's check of the brake and its writes: at most LIMIT comments."""
    clock = SandboxClock(local("2025-05-05 09:00"), ticking=False)
    tracker = JiraTracker(face="cloud", clock=clock)
    player = JiraPlayer(tracker, WorkingDays(clock.now()), lambda story: story)
    player.prepare()
    with SandboxServer(tracker) as server:
        table = TABLES["jira"].format(url=server.url, mappings=starter_path("mappings"), email=API_EMAIL, user="")
        file = tmp_path / "capa-sync.toml"
        head = HEAD.replace("max_new_comments_per_day = 100", f"max_new_comments_per_day = {LIMIT}")
        assert head != HEAD
        file.write_text(head + table + table.replace("[sources.jira", "[sources.twin"), encoding="utf-8")
        configuration = configure(load_settings(file, SECRETS), file, SECRETS)
        with open_register(configuration.register_path, clock_now=clock.now()) as register:
            runtime = build_runtime(configuration, register, clock, threading.Event())
            names = list(runtime.contexts)
            release(runtime, names, None)
            for name in names:
                run_cycle(runtime, runtime.contexts[name])
                register.outbox.close_release(name, clock.now())
            player.play(Scene("life", 0, 0, "anna.lee", Create({"title": "Review missed", "owner": "anna.lee"})))
            clock.advance(timedelta(days=2))
            player.play(Scene("life", 0, 0, "anna.lee", AddAction("Run the missing review", None)))
            clock.advance(timedelta(hours=2))
            meanwhile: list[CycleResult] = []

            def interleave(name: str) -> None:
                if name == "before-outbox-commit" and not meanwhile:
                    meanwhile.append(CycleResult("twin", clock.now()))
                    meanwhile[0] = run_cycle(runtime, runtime.contexts["twin"], deliver=False)

            runtime.checkpoint = interleave
            first = run_cycle(runtime, runtime.contexts["jira"], deliver=False)
            assert meanwhile[0].counts["planned"]
            assert "max_new_comments_per_day = 1" in first.stopped
            waiting = [write for name in names for write in register.outbox.open(name)]
            assert sum(write.notifies for write in waiting) == LIMIT
