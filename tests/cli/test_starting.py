"""Verbs import only what they need: an unused library costs start time and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.http import SandboxServer
from capa_sync.sandbox.jira import API_EMAIL, API_TOKEN, JiraTracker
from capa_sync.store import open_register
from tests.daemon.fork_server import ROOT

SERVING = {"datasette", "uvicorn", "jinja2", "httpx"}
TRACKERS = {"jira", "pysnow", "requests", "urllib3"}
RUNNING = {"apscheduler", "structlog", "rich", "tenacity"}
READING = {"ruamel", "yaml", "holidays"}
REGISTER = {"sqlite_utils", "pydantic_settings", "orjson"}
ANALYSIS = {"pandas", "numpy", "pyarrow"}
SANDBOX = {"capa_sync.sandbox"}
NOTHING_USED = SERVING | TRACKERS | RUNNING | READING | REGISTER | SANDBOX

FORBIDDEN: dict[tuple[str, ...], set[str]] = {
    (): NOTHING_USED,
    ("--help",): NOTHING_USED,
    ("--version",): NOTHING_USED,
    ("rules",): NOTHING_USED,
    ("init", "new"): NOTHING_USED,
    ("status",): SERVING | TRACKERS | RUNNING | READING | SANDBOX,
    ("retry",): SERVING | TRACKERS | RUNNING | READING | SANDBOX,
    ("waivers",): SERVING | TRACKERS | RUNNING | READING | SANDBOX,
    ("rules", "check", "rules"): SERVING | TRACKERS | RUNNING | REGISTER | SANDBOX,
    ("rules", "phrases"): SERVING | TRACKERS | RUNNING | REGISTER | SANDBOX,
    ("explain", "CAPA-1"): SERVING | TRACKERS | {"rich", "structlog"} | SANDBOX,
    ("register", "pack", "CAPA-1"): SERVING - {"jinja2"} | TRACKERS | {"structlog"} | SANDBOX,
    ("rebuild",): SERVING | {"pysnow", "rich"} | SANDBOX,
    ("plan",): SERVING | {"pysnow", "rich"} | SANDBOX,  # which draws bars on a terminal alone
    ("sync",): SERVING | {"pysnow", "rich"} | SANDBOX,
    ("run",): SERVING | {"pysnow", "rich"} | SANDBOX,
    ("serve", "--listen", "127.0.0.1:0"): TRACKERS
    | {"apscheduler"}
    | READING - {"yaml"}
    | SANDBOX,  # Datasette loads it
}
"""Verb with its arguments -> modules that its process may not have loaded; the settings name one Jira."""

LISTING = """
import atexit, sys
atexit.register(lambda: print("imported:", *sys.modules, flush=True))
from capa_sync.cli.app import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A starter for one Jira without tickets, with an empty register beside it."""
    folder = tmp_path_factory.mktemp("start")
    _run(folder, "init", ".")
    (folder / "capa-sync.toml").write_text(
        f"""holidays = ["GB-ENG"]
[sources.jira]
kind = "jira"
query = "project = CAPA"
mapping = "mappings/jira-cloud.yaml"
auth = {{ method = "basic", user = "{API_EMAIL}", token_env = "JIRA_TOKEN" }}
""",
        encoding="utf-8",
    )
    open_register(folder / "register.db", clock_now=datetime.now(UTC)).close()
    with (
        SandboxServer(JiraTracker(face="cloud", clock=SandboxClock()), 0) as server,
        pytest.MonkeyPatch.context() as variables,
    ):
        variables.setenv("CAPA_SYNC_SOURCES__JIRA__URL", server.url)
        yield folder


@cache
def _run(folder: Path, *verb: str) -> str:
    """Return what a verb printed, its imports on one line; a verb that keeps running is stopped.

    Each verb runs once, for all tests.
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "JIRA_TOKEN": API_TOKEN}
    command = [sys.executable, "-c", LISTING, *verb]
    with subprocess.Popen(
        command, cwd=folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        printed = []
        for line in child.stdout:
            printed.append(line)
            if "the register is at" in line or "action=daemon_started" in line:
                child.send_signal(signal.SIGTERM)
    return "".join(printed)


def _imported(printed: str) -> set[str]:
    """Return the modules on that line; on a very busy machine a late stop may print another one after it."""
    (line,) = [line for line in printed.splitlines() if line.startswith("imported:")]
    return set(line.split()[1:])


@pytest.mark.parametrize("verb", FORBIDDEN, ids=" ".join)
def test_a_verb_loads_no_library_that_it_does_not_use(starter: Path, verb: tuple[str, ...]) -> None:
    """Each verb runs in a process of its own; only the verbs that serve load Datasette."""
    printed = _run(starter, *verb)
    assert "Traceback" not in printed
    modules = _imported(printed)
    loaded = modules | {name.partition(".")[0] for name in modules}
    assert not loaded & FORBIDDEN[verb]
    assert not loaded & (ANALYSIS - {"numpy"} if verb[:1] == ("serve",) else ANALYSIS)  # Datasette loads numpy


def test_a_verb_that_serves_does_load_datasette(starter: Path) -> None:
    """The names above are the import names of these libraries."""
    modules = _imported(_run(starter, "serve", "--listen", "127.0.0.1:0"))
    assert modules >= SERVING
    modules = _imported(_run(starter, "sync"))
    assert modules >= TRACKERS - {"pysnow"} | RUNNING - {"apscheduler", "rich"} | READING | REGISTER
    modules = _imported(_run(starter, "run"))
    assert "apscheduler" in modules


def test_a_broken_plugin_of_another_distribution_ends_no_verb(starter: Path, tmp_path: Path) -> None:
    """Pydantic loads the plugins of every installed distribution, unless told not to."""
    (tmp_path / "brokenplugin.py").write_text("raise RuntimeError('broken')\n", encoding="utf-8")
    installed = tmp_path / "broken-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", encoding="utf-8")
    (installed / "entry_points.txt").write_text("[pydantic]\nbroken = brokenplugin:plugin\n", encoding="utf-8")
    environ = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}", "JIRA_TOKEN": API_TOKEN}

    command = [sys.executable, "-m", "capa_sync", "status"]
    done = subprocess.run(command, cwd=starter, env=environ, text=True, capture_output=True, check=False)

    assert "Traceback" not in done.stderr
    assert "Sources" in done.stdout or "jira" in done.stdout
