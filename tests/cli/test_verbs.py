"""What `explain`, `status`, `register pack`, `sync` and `retry` give to people, and to programs with --json."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from capa_sync.cli.rule_files import check
from capa_sync.errors import UserError
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Day, Fill
from tests.cli.test_outputs import MAIN
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """Warned, clean, joined, quarantined and deleted tickets in Jira and ServiceNow."""
    harness = shared_harness("jira", "servicenow", rules=("root-cause-before-action", "action-overdue"))
    harness.create_broken("jira")
    harness.create_broken("servicenow")
    harness.create_clean("jira")
    harness.clock.set(NOW - timedelta(days=4))
    for story in ("parent", "odd", "gone"):
        harness.play_event("jira", story, Create({**FACTS, "title": story}))
    harness.play_event("servicenow", "duplicate", Create(FACTS))
    harness.play_event(
        "jira", "broken", Fill({"implementation_evidence": "Review of 12 June, https://wiki.example/31"})
    )
    harness.play_event("jira", "parent", AddAction("Change the checklist", Day(-30), "child", "tomasz.zielinski"))
    harness.play_event("jira", "odd", ChangeStage("under discussion"))
    harness.play_event("jira", "clean", Fill({"servicenow_number": harness.key("servicenow", "duplicate")}))
    harness.set_clock(NOW)
    harness.sync()
    harness.cloud.as_user("anna").delete(harness.key("jira", "gone"))
    harness.set_clock(NOW + timedelta(hours=25))
    harness.sync()
    return harness


def _explained(harness: Harness, name: str, *options: str, code: int = 0) -> str:
    done = harness.run("explain", name, *options)
    assert (done.code, done.err) == (code, "")
    return done.out


# --- explain -------------------------------------------------------------------------------------------------------
def test_a_warned_ticket_is_explained_with_the_history_entry_behind_it(harness: Harness) -> None:
    """The output has the verdict, its clause, its evidence with person and time, and the id of the entry."""
    text = _explained(harness, harness.key("jira", "broken"), "--rule", "root-cause-before-action")
    assert text.startswith(f"jira:{harness.key('jira', 'broken')} “{FACTS['title']}” http://127.0.0.1:")
    assert "root-cause-before-action (10): breach" in text
    assert "ISO 27001 10.2 b" in text
    assert "as of 2026-06-16 10:00:00Z" in text
    (started,) = [line for line in text.splitlines() if "first started on 10 June 2026" in line]
    assert started.endswith("(2026-06-10 10:00+01:00, by Anna Lee, entry 10001)")
    assert "root_cause is empty" in text
    assert "action-overdue (" not in text, "--rule shows that rule alone"


def test_a_clean_ticket_has_every_verdict_too(harness: Harness) -> None:
    """Rules that do not apply are explained too."""
    text = _explained(harness, harness.key("jira", "clean"))
    assert "root-cause-before-action (10): not applicable" in text
    assert "action-overdue (21): not applicable" in text
    assert "breach" not in text


def test_json_holds_the_same_for_programs(harness: Harness) -> None:
    """Outcome, severity, clause and evidence are fields."""
    (found,) = json.loads(_explained(harness, harness.key("servicenow", "broken"), "--json"))
    verdict = next(verdict for verdict in found["verdicts"] if verdict["rule"] == "root-cause-before-action")
    assert (verdict["outcome"], verdict["severity"], verdict["clause"]) == ("breach", "high", "ISO 27001 10.2 b")
    assert any(evidence["entry"] for evidence in verdict["evidence"])


def test_an_action_names_its_record(harness: Harness) -> None:
    """A sub-task is not a record of its own."""
    action = harness.players["jira"].actions["parent"]
    headline, where = _explained(harness, action).splitlines()[:2]
    assert headline == f"jira:{action} is an action of {harness.key('jira', 'parent')}"
    assert re.fullmatch(rf"  “.+” http://\S+/browse/{action}", where), "its title, and its address to open"


def test_a_quarantined_ticket_says_why(harness: Harness) -> None:
    """The output names the status that the mapping does not list."""
    key = harness.key("jira", "odd")
    text = _explained(harness, key)
    assert "is quarantined: it could not be mapped" in text
    assert re.fullmatch(rf"  “.+” http://\S+/browse/{key}", text.splitlines()[1])
    assert "Under discussion" in text
    assert "Traceback" not in text


def test_a_duplicate_names_the_primary_that_has_the_finding(harness: Harness) -> None:
    """The same nonconformity in two trackers is judged on the ticket of the source named first."""
    duplicate, primary = harness.key("servicenow", "duplicate"), harness.key("jira", "clean")
    headline, where = _explained(harness, duplicate).splitlines()[:2]
    assert headline == f"servicenow:{duplicate} is judged with jira:{primary}"
    assert re.fullmatch(r"  “.+” http://\S+", where)
    assert "root-cause-before-action (10): " in _explained(harness, primary)


def test_a_vanished_ticket_is_explained_with_its_presence(harness: Harness) -> None:
    """A deleted ticket stays in the register, with its presence."""
    text = _explained(harness, harness.key("jira", "gone"))
    assert "its presence is deleted_or_hidden, confirmed " in text
    assert ": nothing is written on it" in text


def test_an_unknown_ticket_says_what_was_read_until_when(harness: Harness) -> None:
    """The output names what was read until when, and the exit code is 2."""
    text = _explained(harness, "CAPA-999", code=2)
    assert text.startswith("CAPA-999 is not in the register\n")
    assert "jira was read until 2026-06-16 10:00:00Z with query “project = CAPA AND issuetype" in text
    assert "servicenow was read until 2026-06-16 10:00:00Z with table sn_grc_issue" in text
    assert (
        _explained(harness, f"servicenow:{harness.key('jira', 'broken')}", code=2).count("is not in the register")
        == 1
    )


def test_an_unknown_ticket_of_a_named_source_is_answered_for_that_source_alone(harness: Harness) -> None:
    """`SOURCE:KEY` asks one source, and an unknown source is reported."""
    text = _explained(harness, "servicenow:ISS9999999", code=2)
    assert "servicenow was read until" in text
    assert "jira was read" not in text
    assert "there is no source 'snow'; the settings name: jira, servicenow" in _explained(
        harness, "snow:ISS0010001", code=2
    )


def test_an_unknown_rule_is_a_users_mistake(harness: Harness) -> None:
    """The message lists the existing rules."""
    done = harness.run("explain", harness.key("jira", "broken"), "--rule", "root-cause")
    assert done.code == 2
    assert done.err == "there is no rule 'root-cause'; the rules are: action-overdue, root-cause-before-action\n"


def test_explain_needs_no_secret_and_no_tracker(harness: Harness) -> None:
    """People who may read the register need no credentials of the trackers."""
    requests = [len(server.requests) for server in harness.servers.values()]
    done = harness.run("explain", harness.key("jira", "broken"), JIRA_TOKEN="", SERVICENOW_PASSWORD="")
    assert done.code == 0
    assert [len(server.requests) for server in harness.servers.values()] == requests


# --- status --------------------------------------------------------------------------------------------------------
def test_status_shows_freshness_gaps_quarantine_and_the_next_checks(harness: Harness) -> None:
    """The output says how far the mirror can be trusted."""
    done = harness.run("status")
    assert done.code == 0
    tickets = "5 tickets (4 records, 1 action), 0 with an incomplete history"
    assert f"jira: as of 2026-06-16 10:00:00Z (0 s ago), {tickets}" in done.out
    assert "  1 deleted_or_hidden" in done.out
    assert "stuck writes: 0" in done.out
    assert f"quarantined: 1\n  jira:{harness.key('jira', 'odd')}: " in done.out
    assert "next checks by time: " in done.out


def test_status_json_holds_numbers(harness: Harness) -> None:
    """Alerts can use age, staleness, presence counts and census drift."""
    result = json.loads(harness.run("status", "--json").out)
    jira = next(source for source in result["sources"] if source["source"] == "jira")
    assert jira["age_s"] == 0.0
    assert jira["is_stale"] is False
    assert jira["gaps"] == 0
    assert jira["vanished"] == {"deleted_or_hidden": 1}
    assert jira["census_drift"]["swept"] == jira["census_drift"]["told"] == 4
    assert result["quarantined"][0]["ticket"] == harness.key("jira", "odd")
    assert result["next_due"][0]["at"].startswith("2026-")


def test_status_of_an_old_copy_says_so(harness: Harness) -> None:
    """A source without a poll for a day is stale."""
    result = json.loads(harness.run("status", "--json", CAPA_SYNC_TEST_CLOCK="2026-06-18T10:00:00+00:00").out)
    assert all(source["is_stale"] and source["age_s"] > 170_000 for source in result["sources"])


# --- register pack and sample --------------------------------------------------------------------------------------
def _pack(harness: Harness, key: str, name: str) -> Path:
    done = harness.run("register", "pack", key, "--output", name, JIRA_TOKEN="", SERVICENOW_PASSWORD="")
    assert (done.code, done.err) == (0, "")
    return harness.folder / name


def _read_pack(file: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the evidence and the files of a pack, after comparing each file with its checksum."""
    with ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return json.loads(files["evidence.json"]), files


def test_a_pack_has_the_whole_life_of_a_ticket(harness: Harness) -> None:
    """Findings with their inputs, verdicts with their history entries, our comment, raw payloads, one timeline."""
    key = harness.key("jira", "broken")
    file = _pack(harness, key, "a.zip")
    evidence, files = _read_pack(file)
    assert evidence["register"]["title"] == FACTS["title"]
    assert [finding["rule"] for finding in evidence["findings"]] == ["root-cause-before-action"]
    assert evidence["findings"][0]["inputs"]
    (action,) = evidence["actions"]
    assert (action["state"], action["evidence"]) == ("open", "Review of 12 June, https://wiki.example/31")
    verdict = next(v for v in evidence["verdicts"] if v["rule"] == "root-cause-before-action")
    assert any(fact["entry"] == "10001" for fact in verdict["evidence"])
    (comment,) = [write["text"] for write in evidence["writes"] if write["kind"] == "comment"]
    assert evidence["findings"][0]["message"] in comment
    kinds = {event["kind"] for event in evidence["timeline"]}
    assert {"created", "change", "comment", "finding opened", "written: comment"} <= kinds | {"internal comment"}
    assert {event["who"] for event in evidence["timeline"] if event["kind"] == "change"} == {"Anna Lee", "capa-sync"}
    assert [event["at"] for event in evidence["timeline"]] == sorted(event["at"] for event in evidence["timeline"])
    assert json.loads(files[f"raw/jira-{key}/record.json"])["key"] == key
    assert f"raw/jira-{key}/versions/record-0001.json" in files
    past = evidence["verdicts_over_time"]
    order = [span for span in past["spans"] if span["rule"] == "root-cause-before-action"]
    assert [span["from"] for span in order[1:]] == [span["until"] for span in order[:-1]]
    assert (order[-1]["outcome"], order[-1]["until"], order[-1]["judged"]) == ("breach", None, "then")
    assert order[-1]["message"] == evidence["findings"][0]["message"]
    assert order[0]["outcome"] == "not_applicable"
    assert order[0]["why_afterwards"] == "no set was live then: judged by the oldest stored one"
    assert all(span["rule_set"] == evidence["findings"][0]["rule_set"] for span in order)
    page = files["index.html"].decode()
    assert key in page
    assert "<h2>Verdicts over time</h2>" in page
    assert "afterwards: no set was live then" in page
    assert "<script" not in page
    assert files["evidence.pdf"].startswith(b"%PDF-")
    assert _pack(harness, key, "b.zip").read_bytes() == file.read_bytes(), "equal registers give equal bytes"


@pytest.mark.parametrize(
    ("source", "story", "roles", "missing"),
    [
        ("jira", "gone", ["record"], "when it was last seen: its presence is deleted_or_hidden"),
        ("jira", "odd", ["record"], "the present verdicts: "),
        ("jira", "parent", ["record", "action"], ""),
        (
            "servicenow",
            "duplicate",
            ["record", "joined"],
            "attachments: capa-sync does not mirror those of ServiceNow; `--fetch-attachments`",
        ),
    ],
)
def test_a_pack_of_any_ticket_names_what_is_missing(
    harness: Harness, source: str, story: str, roles: list[str], missing: str
) -> None:
    """A vanished, a quarantined and a joined ticket, and one with actions; each is named with its role."""
    evidence, _files = _read_pack(_pack(harness, harness.key(source, story), f"{story}.zip"))
    spans = evidence["verdicts_over_time"]["spans"]
    judged = {span["rule"] for span in spans} - {""}
    assert judged == (set() if story == "odd" else {"root-cause-before-action", "action-overdue"})
    assert [ticket["role"] for ticket in evidence["tickets"]] == roles
    for action in evidence["actions"]:
        assert action["state"] == "open"
        assert action["url"].endswith(f"/browse/{action['action_key']}")
    assert any(missing in what for what in evidence["missing"]) or not missing
    said = {row["field"]: row["text"] for row in evidence["fields"]}
    named = [what for what in evidence["missing"] if what.startswith("what the record says, field by field: ")]
    assert (said.get("description"), len(named)) == ((None, 1) if story == "odd" else (FACTS["description"], 0))
    if story == "gone":
        assert evidence["timeline"][-1]["kind"] == "presence"
        assert evidence["timeline"][-1]["what"].startswith("deleted_or_hidden: ")
        assert {span["outcome"] for span in spans if span["until"] is None} <= {"ok", "not_applicable"}


def test_a_record_is_named_by_its_register_number(harness: Harness) -> None:
    """Lists begin with it, so people type it; small letters do; a number that nobody has is one line."""
    key = harness.key("jira", "broken")
    [number] = [row["register_no"] for row in harness.rows("v_register") if row["ticket_key"] == key]
    _pack(harness, key, "by-key.zip")
    _pack(harness, number, "by-number.zip")
    evidence = [_read_pack(harness.folder / name)[0] for name in ("by-key.zip", "by-number.zip")]
    assert evidence[0]["record"] == evidence[1]["record"]
    assert harness.run("explain", number.lower()).out == harness.run("explain", key).out
    for name in ("NC-2026-9999", "NC-2026-", f"NC-2026-{'9' * 40}"):
        done = harness.run("register", "pack", name, "--output", "none.zip")
        assert (done.code, len(done.err.splitlines())) == (2, 1)


def test_a_pack_that_cannot_be_made_is_one_line(harness: Harness) -> None:
    """An unknown ticket and an action have no pack, and no file is left."""
    for name, why in (
        ("CAPA-999", "no source has a ticket 'CAPA-999' in the register; `capa-sync explain CAPA-999` says more"),
        (harness.players["jira"].actions["parent"], "is an action and no record of its own"),
    ):
        done = harness.run("register", "pack", name, "--output", "none.zip")
        assert (done.code, len(done.err.splitlines())) == (2, 1)
        assert why in done.err
    assert not (harness.folder / "none.zip").exists()


def test_a_pack_of_a_ticket_whose_source_left_the_settings_says_so(harness: Harness) -> None:
    """It is in the register, so that nobody takes it for a typing mistake."""
    text = harness.file.read_text()
    (harness.folder / "one.toml").write_text(text.partition("[sources.servicenow]")[0])
    key = harness.key("servicenow", "broken")
    done = harness.run("register", "pack", key, "--output", "none.zip", "--config", "one.toml")
    why = f"'{key}' is of the source servicenow, which the settings name no longer"
    hint = "put it back while a pack is made; they name: jira"
    assert (done.code, done.err.splitlines()[-1]) == (2, f"{why}; {hint}; nothing was written")


def test_a_long_verb_draws_a_bar_on_a_terminal(harness: Harness) -> None:
    """On standard error, up to its end, and takes it away again; the result on standard output has nothing of it."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", MAIN, "register", "sample", "on-a-terminal", "--seed", "x"]
    env = {**os.environ, **harness.env, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=harness.folder, stdout=subprocess.PIPE, stderr=theirs, env=env) as running:
        os.close(theirs)
        drawn = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert running.stdout is not None
        said = running.stdout.read().decode()
    os.close(ours)
    assert running.returncode == 0
    packs = len(list(harness.folder.glob("on-a-terminal/*.zip")))
    assert "sample: packs" in drawn
    assert "━" in drawn
    assert f"{packs}/{packs}" in drawn
    assert drawn.rstrip().endswith("\x1b[2K"), "the line of the bar is empty again"
    assert said.startswith(f"on-a-terminal: packs of {packs} of ")
    assert "\x1b" not in said


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


def test_a_sample_is_a_folder_of_packs_that_says_how_it_was_chosen(harness: Harness) -> None:
    """sample.json holds seed, groups and the checksum of each pack; a folder that exists is refused."""
    done = harness.run("register", "sample", "audit", "--seed", "2026")
    assert (done.code, "packs of " in done.out) == (0, True)
    described = json.loads((harness.folder / "audit" / "sample.json").read_bytes())
    packs = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in harness.folder.glob("audit/*.zip")}
    assert described["packs"] == packs
    assert sum(group["chosen"] for group in described["groups"]) == len(packs) == len(described["records"])
    assert (described["size"], described["size_asked"], described["chosen"]) == (len(packs), None, len(packs))
    assert (described["more"], described["note"]) == (40, "")
    again = harness.run("register", "sample", "audit", "--seed", "2026")
    assert (again.code, again.err) == (2, "audit: there is such a file or folder already; name a new folder\n")


def test_a_sample_smaller_than_its_groups_has_one_of_each_and_says_so(harness: Harness) -> None:
    """In the output and in sample.json; a seed without a character is refused, and no folder is made."""
    done = harness.run("register", "sample", "small", "--seed", "2026", "--size", "1")
    described = json.loads((harness.folder / "small" / "sample.json").read_bytes())
    groups = len(described["groups"])
    assert groups > 1
    assert (described["size"], described["size_asked"], described["chosen"]) == (1, 1, groups)
    assert described["note"] == (
        f"{groups} groups of source and grade are more than the size 1: one record of each was chosen"
    )
    assert done.out.splitlines()[-1] == f"  {described['note']}"
    for empty in ("", " ", "\u200b"):
        refused = harness.run("register", "sample", "empty", "--seed", empty)
        assert (refused.code, refused.err) == (
            2,
            "the seed is empty; name any text, best one that the auditor gives\n",
        )
    assert not (harness.folder / "empty").exists()


# --- sync ----------------------------------------------------------------------------------------------------------
def test_sync_json_is_one_document(harness: Harness) -> None:
    """Standard output has one JSON document and nothing else."""
    result = json.loads(harness.run("sync", "--json").out)
    assert [source["source"] for source in result["sources"]] == ["jira", "servicenow"]
    assert {finding["rule"] for finding in result["findings"]} == {"root-cause-before-action"}
    assert result["writes"] == {"delivered": 8}


def test_release_permits_writing_to_so_many_tickets(make_harness: MakeHarness) -> None:
    """`sync --release 1` writes to one ticket of two, and the brake holds again."""
    harness = make_harness(
        "jira", rules=("root-cause-before-action",), write_back='mode = "on"\nmax_new_comments_per_day = 0'
    )
    for story in ("one", "two"):
        harness.create_broken("jira", story)
    first = harness.run("sync", "--release", "1")
    assert first.code == 0
    assert "jira: safety stop: 1 of 2 tickets were released, the rest waits; look at `capa-sync plan`" in first.err
    warned = [story for story in ("one", "two") if harness.picture("jira", story)["comments"]]
    assert len(warned) == 1
    assert harness.run("sync").code == 4
    held = harness.run("status").out
    assert "held back on jira: 1 ticket, not released; look at `capa-sync plan`" in held
    assert len([story for story in ("one", "two") if harness.picture("jira", story)["comments"]]) == 1
    harness.sync()
    assert len([story for story in ("one", "two") if harness.picture("jira", story)["comments"]]) == 2


def test_init_writes_a_starter_that_loads(make_harness: MakeHarness) -> None:
    """The starter's settings, mappings and rules are valid; nothing is overwritten."""
    harness = make_harness("jira")
    done = harness.run("init", "fresh")
    assert done.code == 0
    again = harness.run("init", "fresh")
    assert again.code == 2
    assert len(again.err.splitlines()) == 3
    checked = harness.run("rules", "check", "fresh/rules")
    assert checked.code == 0
    assert checked.out.endswith("rules are in order\n")
    single = harness.run("rules", "check", "fresh/rules/correction-recorded.yaml")
    assert single.out == "1 rule is in order\n"
    assert checked.err == ""
    for verb in ("check", "test"):
        unnamed = harness.run("rules", verb)
        assert unnamed.code == 0
        assert unnamed.err == "the rules of capa-sync.toml: rules\n"


def test_without_a_path_the_rules_of_the_settings_here_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stands beside their settings means their own rules; a broken one is found."""
    monkeypatch.chdir(tmp_path)
    assert "the shipped pack; name files or folders" in CliRunner().invoke(check, []).stderr
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.yaml").write_text("rule: mine\n", encoding="utf-8")
    (tmp_path / "capa-sync.toml").write_text('rules = ["own"]\n', encoding="utf-8")
    found = CliRunner().invoke(check, [])
    assert "the rules of capa-sync.toml: own" in found.stderr
    assert isinstance(found.exception, UserError)
    assert "own/mine.yaml" in str(found.exception)


def test_a_rule_edited_in_the_starter_is_the_rule_that_is_evaluated(make_harness: MakeHarness) -> None:
    """A mistake in a rule file that `init` wrote is reported: the settings name those files."""
    harness = make_harness("jira")
    assert harness.run("init", "fresh").code == 0
    secrets = {"JIRA_TOKEN": "t", "JIRA_HINT_SECRET": "h" * 20, "SERVICENOW_SECRET": "s"}
    file = harness.folder / "fresh" / "rules" / "action-overdue.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\nrequire:", "\nrequires:"), encoding="utf-8")
    line = text.splitlines().index("require:") + 1
    done = harness.run("plan", "--config", "fresh/capa-sync.toml", **secrets)
    assert done.code == 2
    assert f"action-overdue.yaml:{line}: a rule has no key 'requires'; did you mean 'require'?" in done.err
