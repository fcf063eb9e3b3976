"""What is live is in the register: edits wait until they are activated, and each version can be shown later."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.cli.page import LiveRules
from capa_sync.model.clock import SystemClock
from capa_sync.settings import load_settings
from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import ROOT
from tests.daemon.harness import NOW, Harness

ORDER = "root-cause-before-action"
WAITS = 'rules_live = "on_activate"'


def edit(harness: Harness, old: str, new: str, rule: str = ORDER) -> None:
    """Edit a rule file of the harness."""
    file = harness.folder / "rules" / f"{rule}.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def severities(harness: Harness) -> set[str]:
    """Return the severities of the open findings."""
    return {str(row["severity"]) for row in harness.rows("v_findings") if row["state"] == "open"}


def lower(harness: Harness) -> None:
    """Make the rule low, which is a change that its own tests accept."""
    edit(harness, "severity: high", "severity: low")


@pytest.fixture
def harness(make_harness: MakeHarness) -> Harness:
    """A tracker with one broken and one clean ticket, warned by the first set."""
    found = make_harness("jira", rules=(ORDER,), settings=WAITS)
    found.create_broken("jira")
    found.create_clean("jira")
    done = found.sync()
    assert "the configured rules, mappings and settings are live from now on" in done.err
    return found


@pytest.mark.slow
def test_an_edit_waits_is_previewed_without_a_trace_activated_and_taken_back(harness: Harness) -> None:
    """`sync` judges by what is live; `preview` tells what the edit would do; `activate` and `rollback` change it."""
    first = severities(harness)
    lower(harness)
    synced = harness.run("sync")
    assert "a changed set waits and is not live" in synced.err
    assert severities(harness) == first
    assert "a changed set waits" in harness.run("status").out
    before, requests = harness.tables(), len(harness.servers["jira"].requests)
    shown = json.loads(harness.run("preview", "--json").out)
    assert [(row["ticket"], row["what"], row["severity"]) for row in shown["tickets"]] == [
        (harness.key("jira", "broken"), "changed", "low")
    ]
    [source] = shown["sources"]
    assert (source["would"]["edit"], source["would_now"]["edit"]) == (1, 0)
    assert (harness.tables(), len(harness.servers["jira"].requests)) == (before, requests)
    done = harness.run("preview")
    assert "jira: judging 2 of 2" in done.err.splitlines()
    words = done.out
    assert f"{ORDER}: applies to 1 ticket" in words
    assert "changed: 1 ticket" in words
    harness.set_clock(NOW + timedelta(hours=1))
    assert harness.run("activate").code == 0
    harness.sync()
    assert severities(harness) == {"low"}
    assert harness.run("activate").out.strip() == "nothing differs from what is live"
    harness.set_clock(NOW + timedelta(hours=2))
    assert harness.run("rules", "rollback").code == 0
    harness.sync()
    assert severities(harness) == first
    refused = harness.run("rollback")
    assert (refused.code, "there is no earlier set to go back to" in refused.err) == (2, True)
    rows = json.loads(harness.run("history", "--json").out)
    assert [row["how"] for row in rows] == ["first", "activate", "rollback"]
    assert rows[0]["set"] == rows[2]["set"] != rows[1]["set"]
    assert all(row["by"] and row["at"] for row in rows)
    assert "severity: low" in harness.run("rules", "history", "--at", "2026-06-15T10:59Z").out
    assert "severity: high" in harness.run("history", "--at", "2026-06-15T09:59Z").out


@pytest.mark.slow
def test_a_preview_takes_what_the_daemon_planned_and_plans_where_it_never_did(make_harness: MakeHarness) -> None:
    """What would be written without the change is read where it is stored, and else planned: the answer is equal."""
    harness = make_harness("jira", rules=(ORDER,), settings=WAITS, write_back='mode = "plan"')
    for _ in range(2):
        harness.create_broken("jira")
    harness.create_clean("jira")
    assert harness.run("sync").code == 0
    lower(harness)
    [stored] = json.loads(harness.run("preview", "--json").out)["sources"]
    assert (stored["would"]["new comment"], stored["would_now"]["new comment"]) == (2, 2)
    with sqlite3.connect(harness.register_file) as db:
        assert db.execute("DELETE FROM write_out").rowcount > 0
    assert json.loads(harness.run("preview", "--json").out)["sources"] == [stored]


def test_the_page_shows_the_live_rules_and_who_made_them_live(harness: Harness) -> None:
    """Files that wait, even broken ones, change nothing on it; the view lists every activation."""
    rules = LiveRules(load_settings(harness.file, {}), harness.folder, SystemClock())
    [first] = rules()
    lower(harness)
    assert [rule.severity for rule in rules()] == [first.severity] == ["high"]
    assert harness.run("activate").code == 0
    assert [rule.severity for rule in rules()] == ["low"]
    edit(harness, "severity: low", "severity: lwo")
    assert [rule.severity for rule in rules()] == ["low"]
    rows = harness.rows("v_activations")
    assert [(row["number"], row["how"], row["is_live"]) for row in rows] == [(1, "first", 0), (2, "activate", 1)]
    assert all(row["activated_by"] and row["set_hash"] for row in rows)
    assert rows[1]["rule_set"] != rows[0]["rule_set"]


def test_a_broken_set_is_refused_with_its_lines_and_the_live_one_goes_on(harness: Harness) -> None:
    """`preview` and `activate` end with 2, `sync` judges on, and `status` names file and line."""
    edit(harness, "severity: high", "severity: hihg")
    for verb in (("preview",), ("activate",), ("rules", "activate")):
        refused = harness.run(*verb)
        assert refused.code == 2, verb
        assert "yaml:" in refused.err
        assert "hihg" in refused.err
    assert harness.run("sync").code == 0
    assert severities(harness) == {"high"}
    said = harness.run("status").out
    assert "a changed set cannot be used, and the live one stays:" in said
    assert f"{ORDER}.yaml:" in said
    assert harness.run("explain", harness.key("jira", "broken")).code == 0
    assert len(json.loads(harness.run("history", "--json").out)) == 1


def test_a_changed_mapping_waits_too_and_rules_activate_leaves_it(harness: Harness) -> None:
    """The set is everything that decides a verdict; `rules activate` makes the rules of the files live alone."""
    folder = harness.folder / "mappings"
    shutil.copytree(ROOT / "mappings", folder)
    mapping = folder / "jira-cloud.yaml"
    mapping.write_text(mapping.read_text().replace("grade:", "# grade:", 1), encoding="utf-8")
    harness.file.write_text(harness.file.read_text().replace(f"{ROOT}/mappings/", "mappings/"), encoding="utf-8")
    lower(harness)
    assert harness.run("rules", "activate").code == 0
    harness.sync()
    assert severities(harness) == {"low"}
    waiting = json.loads(harness.run("status", "--json").out)["live_set"]["waiting"]
    assert [line for line in waiting if "mapping of jira" in line]
    assert not [line for line in waiting if ORDER in line]
    assert "mapping of jira" in harness.run("activate").out
    newest = json.loads(harness.run("history", "--json").out)[-1]
    assert not newest["rules_alone"]
    assert json.loads(harness.run("status", "--json").out)["live_set"]["waiting"] == []


def test_the_daemon_activates_at_its_next_tick_and_sees_edits(make_harness: MakeHarness) -> None:
    """It goes on with the new set without a restart; a broken edit is reported, and the running set stays."""
    harness = make_harness("jira", rules=(ORDER,), settings=WAITS)
    harness.create_broken("jira")
    harness.sync()
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        lower(harness)
        daemon.wait_for("set_waits")
        assert severities(harness) == {"high"}
        asked = harness.run("activate")
        assert "at its next tick" in asked.out
        daemon.wait_for("set_activated", how="activate")
        daemon.wait_for("rules_changed")
        daemon.wait_for_cycles(2, ["jira"])
        assert severities(harness) == {"low"}
        edit(harness, "severity: low", "severity: lwo")
        daemon.wait_for("set_refused")
        assert f"{ORDER}.yaml:" in daemon.lines("set_refused")[0]
        daemon.wait_for_cycles(1, ["jira"])
        assert severities(harness) == {"low"}
        assert daemon.stop().code == 0


def test_with_on_save_the_daemon_makes_a_saved_set_live(make_harness: MakeHarness) -> None:
    """Nobody asks: the edit is checked, tested, and live."""
    harness = make_harness("jira", rules=(ORDER,))
    harness.create_broken("jira")
    harness.sync()
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(1, ["jira"])
        lower(harness)
        daemon.wait_for("set_activated", how="on_save")
        daemon.wait_for("rules_changed")
        daemon.wait_for_cycles(2, ["jira"])
        assert severities(harness) == {"low"}
        assert daemon.stop().code == 0


def test_a_register_of_an_earlier_version_takes_the_set_that_it_was_judged_by(harness: Harness) -> None:
    """The configured files are that set where their hashes say so; else the first `sync` says what is not known."""
    import sqlite3

    def forget() -> None:
        with sqlite3.connect(harness.register_file) as register:
            for table in ("set_part", "set_text", "activation"):
                register.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names

    forget()
    assert "the configured files are the same" in harness.run("sync").err
    forget()
    lower(harness)
    assert "does not hold the rules and mappings that it was last judged by" in harness.run("sync").err
    assert severities(harness) == {"low"}


def test_a_new_source_takes_its_configured_mapping_while_other_edits_wait(make_harness: MakeHarness) -> None:
    """Nothing was judged by the mapping of a source that is new, so that it need not be activated."""
    harness = make_harness("jira", "servicenow", rules=(ORDER,), settings=WAITS)
    whole = harness.file.read_text()
    harness.file.write_text(whole[: whole.index("[sources.servicenow]")], encoding="utf-8")
    harness.sync()
    harness.file.write_text(whole, encoding="utf-8")
    lower(harness)
    done = harness.sync()
    assert "no mapping for servicenow" in done.err
    assert [row["how"] for row in json.loads(harness.run("history", "--json").out)] == ["first", "new_source"]
    assert "a changed set waits" in done.err


def test_a_broken_first_set_leaves_no_register(make_harness: MakeHarness, tmp_path: Path) -> None:
    """A mistake in the first set ends with 2 before there is a register."""
    harness = make_harness("jira", rules=(ORDER,), settings=WAITS)
    edit(harness, "severity: high", "severity: hihg")
    assert harness.run("sync").code == 2
    assert harness.run("run").code == 2
    assert not list(tmp_path.rglob("register.db*"))
