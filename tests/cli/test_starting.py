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
from tests.cli.every_verb import every_verb, is_of
from tests.daemon.fork_server import ROOT

SERVING = {"datasette", "uvicorn", "jinja2", "httpx"}
TRACKERS = {"jira", "pysnow", "requests", "urllib3"}
RUNNING = {"apscheduler", "structlog", "rich", "tenacity"}
READING = {"ruamel", "yaml", "holidays"}
REGISTER = {"sqlite_utils", "pydantic_settings", "orjson"}
ANALYSIS = {"pandas", "numpy", "pyarrow"}
SANDBOX = {"capa_sync.sandbox"}
NOTHING_USED = SERVING | TRACKERS | RUNNING | READING | REGISTER | SANDBOX

ON_FILES = SERVING | TRACKERS | RUNNING | REGISTER | SANDBOX
ON_ROWS = SERVING | TRACKERS | RUNNING | READING | SANDBOX
ON_REGISTER = SERVING | TRACKERS | RUNNING | SANDBOX

QUIET: dict[str, set[str]] = {
    **dict.fromkeys(("", "--help", "--version", "rules", "init new"), NOTHING_USED),
    **dict.fromkeys(
        (
            "rules check few",
            "rules test few",
            "rules wording few",
            "rules texts de few",
            "rules phrases",
            "rules schema",
            "rules new a-new-rule",
        ),
        ON_FILES,
    ),
    **dict.fromkeys(
        (
            "retry",
            "waivers",
            "verify",
            "rules coverage",
            "register head",
            "register backup copy.db",
            "register restore copy.db",
            "token mara --role reader --print",
        ),
        ON_ROWS,
    ),
    **dict.fromkeys(
        (
            # before the verbs that make another set live, which write a log line: there is a change to preview
            "preview",
            "rules preview",
            "history",
            "rules history",
            "rules drafts",
            "rules discard 1",
            "rules trend stalled",
            "rules twin root-cause-before-action",
            "explain CAPA-1",
            "similar CAPA-1",
            "similar CAPA-1 --different CAPA-2",
            "waive CAPA-1 stalled --because audit --until 2027-01-01 --by mara",
            "waivers --check",
            "digest",
            "digest --dry-run",
            "rebuild",
            "verify --derived",
            "pause",
            "resume --source jira",
            "withdraw",
            "register export out.csv",
            "register export then.csv --as-of 2026-06-01",
            "register pack CAPA-1",
            "register report report.html --from 2026-01-01 --to 2026-01-31",
            "register sample audit --seed 1",
            "register hold --source jira --reason audit",
            "register hold CAPA-1 --reason audit",
            "register unhold --source jira",
            "register retention",
            "register erase CAPA-1 --reason audit",
            "status",
        ),
        ON_REGISTER,
    ),
    **dict.fromkeys(("activate", "rules activate", "rollback", "rules rollback"), ON_REGISTER - {"structlog"}),
}
"""Verb that contacts no tracker -> modules that its process may not have loaded; sources of both kinds are named."""
OTHERS: dict[str, set[str]] = {
    "status": ON_ROWS,  # where no set is live, with which it would compare the files
    "doctor": SERVING | {"pysnow", "rich"} | SANDBOX,
    "mapping suggest jira": SERVING | {"pysnow", "rich"} | SANDBOX,
    "mapping check jira": SERVING | {"pysnow", "rich"} | SANDBOX,
    "plan": SERVING | {"pysnow", "rich"} | SANDBOX,  # which draws bars on a terminal alone
    "sync": SERVING | {"pysnow", "rich"} | SANDBOX,
    "run": SERVING | {"pysnow", "rich"} | SANDBOX,
    "serve --listen 127.0.0.1:0": TRACKERS | {"apscheduler"} | READING - {"yaml"} | SANDBOX,  # Datasette loads it
}
"""The same for other verbs; the settings name one Jira, which answers."""
UNLISTED = {
    "demo": "contacts sandbox trackers, and serves",
    "mcp": "serves, and ends without the end of a Python program",
    "sandbox": "serves",
}
"""Verb -> why it is in neither list."""

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


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter for both kinds of tracker, which cannot be reached, with an empty register and a set that waits."""
    folder = tmp_path_factory.mktemp("alone")
    _run(folder, "init", ".")
    (folder / "few").mkdir()
    for name in ("root-cause-before-action.yaml", "stalled.yaml", "extent-assessed.yaml"):
        (folder / "rules" / name).rename(folder / "few" / name)
    (folder / "capa-sync.toml").write_text(
        """rules = ["few"]
holidays = ["GB-ENG"]
[sources.jira]
kind = "jira"
url = "https://jira.invalid"
query = "project = CAPA"
mapping = "mappings/jira-cloud.yaml"
auth = { method = "basic", user = "mara", token_env = "JIRA_TOKEN" }
[sources.now]
kind = "servicenow"
url = "https://now.invalid"
table = "sn_grc_issue"
mapping = "mappings/servicenow-grc-issue.yaml"
auth = { method = "basic", user = "mara", password_env = "JIRA_TOKEN" }
[waivers]
file = "waivers.yaml"
[write_back]
mode = "on"
""",
        encoding="utf-8",
    )
    (folder / "waivers.yaml").write_text("waivers: []\n", encoding="utf-8")
    open_register(folder / "register.db", clock_now=datetime.now(UTC)).close()
    _run(folder, "activate")
    (folder / "few" / "extent-assessed.yaml").unlink()
    return folder


@cache
def _run(folder: Path, *verb: str) -> str:
    """Return what a verb printed, its imports on one line; a verb that keeps running is stopped.

    Each verb runs once, for all tests.
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "JIRA_TOKEN": API_TOKEN}
    command = [sys.executable, "-c", LISTING, *verb]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
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


def _check(printed: str, forbidden: set[str]) -> None:
    """Check that a verb was called as it is meant to be, and loaded none of these modules."""
    assert "Traceback" not in printed
    assert "; see `capa-sync" not in printed, "the verb did not understand its arguments"
    modules = _imported(printed)
    loaded = modules | {name.partition(".")[0] for name in modules}
    assert sorted(loaded & forbidden) == []


def test_every_verb_is_in_one_of_the_lists() -> None:
    """A new verb says here what it may load; a verb that is no more leaves the lists."""
    lines, verbs = [*QUIET, *OTHERS], every_verb()
    assert [verb for verb in sorted(verbs - UNLISTED.keys()) if not any(is_of(line, verb) for line in lines)] == []
    assert UNLISTED.keys() <= verbs
    called = [line for line in lines if line and not line.startswith("-") and line != "rules"]
    assert [line for line in called if not any(is_of(line, verb) for verb in verbs)] == []


@pytest.mark.independent
@pytest.mark.parametrize("line", QUIET)
def test_a_verb_that_contacts_no_tracker_loads_no_library_of_one(alone: Path, line: str) -> None:
    """Each verb runs in a process of its own, with sources of both kinds."""
    _check(_run(alone, *line.split()), QUIET[line] | ANALYSIS)


@pytest.mark.independent
@pytest.mark.parametrize("line", OTHERS)
def test_a_verb_loads_no_library_that_it_does_not_use(starter: Path, line: str) -> None:
    """Only the verbs that serve load Datasette."""
    analysis = ANALYSIS - {"numpy"} if line.startswith("serve") else ANALYSIS  # Datasette loads numpy
    _check(_run(starter, *line.split()), OTHERS[line] | analysis)


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
