"""The harness of journeys: one sandbox tracker over real HTTP, a register, and the pipeline on one settable clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from capa_sync.daemon.cycle import CycleResult, run_round
from capa_sync.daemon.requests import release
from capa_sync.daemon.runtime import Runtime
from capa_sync.live.settle import settle
from capa_sync.model.finding import Finding
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraTracker
from capa_sync.sandbox.servicenow import INTEGRATION_USER, PASSWORD, ServiceNowTracker
from capa_sync.sandbox.stories.jira_player import JiraPlayer
from capa_sync.sandbox.stories.script import Scene, StoryEvent
from capa_sync.sandbox.stories.servicenow_player import ServiceNowPlayer
from capa_sync.sandbox.stories.working_days import OFFICE, WorkingDays
from capa_sync.settings import load_settings
from capa_sync.starter import joined_mappings, starter_path
from capa_sync.store import open_register
from capa_sync.wiring import build_runtime, configure

SOURCES = ("jira", "jira-dc", "servicenow")
HEAD = """register = "register.db"
timezone = "Europe/London"
[write_back]
mode = "on"
settle = "0s"
max_new_comments_per_day = 100
"""
TABLES = {
    "jira": """[sources.jira]
kind = "jira"
url = "{url}"
query = "project = CAPA"
request_budget = "1000/s"
mapping = "{mappings}/jira-cloud.yaml"
auth = {{ method = "basic", user = "{email}", token_env = "TOKEN" }}
""",
    "jira-dc": """[sources.jira-dc]
kind = "jira"
url = "{url}"
query = "project = NC"
request_budget = "1000/s"
mapping = "{mappings}/jira-dc.yaml"
auth = {{ method = "pat", token_env = "TOKEN" }}
""",
    "servicenow": """[sources.servicenow]
kind = "servicenow"
url = "{url}"
table = "sn_grc_issue"
request_budget = "1000/s"
mapping = "{mappings}/servicenow-grc-issue.yaml"
auth = {{ method = "basic", user = "{user}", password_env = "PASSWORD" }}
write_back = {{ text_field = "u_capa_sync_text", state_field = "u_capa_sync_state" }}
""",
}
SECRETS = {"TOKEN": API_TOKEN, "PASSWORD": PASSWORD}


def local(text: str) -> datetime:
    """Return an instant written as London time, `2025-05-05 09:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=OFFICE)


@dataclass
class Harness:
    """One tracker, its player, and the runtime that mirrors it."""

    source: str
    clock: SandboxClock
    server: SandboxServer
    player: JiraPlayer | ServiceNowPlayer
    runtime: Runtime
    last: CycleResult | None = field(default=None)

    def play(self, when: str, deed: StoryEvent, by: str = "anna.lee", story: str = "life") -> None:
        """Let a person do something at a London time."""
        self.clock.set(local(when))
        self.player.play(Scene(story, 0, 0, by, deed))

    def cycle(self, when: str | None = None) -> CycleResult:
        """Run one cycle, at a London time if given, else half a minute later than now."""
        self.clock.set(local(when)) if when else self.clock.advance(timedelta(seconds=30))
        context = self.runtime.contexts[self.source]
        context.facts_at = None  # as a newly started daemon: the site may have new fields and people
        [self.last] = run_round(self.runtime, [context])
        assert not self.last.problem, self.last.problem
        assert not self.server.crashes
        return self.last

    def ticket(self, story: str = "life") -> str:
        """Return the immutable id of a story's ticket."""
        [(_source, ticket_id)] = self.runtime.register.tickets.find(self.player.address(story)[0])
        return ticket_id

    def findings(self, story: str = "life") -> dict[str, Finding]:
        """Return rule -> latest episode on a story's ticket."""
        return {
            finding.rule: finding
            for finding in self.runtime.register.findings.latest(self.source, self.ticket(story))
        }

    def states(self, story: str = "life") -> dict[str, str]:
        """Return rule -> `state severity` of every live or historical finding."""
        return {
            rule: f"{finding.state} {finding.severity}" if finding.state == "open" else str(finding.state)
            for rule, finding in self.findings(story).items()
            if finding.state != "cleared"
        }

    def writes(self) -> list[str]:
        """Return every writing request that the tracker has seen, as `METHOD path`."""
        return [
            f"{exchange.method} {exchange.path}"
            for exchange in self.server.requests
            if exchange.method in ("PUT", "PATCH", "DELETE")
            or (exchange.method == "POST" and exchange.path.endswith("/comment"))
        ]


@contextmanager
def open_harness(source: str, folder: Path, start: str, *, keeps_answers: bool = False) -> Iterator[Harness]:
    """Set up one tracker at a London time, signed in and released."""
    clock = SandboxClock(local(start), ticking=False)
    days = WorkingDays(clock.now())
    tracker: JiraTracker | ServiceNowTracker
    player: JiraPlayer | ServiceNowPlayer
    if source == "servicenow":
        tracker = ServiceNowTracker(clock=clock)
        player = ServiceNowPlayer(tracker, days)
    else:
        tracker = JiraTracker(face="cloud" if source == "jira" else "datacenter", clock=clock)
        player = JiraPlayer(tracker, days, lambda story: story)
    player.prepare()
    with SandboxServer(tracker, keeps_answers=keeps_answers) as server:
        runtime = runtime_of(source, folder, server.url, clock)
        release(runtime, [source], None)
        try:
            yield Harness(source, clock, server, player, runtime)
        finally:
            runtime.register.close()


def runtime_of(source: str, folder: Path, url: str, clock: SandboxClock) -> Runtime:
    """Write the settings of one tracker into a folder and wire a runtime to a new register there."""
    file = folder / "capa-sync.toml"
    table = TABLES[source].format(url=url, mappings=starter_path("mappings"), email=API_EMAIL, user=INTEGRATION_USER)
    file.write_text(HEAD + table, encoding="utf-8")
    configuration = configure(load_settings(file, SECRETS), file, SECRETS)
    register = open_register(configuration.register_path, clock_now=clock.now(), now=clock.now)
    return build_runtime(configuration, register, clock, threading.Event())


def stories_runtime(folder: Path, urls: dict[str, str], clock: SandboxClock) -> Runtime:
    """Wire a runtime over the three trackers of the stories to a new register with a live set, write-back off."""
    folder.mkdir(exist_ok=True)
    mappings = joined_mappings(folder / "mappings")
    tables = [
        TABLES[name].format(url=url, mappings=mappings, email=API_EMAIL, user=INTEGRATION_USER)
        for name, url in urls.items()
    ]
    file = folder / "capa-sync.toml"
    file.write_text(HEAD.replace('mode = "on"', 'mode = "off"') + "".join(tables), encoding="utf-8")
    configuration = configure(load_settings(file, SECRETS), file, SECRETS)
    register = open_register(configuration.register_path, clock_now=clock.now(), now=clock.now)
    settle(configuration, register, clock.now(), "a test", stores=True)
    return build_runtime(configuration, register, clock, threading.Event())
