"""Messages about what went wrong say what a person can do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from capa_sync.sandbox.jira import API_EMAIL
from capa_sync.sandbox.servicenow import INTEGRATION_USER
from capa_sync.sandbox.stories.script import ChangeStage, Create
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import ALL, FACTS, IMPATIENT, NOW, ROOT, Harness

VERBS = ("plan", "sync", "status")
PROGRESS = re.compile(
    rf"(?:{'|'.join(ALL)}): [a-z ]+ \d+(?: of \d+)?$|the configured rules, mappings and settings are live"
)
"""A line that says how far a verb is, by its own form."""
RULES = ("root-cause-before-action",)


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """One ticket to warn on and three in a status that the mapping does not list, read by a daemon."""
    harness = shared_harness("jira", rules=RULES)
    harness.create_broken("jira")
    for story in ("odd-1", "odd-2", "odd-3"):
        harness.play_event("jira", story, Create({**FACTS, "title": story}))
        harness.play_event("jira", story, ChangeStage("under discussion"))
    harness.set_clock(NOW + timedelta(hours=2))
    return harness


# --- before anything is read ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("verb", ["plan", "sync", "run", "status", "explain X-1", "retry", "serve", "pause"])
def test_without_settings_each_verb_names_init(harness: Harness, verb: str) -> None:
    """The one line names `capa-sync init`."""
    done = harness.run(*verb.split(), "--config", "none.toml")
    assert done.code == 2
    assert "there is no such settings file; run `capa-sync init FOLDER`" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["status", "explain X-1", "retry", "pause", "rebuild"])
def test_without_a_register_each_verb_names_sync(make_harness: MakeHarness, verb: str) -> None:
    """None of these verbs creates a register."""
    harness = make_harness("jira", rules=RULES)
    done = harness.run(*verb.split())
    assert done.code == 6
    assert "run `capa-sync sync` first" in done.err
    assert not harness.register_file.exists()


def test_all_missing_variables_are_named_at_once(make_harness: MakeHarness) -> None:
    """The variables of every source and those of hints are listed."""
    harness = make_harness("jira", "servicenow", rules=RULES)
    text = (
        harness.write_settings()
        .replace('"JIRA_TOKEN"', '"FIRST_TOKEN"')
        .replace('"SERVICENOW_PASSWORD"', '"A_PASSWORD"')
    )
    text = text.replace('kind = "jira"', 'kind = "jira"\nhint_secret_env = "A_HINT_SECRET"')
    harness.file.write_text(f'{text}\n[hints]\nlisten = "127.0.0.1:8766"\n', encoding="utf-8")
    done = harness.run("sync")
    assert done.code == 2
    assert len(done.err.splitlines()) == 3
    for name in ("FIRST_TOKEN", "A_PASSWORD", "A_HINT_SECRET"):
        assert f"the variable {name} is not set" in done.err


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("CAPA_SYNC_SOURCES__JIRA__URL", "jira.example.com", "begins with https://"),
        ("CAPA_SYNC_WEB__LISTEN", "8765", "write address and port, as in 127.0.0.1:8765"),
        ("CAPA_SYNC_HINTS__LISTEN", "8765", "write address and port, as in 127.0.0.1:8765"),
        ("CAPA_SYNC_SOURCES__JIRA__PAGE_SIZE", "many", "write a whole number, as in 500"),
        ("CAPA_SYNC_WRITE_BACK__MODE", "yes", "write one of 'off', 'plan' or 'on'"),
        ("CAPA_SYNC_WRITE_BACK__MAX_CHANGED_SHARE", "20", "write 1.0 or less"),
        ("CAPA_SYNC_BASELINE", "soon", "write a date, as in 2026-01-01"),
    ],
)
def test_a_wrong_value_is_answered_with_a_valid_example(harness: Harness, key: str, value: str, words: str) -> None:
    """The message has no regular expression and no wording of the validation library."""
    done = harness.run("status", **{key: value})
    assert done.code == 2
    assert words in done.err
    assert not any(word in done.err for word in ("pattern", "nput should", "^", "parse"))


# --- the starter ---------------------------------------------------------------------------------------------------
EDITS = {
    "jira": {"https://example.atlassian.net": "URL", 'user = "capa-sync@example.com"': f'user = "{API_EMAIL}"'},
    "jira-dc": {
        "[sources.jira": "[sources.jira-dc",
        "https://example.atlassian.net": "URL",
        "project = CAPA": "project = NC",
        "mappings/jira-cloud.yaml": "mappings/jira-dc.yaml",
        'method = "basic"': 'method = "pat"',
        'user = "capa-sync@example.com"\n': "",
    },
    "servicenow": {
        'url = "https://example.service-now.com"': 'url = "URL"',
        'method = "oauth-client-credentials"': f'method = "basic"\nuser = "{INTEGRATION_USER}"',
        "client_id =": "# client_id =",
        "client_secret_env =": "# client_secret_env =",
        '# password_env = "SERVICENOW_PASSWORD"': 'password_env = "SERVICENOW_PASSWORD"',
    },
}
"""What a person changes in the starter's settings: address, project, and how to sign in."""


@pytest.mark.slow
@pytest.mark.parametrize("names", [*([source] for source in EDITS), list(EDITS)], ids="-and-".join)
def test_the_starter_gives_no_cause_for_a_warning(make_harness: MakeHarness, names: list[str]) -> None:
    """The files of `init`, with only a tracker's address, project and sign-in changed, cause no warning anywhere.

    Not for one source of each kind alone, and not for all together.
    """
    harness = make_harness(*names, rules=[file.stem for file in (ROOT / "rules").glob("*.yaml")])
    for source in names:
        harness.create_clean(source)
    assert harness.run("init", "fresh").code == 0
    text = (harness.folder / "fresh/capa-sync.toml").read_text(encoding="utf-8")
    head, jira, servicenow = re.split(r"^(?=\[sources\.(?:jira|servicenow)\])", text, flags=re.MULTILINE)
    for name in names:
        text = servicenow if name == "servicenow" else jira
        for old, new in EDITS[name].items():
            assert old in text, old
            text = text.replace(old, new.replace("URL", harness.servers[name].url))
        head += text
    (harness.folder / "fresh/capa-sync.toml").write_text(head, encoding="utf-8")
    for verb in ("rules check fresh/rules", *(f"{name} --config fresh/capa-sync.toml" for name in VERBS)):
        done = harness.run(*verb.split())
        assert done.code == 0, done.err
        assert [line for line in done.err.splitlines() if not PROGRESS.match(line)] == [], verb
        assert not any(word in done.out for word in ("the site has no", ".yaml:", "not mapped", "warning:")), done.out
    assert harness.run("sync", "--config", "fresh/capa-sync.toml", "--full").out.count(": 1 ticket") == len(names)


# --- what a cycle reports ------------------------------------------------------------------------------------------
def test_tickets_with_the_same_problem_share_one_line_and_counts_have_units(harness: Harness) -> None:
    """Three tickets have one reason; tickets read, findings opened and writes delivered are counted."""
    done = harness.sync()
    (line,) = [line for line in done.out.splitlines() if line.startswith("quarantined, not evaluated: ")]
    assert all(harness.key("jira", story) in line for story in ("odd-1", "odd-2", "odd-3"))
    assert "\n1 open finding:\n" in done.out
    assert "jira: 4 tickets read, 1 judged, 1 finding opened, 0 cleared, 3 writes delivered; as of " in done.out


def test_the_log_names_tickets_by_key(make_harness: MakeHarness) -> None:
    """A person searches for CAPA-1, not for 10001."""
    harness = make_harness("jira", rules=RULES)
    key = harness.create_broken("jira")
    harness.run("sync")
    harness.play_event("jira", "odd", Create({**FACTS, "title": "odd"}))
    harness.play_event("jira", "odd", ChangeStage("under discussion"))
    harness.set_clock(NOW + timedelta(hours=2))
    harness.register_file.unlink()
    for path in harness.folder.glob("register.db*"):
        path.unlink()
    with harness.daemon() as daemon:
        daemon.wait_for("finding_opened")
        harness.run("sync", "--release", "all")
        daemon.wait_for("write_delivered")
        log_lines = daemon.stop().err.splitlines()
    for action, name in (
        ("finding_opened", key),
        ("ticket_quarantined", harness.key("jira", "odd")),
        ("write_delivered", key),
    ):
        lines = [line for line in log_lines if f"action={action}" in line]
        assert lines, action
        assert all(f"ticket={name}" in line for line in lines)


# --- explain -------------------------------------------------------------------------------------------------------
def test_explain_takes_small_letters_and_shows_the_title(harness: Harness) -> None:
    """People type keys in lower case too."""
    harness.sync()
    key = harness.key("jira", "broken")
    for name in (key.lower(), f"jira:{key.lower()}", f"JIRA:{key}"):
        done = harness.run("explain", name)
        assert done.code == 0, name
        assert done.out.startswith(f"jira:{key} “{FACTS['title']}” http://127.0.0.1:")


def test_explain_says_of_a_source_that_was_never_read_to_read_it(make_harness: MakeHarness) -> None:
    """The ticket may be in scope all the same, so nothing is said of the query."""
    harness = make_harness("jira", "servicenow", rules=RULES)
    harness.sync("--source", "servicenow")
    done = harness.run("explain", "CAPA-1")
    assert done.code == 2
    assert "jira was never read to its end; run `capa-sync sync`" in done.out
    assert "servicenow was read until 20" in done.out
    assert "until never" not in done.out


def test_explain_of_an_unknown_ticket_ends_with_2(harness: Harness) -> None:
    """The output says that the ticket is not in the register; the exit code is no success."""
    done = harness.run("explain", "CAPA-999")
    assert done.code == 2
    assert done.out.startswith("CAPA-999 is not in the register\n")


def test_a_network_failure_names_host_cause_and_the_variable_of_the_proxy(make_harness: MakeHarness) -> None:
    """The problem of the source names them, for Jira and ServiceNow alike."""
    harness = make_harness("jira", "servicenow", rules=RULES)
    proxy = {"HTTP_PROXY": "http://anna:hush@127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    done = harness.run("sync", **proxy, **IMPATIENT)
    assert done.code == 3
    for source in ("jira", "servicenow"):
        (line,) = [line for line in done.err.splitlines() if line.startswith(f"{source}: problem: ")]
        assert "the proxy 127.0.0.1:9 (set by HTTP_PROXY) cannot be used: connection refused" in line
    assert "hush" not in done.out + done.err


@pytest.mark.parametrize(
    ("variables", "scheme", "cause"),
    [
        ({"HTTP_PROXY": "http://anna:hush"}, "http", "the proxy set by HTTP_PROXY cannot be used: its host or port"),
        ({"all_proxy": "http://"}, "http", "the proxy set by all_proxy cannot be used: it names no host"),
        (
            {"REQUESTS_CA_BUNDLE": "/nonexistent"},
            "https",
            "REQUESTS_CA_BUNDLE names /nonexistent, which cannot be read",
        ),
    ],
    ids=["no port", "no host", "no certificates"],
)
def test_a_mistake_in_the_environment_is_told_as_that(
    make_harness: MakeHarness, variables: dict[str, str], scheme: str, cause: str
) -> None:
    """Each source has one line with its host, the variable and what is wrong; nothing blames address or token."""
    harness = make_harness("jira", "servicenow", rules=RULES)
    settings = harness.write_settings().replace("http://127.0.0.1", f"{scheme}://127.0.0.1")
    (harness.folder / "capa-sync.toml").write_text(settings)
    done = harness.run("plan", "--config", "capa-sync.toml", NO_PROXY="", no_proxy="", **variables, **IMPATIENT)
    assert done.code == 3, done.out + done.err
    for source in ("jira", "servicenow"):
        (line,) = [line for line in done.err.splitlines() if line.startswith(f"{source}: problem: ")]
        assert line.startswith(f"{source}: problem: 127.0.0.1 cannot be reached: {cause}"), line
    assert "hush" not in done.out + done.err
