"""What `status` shows from the register alone."""

from __future__ import annotations

import json
import shutil

import pytest

from capa_sync.starter import starter_path
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import Harness
from tests.refusals import OWN_REFUSALS


def _waiting(harness: Harness) -> list[str]:
    done = harness.run("status", "--json")
    return [name for source in json.loads(done.out)["sources"] for name in source["twins_unknown"]]


def test_a_source_that_was_never_read_and_may_name_tickets_of_another_is_reported(make_harness: MakeHarness) -> None:
    """The first cycle records the link, so that `status` needs no mapping; the note ends with the link."""
    harness = make_harness("jira", "servicenow")
    harness.create_broken("servicenow")
    assert harness.run("sync", "--source", "servicenow").code == 0
    assert _waiting(harness) == ["jira"], "jira's mapping names tickets of servicenow in `same_as`"
    assert "tickets of jira may name these as the same record" in harness.run("status").out
    harness.run("sync")
    assert _waiting(harness) == []


def test_status_works_while_rules_and_mappings_are_being_edited(make_harness: MakeHarness) -> None:
    """`status` judges nothing: a mistake in a rule or a mapping does not hide the state of the register."""
    harness = make_harness("jira")
    harness.sync()
    mapping = harness.folder / "broken.yaml"
    mapping.write_text("mapping: [", encoding="utf-8")
    text = harness.file.read_text(encoding="utf-8")
    lines = [f'mapping = "{mapping}"' if line.startswith("mapping =") else line for line in text.splitlines()]
    harness.file.write_text("\n".join(lines), encoding="utf-8")
    done = harness.run("status")
    assert (done.code, done.err) == (0, "")
    assert harness.run("sync").code == 2


def test_status_names_the_rights_that_are_missing_and_whom_to_ask(make_harness: MakeHarness) -> None:
    """It reads the register alone, as text and as JSON; with every right it does not mention rights."""
    harness = make_harness("servicenow", rules=("root-cause-before-action",))
    harness.create_clean("servicenow")
    harness.sync()
    assert "missing right" not in harness.run("status").out
    harness.servicenow.set_settings({"audit_readable": False})
    reported = harness.sync().err
    text = harness.run("status")
    lines = [line for line in text.out.splitlines() if line.startswith("  missing right: ")]
    assert [line.split()[2] for line in lines] == ["sys_audit", "sys_journal_field"]
    assert all("ask the admin of the instance to give it the role audit_viewer" in line for line in lines)
    [source] = json.loads(harness.run("status", "--json").out)["sources"]
    assert source["missing_rights"] == [line.removeprefix("  missing right: ") for line in lines]
    assert all(right in reported for right in source["missing_rights"])
    assert text.code == 0


def test_status_says_how_many_tickets_the_tracker_counts_and_does_not_list(make_harness: MakeHarness) -> None:
    """ServiceNow counts a row before an access rule hides it; with every row listed it does not mention a count."""
    harness = make_harness("servicenow", rules=("root-cause-before-action",))
    for story in ("one", "two", "three"):
        harness.create_clean("servicenow", story)
    harness.sync()
    assert "the tracker counts" not in harness.run("status").out
    harness.servicenow.set_settings({"hidden_rows": [harness.sys_id("two")]})
    harness.sync("--full")
    [line] = [line for line in harness.run("status").out.splitlines() if "the tracker counts" in line]
    assert line.startswith("  count-differs: servicenow: the tracker counts 3 tickets and listed 2 (since ")


def test_coverage_says_what_the_mapping_lacks_and_status_shows_the_checks_of_the_register(
    make_harness: MakeHarness,
) -> None:
    """Both read the register alone; the checks are stored after the census and never written on a ticket."""
    harness = make_harness("jira", rules=("root-cause-before-action",))
    for name in ("jira-cloud.yaml", "people.yaml"):
        shutil.copy(starter_path("mappings") / name, harness.folder / name)
    mapping = harness.folder / "jira-cloud.yaml"
    kept = [line for line in mapping.read_text("utf-8").splitlines() if not line.startswith("  root_cause:")]
    mapping.write_text("\n".join(kept), encoding="utf-8")
    settings = harness.file.read_text("utf-8").splitlines()
    named = ['mapping = "jira-cloud.yaml"' if line.startswith("mapping =") else line for line in settings]
    harness.file.write_text("\n".join(named), encoding="utf-8")
    harness.create_broken("jira")
    harness.sync()
    assert harness.writes() == []
    text = harness.run("rules", "coverage").out
    assert "jira: 1 rule applied to some ticket, 1 of them cannot tell on some" in text
    assert "root-cause-before-action: 1 of 1 ticket: 'root_cause'" in text
    raised = "rules-that-never-decide: jira: 1 rule cannot tell on any ticket: root-cause-before-action"
    assert raised in text
    assert raised in harness.run("status").out
    found = {row["check"]: row["state"] for row in json.loads(harness.run("status", "--json").out)["register_checks"]}
    assert found == {
        "rules-that-never-decide": "raised",
        "origin-without-nonconformity": "raised",
        "no-improvement-decided": "raised",
        "major-without-management-review": "ok",
        "overdue-share": "ok",
        "waivers": "ok",
        "count-differs": "ok",
    }


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_stuck_writes_that_differ_in_their_ticket_alone_are_one_line(make_harness: MakeHarness, source: str) -> None:
    """The tickets are named together, with the cause once; the number counts every write."""
    harness = make_harness(source, rules=("root-cause-before-action",))
    keys = [harness.create_broken(source, story) for story in ("one", "two", "three")]
    match = ("PATCH", r"/table/sn_grc_issue/") if source == "servicenow" else ("POST", r"/issue/\d+/comment")
    harness.servers[source].faults.add("answer", match, status=403, answer=OWN_REFUSALS[source], times=None)
    harness.sync(code=3)
    harness.servers[source].faults.clear()
    out = harness.run("status").out
    [title] = [line for line in out.splitlines() if line.startswith("stuck writes: ")]
    assert title == "stuck writes: 3"
    [line] = [line for line in out.splitlines() if ", failed, " in line]
    kind = "fields" if source == "servicenow" else "comment"
    assert line.startswith(
        f"  {', '.join(f'{source}:{key}' for key in sorted(keys))} {kind}, failed, the oldest planned"
    )
    assert ("User Not Authorized" if source == "servicenow" else "403") in line.partition(" ago: ")[2]
