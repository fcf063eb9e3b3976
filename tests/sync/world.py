"""A world for tests of reading: trackers over real HTTP, one register, the real pipeline, one settable clock."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.daemon.cycle import CycleResult, run_round
from capa_sync.daemon.health import health_of
from capa_sync.daemon.requests import release
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.ticket import Origin, Presence, SourceTicket
from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraTracker
from capa_sync.sandbox.servicenow import INTEGRATION_USER, PASSWORD, ServiceNowTracker
from capa_sync.sandbox.stories.jira_player import JiraPlayer
from capa_sync.sandbox.stories.script import Scene, StoryEvent
from capa_sync.sandbox.stories.servicenow_player import ServiceNowPlayer
from capa_sync.sandbox.stories.working_days import WorkingDays
from capa_sync.settings import load_settings
from capa_sync.starter import starter_path
from capa_sync.store import open_register
from capa_sync.wiring import Configuration, build_runtime, configure

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOURCES = ("jira", "jira-dc", "servicenow")
JIRAS = SOURCES[:2]
QUERY = {"jira": "project = CAPA", "jira-dc": "project = NC", "servicenow": ""}
PROJECT = {"jira": "CAPA", "jira-dc": "NC"}
TYPE = "Nonconformity"
SECRETS = {"TOKEN": API_TOKEN, "PASSWORD": PASSWORD}
_HEAD = """register = "register.db"
rules = [{rules}]
timezone = "Europe/London"
[write_back]
mode = "{mode}"
settle = "0s"
max_new_comments_per_day = 1000
max_changed_share = 1.0
"""
_SOURCE = """[sources.{name}]
kind = "{kind}"
url = "{url}"
query = "{query}"
request_budget = "{budget}"
mapping = "{mapping}"
{more}
"""
_MORE = {
    "jira": f'auth = {{ method = "basic", user = "{API_EMAIL}", token_env = "TOKEN" }}',
    "jira-dc": 'auth = { method = "pat", token_env = "TOKEN" }',
    "servicenow": f'table = "sn_grc_issue"\nauth = {{ method = "basic", user = "{INTEGRATION_USER}", '
    'password_env = "PASSWORD" }\n'
    'write_back = { text_field = "u_capa_sync_text", state_field = "u_capa_sync_state" }',
}
_MAPPING = {"jira": "jira-cloud.yaml", "jira-dc": "jira-dc.yaml", "servicenow": "servicenow-grc-issue.yaml"}

Change = tuple[str, str, str, str, str, datetime]
"""One change: its entry's id, field name, from, to, author, instant."""


@dataclass
class Site:
    """One tracker of the world with its server and its company."""

    name: str
    tracker: Any
    server: SandboxServer
    player: JiraPlayer | ServiceNowPlayer

    def settings(self, **values: Any) -> None:
        """Change settings of the sandbox tracker."""
        self.tracker.set_settings(values)

    def play(self, story: str, deed: StoryEvent, by: str = "anna.lee") -> None:
        """Do something to a story's ticket as a person."""
        self.player.play(Scene(story, 0, 0, by, deed))

    def id_of(self, story: str) -> str:
        """The immutable id of a story's ticket."""
        if isinstance(self.player, ServiceNowPlayer):
            return self.player.ids[story]
        issue = self.tracker.state.find(self.player.keys[story])
        return str(issue.id)

    def hide(self, *stories: str) -> None:
        """Hide these tickets from our account, and show all others."""
        if isinstance(self.player, ServiceNowPlayer):
            self.settings(hidden_rows=[self.id_of(story) for story in stories])
            return
        for story, key in self.player.keys.items():
            self.tracker.admin.hide(key, hidden=story in stories)

    def close(self, *, closed: bool = True) -> None:
        """Hide the project or the table from our account, or show it again."""
        if isinstance(self.player, ServiceNowPlayer):
            self.settings(forbidden_tables=["sn_grc_issue", "sn_grc_task"] if closed else [])
        else:
            self.tracker.admin.hide_project(PROJECT[self.name], hidden=closed)


@dataclass
class World:
    """The trackers and the runtime that mirrors them; `restart` makes a new runtime on the same register."""

    folder: Path
    clock: SandboxClock
    sites: dict[str, Site]
    runtime: Runtime = field(init=False)
    last: dict[str, CycleResult] = field(default_factory=dict)
    our_clock: Any = None
    written: dict[str, Any] = field(default_factory=dict)

    @property
    def only(self) -> Site:
        """The tracker of a world that has one."""
        [site] = self.sites.values()
        return site

    def start(self) -> None:
        """Open the register and build the runtime anew, as a starting process does."""
        clock = self.our_clock or self.clock
        file = self.folder / "capa-sync.toml"
        configuration = _configuration(file)
        register = open_register(configuration.register_path, clock_now=clock.now())
        self.runtime = build_runtime(configuration, register, clock, threading.Event())
        for context in self.runtime.contexts.values():
            source: Any = context.source  # waits are not slept: no test waits for real seconds
            client = getattr(source, "client", source)
            if client is not source:  # ServiceNow: its other sessions are made with the options of the first
                options, *rest = client._made_of
                client._made_of = (replace(options, waits_are_instant=True), *rest)
            writer: Any = context.writer
            for port in (source, client, writer._client):
                for policy in ("retry", "_retry", "_policy", "budget", "_budget"):
                    if hasattr(port, policy):
                        patience = getattr(port, policy)
                        name = "is_instant" if hasattr(patience, "is_instant") else "_is_instant"
                        setattr(patience, name, True)

    def restart(self) -> None:
        """End the process at once and start another on the same register."""
        self.runtime.register.close()
        self.start()

    def resettle(self, name: str, *, query: str | None = None, mapping: Mapping[str, str] | None = None) -> None:
        """Edit the settings or the shipped mapping of a source as a person, and restart.

        `mapping` maps pieces of the shipped file to their replacements; {} restores the shipped file.
        """
        if query is not None:
            self.written["query"] = {**self.written["query"], name: query}
        if mapping is not None:
            self.written["mapping"] = {**self.written["mapping"], name: self._altered(name, mapping)}
        _write_settings(self)
        self.restart()

    def retable(self, table: str, file: str) -> None:
        """Let the ServiceNow source read another table with another shipped mapping, and restart."""
        self.written["table"] = table
        self.written["mapping"] = {**self.written["mapping"], "servicenow": starter_path("mappings") / file}
        _write_settings(self)
        self.restart()

    def _altered(self, name: str, pieces: Mapping[str, str]) -> Path:
        """Write the shipped mapping with these pieces replaced into a folder of its own, with the people file."""
        origin = starter_path("mappings") / _MAPPING[name]
        text = origin.read_text(encoding="utf-8")
        for old, new in pieces.items():
            assert old in text, old
            text = text.replace(old, new)
        folder = self.folder / f"mapping-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        folder.mkdir(exist_ok=True)
        (folder / "people.yaml").write_bytes((origin.parent / "people.yaml").read_bytes())
        (folder / origin.name).write_text(text, encoding="utf-8")
        return folder / origin.name

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**by))

    def try_cycle(self, *names: str, full: bool = False, **later: float) -> dict[str, CycleResult]:
        """Run one cycle over these sources (all by default), half a minute later than now by default."""
        self.later(**(later or {"seconds": 30}))
        contexts = [self.runtime.contexts[name] for name in names or self.sites]
        self.last = {result.source: result for result in run_round(self.runtime, contexts, full=full)}
        crashes = {name: site.server.crashes for name, site in self.sites.items() if site.server.crashes}
        assert not crashes
        return self.last

    def cycle(self, *names: str, full: bool = False, **later: float) -> dict[str, CycleResult]:
        """Run one cycle that must succeed."""
        results = self.try_cycle(*names, full=full, **later)
        problems = {name: result.problem for name, result in results.items() if result.problem}
        assert problems == {}, problems
        return results

    def states(self, story: str) -> dict[str, str]:
        """Rule -> state of the findings on a story's ticket."""
        ticket = self.only.id_of(story)
        return {
            finding.rule: str(finding.state)
            for finding in self.runtime.register.findings.latest(self.only.name, ticket)
        }

    # --- looking at the mirror -----------------------------------------------------------------------------------

    def ticket(self, ticket_id: str, name: str = "") -> SourceTicket:
        """A mirrored ticket."""
        source = name or self.only.name
        found = self.runtime.register.tickets.ticket(source, ticket_id, self.runtime.contexts[source].source.parser())
        assert found is not None, f"{ticket_id} is not mirrored"
        return found

    def presence(self, ticket_id: str, name: str = "") -> Presence:
        """The presence of a ticket in the mirror."""
        return self.runtime.register.tickets.presence(name or self.only.name, ticket_id)

    def presences(self, name: str = "") -> dict[str, Presence]:
        """The presence of every mirrored ticket."""
        return {id_: at for id_, (at, _) in self.runtime.register.tickets.presences(name or self.only.name).items()}

    def changes(self, ticket_id: str, name: str = "") -> list[Change]:
        """The changes of the tracker's history as the mirror has them, in their order."""
        return [
            (c.entry, c.field_name, shown(c.old), shown(c.new), c.by, c.at)
            for c in self.ticket(ticket_id, name).changes
            if c.origin is Origin.HISTORY
        ]

    def observed(self, ticket_id: str, name: str = "") -> list[tuple[str, str, str]]:
        """Field, from and to of the observed changes."""
        return [
            (c.field_id, shown(c.old), shown(c.new))
            for c in self.ticket(ticket_id, name).changes
            if c.origin is Origin.OBSERVED
        ]

    def view(self, view: str, **where: object) -> list[dict[str, Any]]:
        """Rows of a public view."""
        rows = self.runtime.register.view(view)
        return [row for row in rows if all(row[column] == value for column, value in where.items())]

    def health(self, name: str = "") -> dict[str, Any]:
        """What `status --json` shows of one source."""
        contexts = self.runtime.contexts
        health = health_of(
            self.runtime.register,
            {source: context.poll_every for source, context in contexts.items()},
            self.runtime.clock.now(),
        )
        return next(
            source_health
            for source_health in health["sources"]
            if source_health["source"] == (name or self.only.name)
        )

    def status(self) -> str:
        """What `status` prints."""
        now = self.runtime.clock.now().isoformat()
        arguments = ["status", "--config", str(self.folder / "capa-sync.toml"), "--test-clock", now]
        return CliRunner().invoke(cli, arguments).output

    def problem(self, name: str = "") -> str:
        """The fault that `status` shows for a source."""
        return str(self.health(name)["problem"])

    def contents(self, name: str = "") -> dict[str, Any]:
        """Everything mirrored of a source, without when it was read, to compare mirrors and prove stillness."""
        source = name or self.only.name
        tickets = self.runtime.register.tickets
        return {
            ticket.id: (tickets.presence(source, ticket.id), ticket)
            for ticket in tickets.tickets(source, self.runtime.contexts[source].source.parser())
        }

    def writes(self, name: str = "") -> list[str]:
        """Every writing request that a tracker has seen."""
        return [
            f"{exchange.method} {exchange.path}"
            for exchange in self.sites[name or self.only.name].server.requests
            if exchange.method in ("PUT", "PATCH", "DELETE")
            or (exchange.method == "POST" and exchange.path.endswith("/comment"))
        ]


def shown(raw: Any) -> str:
    """A value as text: what a person reads, else its ids."""
    return str(raw.text or ", ".join(raw.names or raw.ids))


_READ: dict[str, Configuration] = {}


def _configuration(file: Path) -> Configuration:
    """Load settings as a process does; mapping and rule files are read once, since all worlds share them."""
    settings = load_settings(file, SECRETS)
    named = repr([(name, source.mapping) for name, source in settings.sources.items()]) + repr(settings.rules)
    if named not in _READ:
        _READ[named] = configure(settings, file, SECRETS)
    return replace(_READ[named], settings=settings, file=file, folder=file.parent)


@contextmanager
def open_world(
    folder: Path,
    *names: str,
    query: Mapping[str, str] | None = None,
    rules: Sequence[str] | None = ("root-cause-before-action",),
    mode: str = "off",
    more: str = "",
    budget: str = "1000/s",
    our_clock: Any = None,
) -> Iterator[World]:
    """Set up trackers at START and a runtime that mirrors them; no cycle has run yet.

    Args:
        folder: for settings and register.
        names: of SOURCES.
        query: other queries by source.
        rules: shipped rules by id, None for all.
        mode: of write-back; anything but off is released.
        more: lines added to each source's table.
        budget: requests a second.
        our_clock: the daemon's own clock where it is not the trackers'.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    clock = SandboxClock(START, ticking=False)
    sites = {name: _site(name, clock) for name in names}
    for site in sites.values():
        site.player.prepare()
        site.server.start()
    world = World(folder, clock, sites, our_clock=our_clock)
    world.written = _as_written({**QUERY, **(query or {})}, rules, mode, more, budget)
    _write_settings(world)
    world.start()
    if mode != "off":
        release(world.runtime, list(names), None)
    try:
        yield world
    finally:
        world.runtime.register.close()
        for site in sites.values():
            site.server.stop()


@contextmanager
def beside(world: World, folder: Path, *, query: Mapping[str, str], more: str = "") -> Iterator[World]:
    """Set up a second runtime on the same trackers: a register of its own, all shipped rules, and it never writes."""
    other = World(folder, world.clock, world.sites, our_clock=world.our_clock)
    other.written = _as_written({**QUERY, **query}, None, "off", more, "1000/s")
    other.written["mapping"] = world.written["mapping"]
    _write_settings(other)
    other.start()
    try:
        yield other
    finally:
        other.runtime.register.close()


def _site(name: str, clock: SandboxClock) -> Site:
    days = WorkingDays(clock.now())
    tracker: JiraTracker | ServiceNowTracker
    player: JiraPlayer | ServiceNowPlayer
    if name == "servicenow":
        tracker = ServiceNowTracker(clock=clock)
        player = ServiceNowPlayer(tracker, days)
    else:
        tracker = JiraTracker(face="cloud" if name == "jira" else "datacenter", clock=clock)
        player = JiraPlayer(tracker, days, lambda story: story)
    return Site(name, tracker, SandboxServer(tracker), player)


def _as_written(
    query: Mapping[str, str], rules: Sequence[str] | None, mode: str, more: str, budget: str
) -> dict[str, Any]:
    shipped = {name: starter_path("mappings") / file for name, file in _MAPPING.items()}
    return {
        "query": query,
        "rules": rules,
        "mode": mode,
        "more": more,
        "budget": budget,
        "mapping": shipped,
        "table": "sn_grc_issue",
    }


def _write_settings(world: World) -> None:
    held = world.written
    listed = ", ".join(f'"{starter_path("rules")}/{rule}.yaml"' for rule in held["rules"] or ())
    text = _HEAD.format(rules=listed, mode=held["mode"])
    for name, site in world.sites.items():
        text += _SOURCE.format(
            name=name,
            kind="servicenow" if name == "servicenow" else "jira",
            url=site.server.url,
            query=held["query"][name],
            mapping=held["mapping"][name],
            budget=held["budget"],
            more=f"{held['more']}\n{_MORE[name].replace('sn_grc_issue', held['table'])}",
        )
    (world.folder / "capa-sync.toml").write_text(text, encoding="utf-8")
