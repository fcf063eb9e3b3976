"""A tracker that cannot be read gives one clear line and exit 3; its cursor stays, and other sources go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import Child
from tests.daemon.harness import IMPATIENT, NOW, Harness
from tests.refusals import OWN_REFUSALS

SEARCH = (".*", r"/search(/jql)?(\?|$)")


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """All three trackers, after one sync."""
    harness = shared_harness(rules=("root-cause-before-action",))
    for source in harness.names:
        harness.create_clean(source)
    harness.sync()
    return harness


def _settings(harness: Harness, old: str, new: str) -> Callable[[], list[str]]:
    def spoil() -> list[str]:
        text = harness.write_settings()
        assert old in text
        (harness.folder / "spoiled.toml").write_text(text.replace(old, new))
        return ["--config", "spoiled.toml"]

    return spoil


def _fault(
    harness: Harness, source: str, kind: str, match: tuple[str, str] = SEARCH, **more: Any
) -> Callable[[], list[str]]:
    def spoil() -> list[str]:
        harness.servers[source].faults.add(kind, match, times=None, **more)
        return []

    return spoil


def _variable(_harness: Harness, name: str) -> Callable[[], dict[str, str]]:
    return lambda: {name: "wrong"}


CASES: dict[str, tuple[str, Callable[[Harness], Callable[[], Any]], str]] = {
    "wrong password": ("servicenow", lambda d: _variable(d, "SERVICENOW_PASSWORD"), "was not accepted (401)"),
    "no permission": (
        "jira",
        lambda d: _fault(d, "jira", "answer", status=403, answer='{"errorMessages": ["Forbidden"]}'),
        "403",
    ),
    "unknown project": ("jira", lambda d: _settings(d, "project = CAPA AND", "project = NOPE AND"), "NOPE"),
    "unknown table": ("servicenow", lambda d: _settings(d, 'table = "sn_grc_issue"', 'table = "u_nope"'), "u_nope"),
    "table of records and actions": (
        "servicenow",
        lambda d: _settings(d, 'table = "sn_grc_issue"', 'table = "task"'),
        "the table task contains the rows of sn_grc_task too",
    ),
    "broken query": ("jira-dc", lambda d: _settings(d, "project = NC", "project == NC"), "query"),
    "HTML instead of JSON": ("jira", lambda d: _fault(d, "jira", "html"), "HTML"),
    "hibernating instance": (
        "servicenow",
        lambda d: _fault(d, "servicenow", "html", (".*", "/table/")),
        "a web page",
    ),
    "cut JSON": ("jira-dc", lambda d: _fault(d, "jira-dc", "truncate"), "JSON"),
}


def _cursors(harness: Harness) -> list[Any]:
    return harness.tables()["cursor"]


def _demand(harness: Harness, done: Child, source: str, words: str) -> None:
    """Assert exit 3, one line for the source, none for another, and no traceback."""
    assert done.code == 3, done.out + done.err
    problems = [line for line in done.err.splitlines() if "problem: " in line]
    assert len(problems) == 1, done.out + done.err
    assert problems[0].startswith(f"{source}: ")
    assert "problem" not in done.out
    assert words.lower() in problems[0].lower()
    assert "Traceback" not in done.out + done.err
    assert "cycle_failed" not in done.err
    for secret in ("sandbox-token", "Basic ", "Bearer "):
        assert secret not in done.out + done.err
    as_of = {line.partition(":")[0] for line in done.out.splitlines() if "judged" in line}
    assert as_of == set(harness.names), "every source is reported"
    status = harness.run("status")
    assert status.code == 3
    (problem,) = [line for line in status.out.splitlines() if "problem:" in line]
    assert words.lower() in problem.lower()
    assert status.out.index(f"{source}: ") < status.out.index("problem:")


@pytest.mark.independent
@pytest.mark.parametrize("case", CASES)
def test_one_clear_line_exit_3_and_the_cursor_stays(harness: Harness, case: str) -> None:
    """Each fault is permanent until it is removed; afterwards the source is read as before."""
    source, prepare, words = CASES[case]
    before = _cursors(harness)
    spoiled = prepare(harness)()
    arguments = spoiled if isinstance(spoiled, list) else []
    env = spoiled if isinstance(spoiled, dict) else {}
    try:
        _demand(harness, harness.run("sync", *arguments, **env), source, words)
        assert _cursors(harness) == before
    finally:
        harness.servers[source].faults.clear()
    healed = harness.run("sync")
    assert healed.code == 0
    assert "problem" not in harness.run("status").out


def test_what_may_pass_is_tried_for_a_while_then_reported_in_one_line(make_harness: MakeHarness) -> None:
    """A proxy's error page and a refused connection are tried again for half a minute, which the test shortens."""
    harness = make_harness(rules=("root-cause-before-action",))
    for source in harness.names:
        harness.create_clean(source)
    port = str(harness.servers["jira-dc"].port)
    (harness.folder / "refused.toml").write_text(harness.write_settings().replace(f":{port}", ":9"))
    tried = harness.servers["jira"].faults.add("proxy_error", SEARCH, times=None)
    proxied = harness.start("sync", "--source", "jira", "--json", **IMPATIENT)
    refused = harness.start(
        "sync",
        "--source",
        "jira-dc",
        "--json",
        "--config",
        "refused.toml",
        CAPA_SYNC_REGISTER="other.db",
        **IMPATIENT,
    )
    for child, words in (
        (proxied, "the tracker answered 502"),
        (refused, "127.0.0.1:9 cannot be reached"),
    ):
        assert child.wait().code == 3
        assert words in child.out
        assert "<html" not in child.out
        assert child.err.count("\n") <= 1, child.err
    assert tried.hits > 1
    assert harness.run("sync", "--source", "servicenow").code == 0


REFUSING = {
    "jira": ("POST", r"/issue/\d+/comment"),
    "jira-dc": ("POST", r"/issue/\d+/comment"),
    "servicenow": ("PATCH", r"/table/sn_grc_issue/"),
}


@pytest.mark.parametrize("source", REFUSING)
@pytest.mark.parametrize("status", [403, 500])
def test_a_sync_that_could_not_write_ends_with_3(make_harness: MakeHarness, source: str, status: int) -> None:
    """Writes that were refused or have an unknown outcome are reported; once they are made, the exit code is 0."""
    harness = make_harness(source, rules=("root-cause-before-action",))
    harness.create_broken(source)
    harness.servers[source].faults.add(
        "answer", REFUSING[source], status=status, answer=OWN_REFUSALS[source], times=None
    )
    done = harness.run("sync", "--release", "all")
    assert done.code == 3, done.out + done.err
    lines = _stderr_lines(done.err)
    assert (
        f"{source}: 1 write could not be made: `capa-sync status` says why; mend that, then `capa-sync retry`"
        in lines
    )
    again = harness.run("sync")  # it tries none of them
    assert (again.code, _stderr_lines(again.err)) == (3, lines)
    stuck = json.loads(harness.run("sync", "--json").out)["sources"][0]["undelivered"]
    assert stuck == 1
    harness.servers[source].faults.clear()
    harness.set_clock(NOW + timedelta(hours=3))
    assert harness.run("retry").code == 0
    assert harness.run("sync").code == 0
    assert "could not be made" not in harness.run("sync").err


def _stderr_lines(errors: str) -> str:
    """Return the line that counts the writes that could not be made."""
    [line] = [line for line in errors.splitlines() if "could not be made" in line]
    return line


@pytest.mark.parametrize("mode", ["off", "plan"])
def test_a_write_that_is_no_longer_meant_to_be_made_is_no_failure(make_harness: MakeHarness, mode: str) -> None:
    """Under a mode that writes nothing `sync` ends with 0 although a write was refused before; `on` tells of it."""
    harness = make_harness("jira", rules=("root-cause-before-action",))
    harness.create_broken("jira")
    harness.servers["jira"].faults.add(
        "answer", REFUSING["jira"], status=403, answer='{"errorMessages": []}', times=None
    )
    assert harness.run("sync", "--release", "all").code == 3
    text = harness.file.read_text(encoding="utf-8")
    harness.file.write_text(text.replace('mode = "on"', f'mode = "{mode}"'), encoding="utf-8")
    idle = harness.run("sync")
    assert (idle.code, "could not be made" in idle.err) == (0, False)
    harness.file.write_text(text, encoding="utf-8")
    assert harness.run("sync").code == 3


def test_a_write_that_waits_for_a_rate_limit_is_told_by_the_run_that_met_it_alone(make_harness: MakeHarness) -> None:
    """The first run could not write and ends with 3; the next one, which waits as the tracker asked, does not."""
    harness = make_harness("jira", rules=("root-cause-before-action",))
    harness.create_broken("jira")
    harness.servers["jira"].faults.add(
        "rate_limit", REFUSING["jira"], reason="jira-per-issue-on-write", retry_after="600"
    )
    assert harness.run("sync", "--release", "all").code == 3
    harness.set_clock(NOW + timedelta(minutes=1))
    waits = harness.run("sync")
    assert (waits.code, "could not be made" in waits.err) == (0, False)
    harness.set_clock(NOW + timedelta(minutes=15))
    assert harness.run("sync").code == 0
    assert harness.picture("jira", "broken")["comments"]
