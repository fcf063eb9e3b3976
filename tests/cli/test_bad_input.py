"""Bad input as a user sees it: the exit code, exactly one line per mistake, never a traceback."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from capa_sync.sandbox.stories.script import Fill
from tests.cli.hostile_files import CASES
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT, Child
from tests.daemon.harness import Harness
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """A ServiceNow with valid settings; each test introduces its mistake in a copy of them."""
    return shared_harness("servicenow", rules=("action-overdue",))


def _spoiled(harness: Harness, name: str, old: str, new: str) -> str:
    """Write a copy of the settings with one mistake; return its file name."""
    text = harness.file.read_text()
    assert old in text
    (harness.folder / name).write_text(text.replace(old, new, 1))
    return name


def _refused(done: Child, code: int, *words: str) -> None:
    """Demand an exit code and exactly one line, with these words."""
    lines = done.err.splitlines()
    assert done.code == code, done.err
    assert len(lines) == 1, done.err
    assert done.out == ""
    for word in words:
        assert word in lines[0]


# --- exit code 2: the user's mistakes ------------------------------------------------------------------------------
MISTAKES = {
    "wrong value": ('settle = "0s"', 'settle = "soon"', ":8: write_back.settle: a length is a number and a unit"),
    "unknown key": (
        'settle = "0s"',
        'setle = "0s"',
        ":8: there is no setting 'write_back.setle'; did you",
    ),
    "unknown table": ("[write_back]", "[writeback]", "there is no setting 'writeback'; did you mean 'write_back'?"),
    "no TOML": ('mode = "on"', "mode = on", ":9: this is no value; text needs quotes"),
    "secret in the file": ("password_env =", "password =", "a secret never stands in this file"),
    "unknown zone": ("Europe/London", "Europe/Londn", ":3: timezone: 'Europe/Londn' is no time zone"),
    "unset secret": ("SERVICENOW_PASSWORD", "OTHER_PASSWORD", "the variable OTHER_PASSWORD is not set"),
    "secret for a name": ("SERVICENOW_PASSWORD", "hunter2hunter2", ": the variable it names is not set"),
    "missing mapping": ("servicenow-grc-issue.yaml", "none.yaml", "none.yaml"),
    "mapping of another kind": (
        "servicenow-grc-issue.yaml",
        "jira-cloud.yaml",
        "is for jira, the source is servi",
    ),
    "records from a table of actions": (
        'table = "sn_grc_issue"',
        'table = "sn_grc_task"',
        "servicenow-grc-issue.yaml:150: the records come from the table 'sn_grc_task' too",
    ),
    "a query that is none": (
        'table = "sn_grc_issue"',
        'table = "sn_grc_issue"\nquery = "active=true^foo"',
        ":15: sources.servicenow.query: 'foo' is no condition",
    ),
    "a way of signing in of another tracker": (
        'method = "basic", user = "capa_sync", password_env',
        'method = "pat", token_env',
        "a servicenow source signs in with basic or oauth-client-credentials or api-key",
    ),
    "missing rules": ('rules = ["rules"]', 'rules = ["rulez"]', "rulez"),
    "plain address": ("http://127.0.0.1", "ftp://127.0.0.1", "sources.servicenow.url"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_setting_is_one_line_with_its_place_and_exit_2(harness: Harness, mistake: str) -> None:
    """Every mistake in the settings file is reported with file and line, and how to mend it."""
    old, new, words = MISTAKES[mistake]
    name = _spoiled(harness, f"{mistake.replace(' ', '-')}.toml", old, new)
    _refused(harness.run("sync", "--config", name), 2, words)


def test_an_unknown_variable_is_named_with_what_was_meant(harness: Harness) -> None:
    """A misspelt CAPA_SYNC_ variable is reported, not ignored."""
    done = harness.run("status", CAPA_SYNC_SOURCES__SERVICENOW__URI="http://x")
    _refused(done, 2, "CAPA_SYNC_SOURCES__SERVICENOW__URI", "did you mean CAPA_SYNC_SOURCES__SERVICENOW__URL?")


def test_a_missing_settings_file_is_one_line(harness: Harness) -> None:
    """The first mistake of a new user is answered with one sentence."""
    _refused(harness.run("sync", "--config", "none.toml"), 2, "none.toml: there is no such settings file")


def test_a_filter_of_an_export_that_names_nothing_is_refused_with_the_names_there_are(harness: Harness) -> None:
    """A misspelt grade, track, stage or source gives no file that looks like an empty register."""
    for option, given, names in (
        ("--grade", "huge", "'major', 'minor', 'observation', 'ofi'"),
        ("--track", "fix", "'nonconformity', 'improvement', 'preventive', 'observation'"),
        ("--stage", "done", "'closed'"),
        ("--source", "jirra", "jirra"),
    ):
        _refused(harness.run("register", "export", "open.csv", option, given), 2, given, names)
    assert not (harness.folder / "open.csv").exists()


def test_broken_mapping_and_rules_are_reported_together_each_with_its_line(harness: Harness) -> None:
    """One run reports every mistake of every file, one line each."""
    mapping = (ROOT / "mappings" / "servicenow-grc-issue.yaml").read_text()
    (harness.folder / "bad.yaml").write_text(
        mapping.replace("  title: short_description", "  titel: short_description")
    )
    shutil.copy(ROOT / "mappings" / "people.yaml", harness.folder)
    (harness.folder / "badrules").mkdir()
    rule = (ROOT / "rules" / "action-overdue.yaml").read_text()
    (harness.folder / "badrules" / "action-overdue.yaml").write_text(
        rule.replace("more than 1 day", "more than 1 moon")
    )
    text = harness.file.read_text().replace(f"{ROOT}/mappings/servicenow-grc-issue.yaml", "bad.yaml")
    (harness.folder / "bad.toml").write_text(text.replace('rules = ["rules"]', 'rules = ["badrules"]'))
    done = harness.run("sync", "--config", "bad.toml")
    assert done.code == 2
    reported = done.err.splitlines()
    assert any("action-overdue.yaml:" in line and "moon" in line for line in reported), done.err
    assert any("bad.yaml:" in line and "titel" in line and "title" in line for line in reported), done.err
    assert all(".yaml:" in line for line in reported)


def test_a_misspelt_source_in_the_people_file_is_reported_by_sync_and_plan(make_harness: MakeHarness) -> None:
    """Standard error has one line with file, line and the nearest name; the verbs do their work all the same."""
    harness = make_harness("servicenow", rules=("action-overdue",))
    folder = harness.folder / "mappings"
    shutil.copytree(ROOT / "mappings", folder)
    people = folder / "people.yaml"
    people.write_text("people:\n  lee:\n    accounts:\n      servicnow: anna.lee\n")
    text = harness.file.read_text()
    assert f"{ROOT}/mappings/" in text
    harness.file.write_text(text.replace(f"{ROOT}/mappings/", "mappings/"))
    message = (
        "mapping: mappings/people.yaml:4: the settings have no source 'servicnow', so its accounts count for nobody"
    )
    for verb in ("sync", "plan"):
        done = harness.run(verb)
        assert done.code == 0, done.err
        assert [line for line in done.err.splitlines() if "servicnow" in line] == [
            f"{message}; did you mean 'servicenow'?"
        ]


def test_a_rule_that_fails_its_own_tests_judges_nothing(harness: Harness) -> None:
    """A rule file whose own tests fail is refused with the line of the test."""
    (harness.folder / "failing").mkdir()
    rule = (ROOT / "rules" / "action-overdue.yaml").read_text()
    file = harness.folder / "failing" / "action-overdue.yaml"
    file.write_text(rule.replace("overdue by more than 1 day\n", "overdue by more than 3 days\n"))
    text = harness.file.read_text().replace('rules = ["rules"]', 'rules = ["failing"]')
    (harness.folder / "failing.toml").write_text(text)
    for verb in ("sync", "plan", "run"):
        done = harness.run(verb, "--config", "failing.toml")
        assert done.code == 2
        reported = done.err.splitlines()
        assert reported
        assert all("failing/action-overdue.yaml:" in line and "expected" in line for line in reported), done.err
    file.write_text(file.read_text().replace("mode: warn", "mode: draft"))
    assert harness.run("plan", "--config", "failing.toml").code == 0, "a draft rule never judges"


def test_unknown_verbs_options_and_names_are_one_line(harness: Harness) -> None:
    """The command line parser answers each mistake in one line."""
    _refused(harness.run("synk"), 2, "synk")
    _refused(harness.run("sync", "--source", "jira"), 2, "there is no source 'jira'; the settings name: servicenow")
    _refused(harness.run("plan", "--source", "jira"), 2, "there is no source 'jira'; the settings name: servicenow")
    for odd in ("some", "0", "²", "٣", "9" * 30):
        _refused(
            harness.run("sync", "--release", odd), 2, f"--release takes a number of tickets or `all`, not '{odd}'"
        )
    for verb in (("rules", "drafts"), ("rules", "discard"), ("history",)):
        _refused(harness.run(*verb, "9" * 20), 2, f"{'9' * 20} is too large; write a smaller")
    _refused(
        harness.run("register", "sample", "x", "--seed", "a", "--size", "9" * 20),
        2,
        "is none; write a whole number from 1 to",
    )


# --- exit code 6: the register -------------------------------------------------------------------------------------
def test_a_file_that_is_no_register_is_left_alone(harness: Harness) -> None:
    """Another kind of file under the register's name gives one line and exit 6, and is not changed."""
    other = harness.folder / "notes.db"
    other.write_bytes(b"these are my notes, no register\n" * 40)
    for verb in ("sync", "run", "status", "explain"):
        arguments = (verb, "X-1") if verb == "explain" else (verb,)
        _refused(harness.run(*arguments, CAPA_SYNC_REGISTER=str(other)), 6, "not a register (no SQLite file)")
    assert other.read_bytes() == b"these are my notes, no register\n" * 40


def test_no_register_yet_is_one_line_for_verbs_that_only_read(harness: Harness) -> None:
    """`status`, `explain` and `retry` create no register."""
    for arguments in (("status",), ("explain", "X-1"), ("retry",)):
        _refused(
            harness.run(*arguments, CAPA_SYNC_REGISTER="none.db"),
            6,
            "none.db: there is no register yet; run `capa-sync sync` first",
        )
    assert not (harness.folder / "none.db").exists()


def test_a_folder_that_is_not_there_is_exit_6(harness: Harness) -> None:
    """A register in a missing folder gives one line that names the folder."""
    folder = harness.folder / "nowhere"
    _refused(
        harness.run("sync", CAPA_SYNC_REGISTER="nowhere/register.db"), 6, f"there is no folder {folder}; make it"
    )


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder where nobody may write, root included")
def test_a_read_only_folder_is_exit_6(harness: Harness) -> None:
    """A folder in which no file can be created gives one line."""
    _refused(
        harness.run("sync", CAPA_SYNC_REGISTER="/sys/kernel/register.db"), 6, "/sys/kernel/register.db", "denied"
    )


@pytest.mark.parametrize("size_limit", [90_000, 200_000, 400_000])
def test_a_full_disk_is_exit_6_and_leaves_no_half_written_state(make_harness: MakeHarness, size_limit: int) -> None:
    """A file size limit stops the verb wherever it is reached; without the limit the next run completes the work."""
    harness = make_harness("jira", rules=("root-cause-before-action",))
    for number in range(12):
        harness.create_broken("jira", f"broken {number}")
    full = harness.run("sync", "--release", "all", limits={"RLIMIT_FSIZE": size_limit})
    assert full.code == 6, full.err
    (line,) = [line for line in full.err.splitlines() if not line.startswith("jira: ")]
    assert line.startswith(str(harness.register_file))
    assert "disk" in line
    harness.sync()
    comments = [len(harness.picture("jira", f"broken {number}")["comments"]) for number in range(12)]
    assert comments == [1] * 12
    assert {row["state"] for row in harness.rows("v_writes")} == {"delivered"}


# --- exit codes 4 and 1 --------------------------------------------------------------------------------------------
def test_a_safety_stop_is_exit_4_and_names_cause_and_release(make_harness: MakeHarness) -> None:
    """On first activation and on too many comments nothing is written; the message gives cause and release."""
    harness = make_harness("jira", write_back='mode = "on"\nmax_new_comments_per_day = 2')
    harness.create_broken("jira", "one")
    first = harness.run("sync")
    assert first.code == 4
    assert "this register has never written before; 1 ticket would be written to" in first.err
    assert "capa-sync sync --release" in first.err
    assert harness.writes() == []
    harness.sync()
    for story in ("two", "three"):
        harness.create_broken("jira", story, days=0)
    flood = harness.run("sync")
    assert flood.code == 4
    assert "2 new comments on top of 1 in the last 24 hours, more than max_new_comments_per_day = 2" in flood.err
    assert harness.run("sync").code == 4, "many small cycles do not get past the limit"
    assert harness.picture("jira", "two")["comments"] == []
    assert "held back on jira: 2 tickets, too many comments; look at `capa-sync plan`" in harness.run("status").out


def test_fail_on_is_exit_1_from_that_severity_on(make_harness: MakeHarness) -> None:
    """Without --fail-on findings are no failure; with it, findings of that severity or higher are."""
    harness = make_harness("servicenow", write_back='mode = "off"')
    harness.create_broken("servicenow")
    assert harness.run("sync").code == 0
    assert harness.run("sync", "--fail-on", "high").code == 1
    assert harness.writes() == []
    harness.play_event(
        "servicenow", "broken", Fill({"root_cause": "Nobody is told when a reviewer leaves the company."})
    )
    harness.play_event(
        "servicenow", "broken", Fill({"action_text": "Name a deputy, and tell the lead of each leaver"})
    )
    assert harness.run("sync", "--fail-on", "high").code == 0


# --- hostile files -------------------------------------------------------------------------------------------------
def _verb_with(kind: str, harness: Harness, content: bytes) -> Child:
    """Run the verb that people use to read such a file."""
    if kind == "sandbox":
        (harness.folder / "hostile.jsonl").write_bytes(content.replace(b"FACE", b"cloud"))
        return harness.run("sandbox", "--load", "hostile.jsonl", "--port", "0")
    if kind == "rule":
        (harness.folder / "hostile.yaml").write_bytes(content)
        return harness.run("rules", "check", "hostile.yaml")
    if kind == "settings":
        (harness.folder / "hostile.toml").write_bytes(content)
        return harness.run("plan", "--config", "hostile.toml")
    (harness.folder / "hostile.yaml").write_bytes(content)
    mapping = f"{ROOT}/mappings/servicenow-grc-issue.yaml"
    return harness.run("plan", "--config", _spoiled(harness, "hostile.toml", mapping, "hostile.yaml"))


@pytest.mark.parametrize(
    "name",
    [
        "rule: aliases in aliases",
        "rule: deep lists",
        "rule: half a character in UTF-16",
        "mapping: aliases in aliases",
        "mapping: deep maps",
        "mapping: a long number",
        "settings: deep lists",
        "settings: zeros",
        "sandbox: deep lists",
        "sandbox: null",
        "sandbox: no UTF-8",
    ],
)
def test_a_verb_refuses_a_hostile_file_in_one_line_with_its_place(harness: Harness, name: str) -> None:
    """`rules check`, `plan` and `sandbox --load` end with 2, never with an error of their own."""
    kind, content = CASES[name]
    done = _verb_with(kind, harness, content)
    _refused(done, 2)
    assert re.search(r"hostile\.(yaml|toml|jsonl):[1-9]\d*: ", done.err), done.err


def test_a_cut_gzip_file_is_refused_at_the_line_where_it_ends(harness: Harness) -> None:
    """A download that broke off is named with the first line that is not there."""
    line = b'{"kind": "user", "accountId": "%d"}\n'
    whole = gzip.compress(b'{"kind": "site", "face": "cloud"}\n' + b"".join(line % number for number in range(9_000)))
    (harness.folder / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    done = harness.run("sandbox", "--load", "cut.jsonl.gz", "--port", "0")
    _refused(done, 2, "cannot be read to its end")
    found = re.search(r"cut\.jsonl\.gz:(\d+): ", done.err)
    assert found is not None
    assert int(found[1]) > 2


# --- the real command ----------------------------------------------------------------------------------------------
def test_the_module_itself_behaves_as_the_forked_children_do(harness: Harness) -> None:
    """`python -m capa_sync` in a new interpreter gives the same line and code; SIGINT ends it cleanly."""
    command = [sys.executable, "-m", "capa_sync"]
    env = {**harness.env, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [*command, "sync", "--config", "none.toml"],
        capture_output=True,
        text=True,
        cwd=harness.folder,
        env=env,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    with subprocess.Popen(
        [*command, "run"], stderr=subprocess.PIPE, text=True, cwd=harness.folder, env=env
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "cycle_finished" in line:
                break
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()
    assert running.returncode == 0
    assert "daemon_stopped" in rest
    assert "Traceback" not in rest


BUG = """
import click
from capa_sync.cli import app

@click.command()
def boom():
    raise ZeroDivisionError("the text of a ticket")

app.cli.add_command(boom)
app.main(["boom"])
"""


def test_an_error_of_our_own_is_no_other_exit_code_and_repeats_no_text() -> None:
    """Uncaught, the exit code would be 1, which means findings; the place is reported, ticket text is not."""
    done = subprocess.run([sys.executable, "-c", BUG], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 70
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "capa-sync: an error of its own, please report it: ZeroDivisionError"
    assert "in boom" in done.stderr
    assert "the text of a ticket" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        (b"explain", b"\xff"),
        (b"similar", b"CAPA-1", b"--different", b"\xff"),
        (b"register", b"export", b"\xff.csv"),
        (b"register", b"sample", b"folder", b"--seed", b"\xff"),
        (b"status", b"--config", b"\xff.toml"),
        (b"\xff",),
    ],
)
def test_an_argument_that_is_not_utf8_is_one_line(tmp_path: Path, words: tuple[bytes, ...]) -> None:
    """It is refused once for all verbs, before anything is read or stored."""
    command = [sys.executable, "-m", "capa_sync", *words]
    environ = {**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.decode().splitlines()
    number = next(number for number, word in enumerate(words, 1) if b"\xff" in word)
    assert line.startswith(f"argument {number} of the command line is not UTF-8 text; ")
