"""Settings that name no source: each verb that would watch, judge or write ends with 2 and says what to add."""

from __future__ import annotations

import pytest

from tests.cli.every_verb import every_verb, is_of
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import Harness

NEEDY = (
    "activate",
    "digest",
    "digest --dry-run",
    "doctor",
    "doctor --source jira",
    "explain NC-1",
    "mapping check jira",
    "mapping suggest jira",
    "pause --source jira",
    "plan",
    "preview",
    "rebuild",
    "register export out.csv --as-of 2026-06-01",
    "register export out.csv --source jira",
    "register hold --source jira --reason audit",
    "register pack NC-1",
    "register report report.html --from 2026-01-01 --to 2026-01-31",
    "register sample audit --seed 1",
    "register unhold --source jira",
    "resume --source jira",
    "retry",
    "rollback",
    "rules activate",
    "rules coverage",
    "rules preview",
    "rules rollback",
    "rules trend root-cause-before-action",
    "run",
    "similar NC-1",
    "status",
    "status --json",
    "sync",
    "verify --derived",
    "waive NC-1 root-cause-before-action --because audit --until 2027-01-01 --by mara",
    "waivers --check",
    "withdraw",
)
"""Verbs that would say that all is well, or fail for a reason that is not the real one."""
FREE = (
    "history",
    "pause",
    "register backup copy.db",
    "register export out.csv",
    "register head",
    "register retention",
    "resume",
    "rules drafts",
    "rules history",
    "rules twin root-cause-before-action",
    "verify",
    "waivers",
)
"""Verbs whose answer is right without a source: they rest on the register alone."""
ELSEWHERE = {
    "demo": "settings of its own",
    "init": "no settings",
    "mcp": "reads the register alone",
    "register erase": "has a test of its own",
    "register restore": "a source is not needed to bring a register back",
    "rules check": "no settings",
    "rules discard": "names a draft of the register",
    "rules new": "no settings",
    "rules phrases": "no settings",
    "rules schema": "no settings",
    "rules test": "no settings",
    "rules texts": "no settings",
    "rules wording": "no settings",
    "sandbox": "no settings",
    "serve": "serves what the register holds",
    "token": "no settings",
}
"""Verb -> why it is not in the lists above."""
EMPTY = {
    "a blank": " ",
    "a time zone alone": 'timezone = "Europe/London"\n',
    "a table without entries": "[sources]\n",
    "all but the sources": 'rules = ["rules"]\n[write_back]\nmode = "on"\n',
}


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """A register with one ticket, whose settings then lose their sources."""
    harness = shared_harness("jira", rules=("root-cause-before-action",))
    harness.create_clean("jira")
    harness.sync()
    harness.file.write_text(EMPTY["all but the sources"], encoding="utf-8")
    return harness


def test_every_verb_is_in_one_of_the_lists() -> None:
    """A new verb says here whether it needs a source."""
    for verb in every_verb():
        assert verb in ELSEWHERE or any(is_of(line, verb) for line in (*NEEDY, *FREE))


@pytest.mark.parametrize("line", NEEDY)
def test_a_verb_that_needs_a_source_says_what_to_add(harness: Harness, line: str) -> None:
    """One line, exit 2, and nothing on standard output that a person could read as good news."""
    done = harness.run(*line.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == ("capa-sync.toml: no source is named; add a table [sources.NAME], as in `capa-sync init`\n")


@pytest.mark.parametrize("text", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("verb", ["doctor", "plan", "run", "status", "sync"])
def test_each_way_to_name_no_source_is_seen(make_harness: MakeHarness, verb: str, text: str) -> None:
    """Also before there is a register, and none is made."""
    harness = make_harness("jira", rules=("root-cause-before-action",))
    harness.file.write_text(text, encoding="utf-8")
    done = harness.run(verb)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("capa-sync.toml: no source is named; ")
    assert not harness.register_file.exists()


@pytest.mark.parametrize("line", FREE)
def test_a_verb_on_the_register_alone_goes_on(harness: Harness, line: str) -> None:
    """What the register holds can be read, kept and taken away, and writing be stopped, without a source."""
    done = harness.run(*line.split())
    assert done.code == 0, done.err
    assert "no source is named" not in done.err


def test_one_ticket_can_be_held_and_erased(harness: Harness) -> None:
    """A duty to erase does not end because a source was taken out."""
    key = harness.key("jira", "clean")
    for line in (
        f"register hold {key} --reason audit",
        f"register unhold {key}",
        f"register erase {key} --reason audit-of-2026",
    ):
        assert harness.run(*line.split()).code == 0


def test_a_source_in_variables_alone_counts(harness: Harness) -> None:
    """Containers may set a source without a table in the file."""
    prefix = "CAPA_SYNC_SOURCES__JIRA__"
    given = {
        f"{prefix}KIND": "jira",
        f"{prefix}URL": harness.servers["jira"].url,
        f"{prefix}QUERY": "project = CAPA",
        f"{prefix}MAPPING": str(harness.mappings / "jira-cloud.yaml"),
        f"{prefix}AUTH__METHOD": "basic",
        f"{prefix}AUTH__USER": "someone@example.com",
        f"{prefix}AUTH__TOKEN_ENV": "JIRA_TOKEN",
    }
    assert harness.run("status", **given).code == 0
