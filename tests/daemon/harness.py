"""Tests with real processes: sandbox trackers in this process, capa-sync in others, one clock for all."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraTracker
from capa_sync.sandbox.servicenow import INTEGRATION_USER, PASSWORD, ServiceNowTracker
from capa_sync.sandbox.stories.jira_player import JiraPlayer
from capa_sync.sandbox.stories.script import Create, Day, Fill, Scene, StoryEvent
from capa_sync.sandbox.stories.servicenow_player import ISSUE, ServiceNowPlayer
from capa_sync.sandbox.stories.working_days import WorkingDays
from capa_sync.starter import joined_mappings
from capa_sync.store import Register, open_register
from tests.daemon.fork_server import FIRST_WAIT, LATEST, ROOT, Child, ForkServer
from tests.patience import PATIENCE

NOW = datetime(2026, 6, 15, 9, 0, tzinfo=UTC)
"""A Monday morning; the clock of every harness stays at this instant until its test moves it."""
ALL = ("jira", "jira-dc", "servicenow")
READING_POSTS = ("/search", "/search/jql", "/search/approximate-count", "/bulkfetch", "/comment/list")
IMPATIENT = {FIRST_WAIT: "0.01"}
"""Variables of a child that sends a failed read again at once, instead of for half a minute."""
ENDS_SOON = {LATEST: "1"}
"""Variables of a child that is ended a second after the request to stop, and not nine, whatever it computes."""
OWN_LABELS = ("capa-warning", "capa-overdue", "capa-waived")
KILLED = -signal.SIGKILL

Picture = dict[str, Any]

_MAPPINGS = {
    "jira": ROOT / "mappings/jira-cloud.yaml",
    "jira-dc": ROOT / "mappings/jira-dc.yaml",
    "servicenow": ROOT / "mappings/servicenow-grc-issue.yaml",
}
_SOURCES = {
    "jira": f"""kind = "jira"
query = "project = CAPA AND issuetype in (Nonconformity, Improvement)"
mapping = "{_MAPPINGS["jira"]}"
auth = {{ method = "basic", user = "{API_EMAIL}", token_env = "JIRA_TOKEN" }}""",
    "jira-dc": f"""kind = "jira"
query = "project = NC"
mapping = "{_MAPPINGS["jira-dc"]}"
auth = {{ method = "pat", token_env = "JIRA_TOKEN" }}""",
    "servicenow": f"""kind = "servicenow"
table = "{ISSUE}"
mapping = "{_MAPPINGS["servicenow"]}"
auth = {{ method = "basic", user = "{INTEGRATION_USER}", password_env = "SERVICENOW_PASSWORD" }}
write_back = {{ text_field = "u_capa_sync_text", state_field = "u_capa_sync_state" }}""",
}
ON_SAVE = 'rules_live = "on_save"\n'
"""A test that edits rules or mappings means the edit to count at once."""
_SECRETS = {"JIRA_TOKEN": API_TOKEN, "SERVICENOW_PASSWORD": PASSWORD}

FACTS: dict[str, str | Day] = {
    "title": "Access review missed",
    "description": "The quarterly access review of the finance application was not done for the first quarter.",
    "location": "Finance application",
    "detected_at": Day(10),
    "owner": "anna.lee",
    "grade": "minor",
}
"""Fields of a ticket that breaks no rule in its first days."""


def until(holds: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {PATIENCE} s"
        time.sleep(0.02)
    return found


@dataclass
class Daemon:
    """A running `capa-sync run`."""

    process: Child

    def lines(self, action: str = "", **fields: str) -> list[str]:
        """Return the log lines of an action with these fields; of every action by default."""
        wanted = [f"action={action}"] if action else []
        wanted += [f"{name}={value}" for name, value in fields.items()]
        return [line for line in self.process.err.splitlines() if all(word in line.split() for word in wanted)]

    def wait_for(self, action: str, count: int = 1, **fields: str) -> list[str]:
        """Wait for so many log lines of an action."""
        found: list[str] = until(lambda: self.process.ended.is_set() or len(self.lines(action, **fields)) >= count)
        assert len(self.lines(action, **fields)) >= count, self.process.err
        return found

    def wait_for_cycles(self, count: int = 1, sources: Sequence[str] = ()) -> None:
        """Wait until each source has ended so many more cycles than now."""
        names = sources or ALL
        before = {name: len(self.lines("cycle_finished", source=name)) for name in names}
        for name in names:
            self.wait_for("cycle_finished", before[name] + count, source=name)

    def stop(self) -> Child:
        """Send SIGTERM, as systemd does, and wait for the end."""
        return self.process.signal(signal.SIGTERM).wait()


class Harness:
    """Trackers, a settings file, and the means to start verbs; also a context manager.

    Args:
        fork_server: starts the processes.
        folder: for settings, register and outputs.
        sources: names of the trackers to start; all three by default. With `jira` and `servicenow` the mapping of
            `jira` joins tickets of both.
        rules: ids of the shipped rules to evaluate; few, since reading all takes longer than most tests.
        settings: lines put before the first table; write_back: lines of [write_back]; extra: source -> lines.
        poll_every: of each source. ports: where trackers listen, free ones by default.
    """

    def __init__(
        self,
        fork_server: ForkServer,
        folder: Path,
        sources: Sequence[str] = (),
        *,
        rules: Sequence[str] = ("root-cause-before-action", "action-overdue"),
        settings: str = "",
        write_back: str = 'mode = "on"',
        extra: Mapping[str, str] | None = None,
        poll_every: str = "1s",
        ports: Mapping[str, int] | None = None,
    ) -> None:
        self.fork_server = fork_server
        self.folder = folder
        (folder / "rules").mkdir(parents=True)
        for rule in rules:
            shutil.copy(ROOT / "rules" / f"{rule}.yaml", folder / "rules")
        self.names = tuple(sources) or ALL
        are_joined = {"jira", "servicenow"} <= set(self.names)
        self.mappings = joined_mappings(folder / "mappings") if are_joined else ROOT / "mappings"
        self.clock = SandboxClock(NOW, ticking=False)
        self.servicenow = ServiceNowTracker(clock=self.clock)
        self.cloud = JiraTracker("cloud", self.clock)
        self.datacenter = JiraTracker("datacenter", self.clock)
        days = WorkingDays(NOW)
        grc = ServiceNowPlayer(self.servicenow, days)
        self.players: dict[str, Any] = {
            "jira": JiraPlayer(self.cloud, days, grc.numbers.__getitem__),
            "jira-dc": JiraPlayer(self.datacenter, days, grc.numbers.__getitem__),
            "servicenow": grc,
        }
        trackers = {"jira": self.cloud, "jira-dc": self.datacenter, "servicenow": self.servicenow}
        self.servers = {name: SandboxServer(trackers[name], (ports or {}).get(name, 0)) for name in self.names}
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("CAPA_SYNC_")}
        self.env |= {**_SECRETS, "CAPA_SYNC_TEST_CLOCK": f"@{folder / 'clock'}"}
        self._lines = (settings, write_back, poll_every, dict(extra or {}))
        self._stack = ExitStack()
        self._count = itertools.count(1)

    def __enter__(self) -> Harness:
        for name in self.names:
            self._stack.enter_context(self.servers[name])
            self.players[name].prepare()
        self.write_settings()
        self.set_clock(NOW)
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()
        for name, server in self.servers.items():
            assert server.crashes == [], f"the sandbox {name} has a bug"

    # --- settings and clock ----------------------------------------------------------------------------------------
    @property
    def file(self) -> Path:
        """The settings file."""
        return self.folder / "capa-sync.toml"

    @property
    def register_file(self) -> Path:
        """The register."""
        return self.folder / "register.db"

    def write_settings(self) -> str:
        """Write the settings file of the started trackers, and return its text."""
        top, write_back, poll_every, extra = self._lines
        text = 'register = "register.db"\nrules = ["rules"]\ntimezone = "Europe/London"\n'
        text += f"{'' if 'rules_live' in top else ON_SAVE}{top}\n"
        text += f'\n[write_back]\nsettle = "0s"\n{write_back}\n'
        for name in self.names:
            text += f'\n[sources.{name}]\nurl = "{self.servers[name].url}"\n{_SOURCES[name]}\n'
            text += f'poll_every = "{poll_every}"\nrequest_budget = "2000/s"\n{extra.get(name, "")}\n'
        text = text.replace(str(ROOT / "mappings"), str(self.mappings))
        self.file.write_text(text, encoding="utf-8")
        return text

    def set_clock(self, instant: datetime) -> None:
        """Set the clock of the trackers and of every capa-sync process, running ones included."""
        self.clock.set(instant)
        fresh = self.folder / "clock.new"
        fresh.write_text(instant.isoformat(), encoding="ascii")
        fresh.replace(self.folder / "clock")

    # --- processes -------------------------------------------------------------------------------------------------
    def start(self, *arguments: str, limits: Mapping[str, int] | None = None, **env: str) -> Child:
        """Start a verb."""
        out = self.folder / f"{next(self._count)}-{arguments[0]}.out"
        return self.fork_server.start(
            list(arguments),
            env={**self.env, **env},
            folder=self.folder,
            out=out,
            limits=limits or {},
            yaml=[
                *sorted((self.folder / "rules").glob("*.yaml")),
                *(self.mappings / _MAPPINGS[name].name for name in self.names),
                self.mappings / "people.yaml",
            ],
        )

    def run(self, *arguments: str, limits: Mapping[str, int] | None = None, **env: str) -> Child:
        """Run a verb to its end."""
        return self.start(*arguments, limits=limits, **env).wait()

    def sync(self, *arguments: str, code: int = 0, **env: str) -> Child:
        """Run `sync` with the brakes released, and assert its exit code."""
        done = self.run("sync", "--release", "all", *arguments, **env)
        assert done.code == code, f"ended with {done.code}:\n{done.out}\n{done.err}"
        return done

    @contextmanager
    def daemon(self, **env: str) -> Iterator[Daemon]:
        """Run the daemon during a block."""
        running = Daemon(self.start("run", **env))
        try:
            running.wait_for("daemon_started")
            yield running
        finally:
            if not running.process.ended.is_set():
                running.process.signal(signal.SIGKILL).wait()

    # --- the trackers' side ----------------------------------------------------------------------------------------
    def play_event(self, source: str, story: str, event: StoryEvent, by: str = "anna.lee") -> None:
        """Let a person do something on a ticket, now."""
        self.players[source].play(Scene(story, 0, 0, by, event))

    def create_broken(self, source: str, story: str = "broken", *, days: int = 5) -> str:
        """Create a ticket whose corrective action was planned before the cause was known; return its key.

        It is created a day before the action, which is so many days ago; 0 is now, as needed once a tracker was read.
        """
        now = self.clock.now()
        self.clock.set(now - timedelta(days=days + 1 if days else 0))
        self.play_event(source, story, Create(FACTS))
        self.clock.set(now - timedelta(days=days))
        self.play_event(
            source, story, Fill({"action_text": "Do the missing review and name a deputy", "due_at": Day(-60)})
        )
        self.clock.set(now)
        return self.key(source, story)

    def create_clean(self, source: str, story: str = "clean") -> str:
        """Create a young ticket that breaks no rule; return its key."""
        now = self.clock.now()
        self.clock.set(now - timedelta(days=1))
        self.play_event(source, story, Create({**FACTS, "title": "Backup test not recorded"}))
        self.clock.set(now)
        return self.key(source, story)

    def key(self, source: str, story: str) -> str:
        """Return the key or number of a story's ticket."""
        return str(self.players[source].address(story)[0])

    def sys_id(self, story: str) -> str:
        """Return the id of a ServiceNow story's record."""
        return str(self.players["servicenow"].ids[story])

    def picture(self, source: str, story: str) -> Picture:
        """Return everything of ours on one ticket, as the tracker holds it."""
        return self._servicenow_picture(story) if source == "servicenow" else self._jira_picture(source, story)

    def _jira_picture(self, source: str, story: str) -> Picture:
        tracker = self.players[source].tracker
        with tracker.state.lock:
            issue = tracker.state.find(self.key(source, story))
            assert issue is not None
            own = [comment for comment in issue.comments if "capa-sync" in str(comment.author)]
            return {
                "comments": [comment.body for comment in own],
                "marked": ["capa-sync" in comment.properties for comment in own],
                "labels": sorted(set(issue.fields.get("labels") or ()) & set(OWN_LABELS)),
                "state": (issue.properties.get("capa-sync") or {}).get("state"),
            }

    def _servicenow_picture(self, story: str) -> Picture:
        row = self.servicenow.find(ISSUE, self.sys_id(story)) or {}
        notes = self.servicenow.rows("sys_journal_field", f"element_id={self.sys_id(story)}^element=work_notes")
        own = [note["value"] for note in notes if "[capa-sync " in note["value"]]
        return {
            "text": row.get("u_capa_sync_text", ""),
            "state": row.get("u_capa_sync_state", ""),
            "notes": sorted(_unsigned(note) for note in own),
        }

    def writes(self) -> list[tuple[str, str, str]]:
        """Return every request so far that wrote something: (source, method, path)."""
        return [
            (name, request.method, request.path)
            for name, server in self.servers.items()
            for request in server.requests
            if request.is_write and not request.path.endswith(READING_POSTS)
        ]

    # --- the register's side ---------------------------------------------------------------------------------------
    @contextmanager
    def register(self) -> Iterator[Register]:
        """The register, opened for reading."""
        with open_register(self.register_file, clock_now=self.clock.now(), create=False, read_only=True) as register:
            yield register

    def rows(self, view: str) -> list[dict[str, Any]]:
        """Return the rows of a public view."""
        with self.register() as register:
            return list(register.view(view))

    def tables(self, *, derived: bool = True) -> dict[str, list[Any]]:
        """Return every row of every table but run ledger and chain; assert that the chain is whole."""
        with self.register() as register:
            assert register.verify().breaks == ()
            return register.rows_by_table(derived=derived)


def _unsigned(note: str) -> str:
    """Return a work note without the hash in its marker, which holds the register's random id."""
    return note.rpartition("[capa-sync ")[0]
