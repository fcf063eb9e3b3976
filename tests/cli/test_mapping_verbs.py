"""`mapping suggest` and `mapping check` over HTTP: the file loads, and records stand beside tickets."""

from __future__ import annotations

import json

import pytest

from capa_sync.mapping import load_mapping
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import ALL, Harness

TYPES_OF_ALL = {
    "title",
    "description",
    "owner",
    "raised_by",
    "due_at",
    "root_cause",
    "grade",
    "correction",
    "location",
}


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """All three trackers with two tickets each, and no register."""
    harness = shared_harness(rules=("root-cause-before-action", "action-overdue"))
    for source in harness.names:
        harness.create_clean(source)
        harness.create_broken(source)
    return harness


def progress_of(source: str, tickets: int) -> list[str]:
    """Return the plain lines of progress that `mapping check` prints without a terminal."""
    return [f"{source}: {step} {tickets} of {tickets}" for step in ("reading", "mapping")]


@pytest.mark.parametrize("source", ALL)
def test_the_proposed_file_loads_fits_the_tracker_and_finds_its_fields(harness: Harness, source: str) -> None:
    """Nothing in it is a mistake on that tracker, each line has a confidence, and nothing is written there."""
    out = harness.folder / f"proposed-{source}.yaml"
    done = harness.run("mapping", "suggest", source, "--out", str(out))
    assert (done.code, done.err) == (0, "")
    mapping = load_mapping(out)
    assert set(mapping.record) >= TYPES_OF_ALL
    assert {rule.stage for rule in mapping.stage.rules} >= {"identified", "closed"}
    assert mapping.actions
    lines = out.read_text(encoding="utf-8").splitlines()
    assert all("  # 0." in line for line in lines if line.startswith("  ") and line.rstrip().endswith("(English)"))
    harness.env[f"CAPA_SYNC_SOURCES__{source.upper()}__MAPPING"] = out.name
    checked = harness.run("mapping", "check", source)
    del harness.env[f"CAPA_SYNC_SOURCES__{source.upper()}__MAPPING"]
    assert (checked.code, checked.err.splitlines()) == (0, progress_of(source, 2))
    assert "\nmapping: " not in f"\n{checked.out}"
    assert "cannot be mapped" not in checked.out
    assert harness.writes() == []
    again = harness.run("mapping", "suggest", source, "--out", str(out))
    assert again.code == 2
    assert "this is there already" in again.err


@pytest.mark.parametrize("source", ALL)
def test_a_record_stands_beside_the_tickets_own_values(harness: Harness, source: str) -> None:
    """A ticket named in small letters, with fields, stage and action, and the coverage of field and rule."""
    key = harness.key(source, "broken")
    done = harness.run("mapping", "check", source, key.lower(), "--json")
    assert (done.code, done.err.splitlines()) == (0, progress_of(source, 1))
    found = json.loads(done.out)
    [ticket] = found["tickets"]
    assert (ticket["ticket"], ticket["stage"]) == (key, "identified")
    fields = {field["name"]: field for field in ticket["fields"]}
    assert fields["title"]["value"] == "Access review missed"
    assert list(fields["grade"]["own"].values()) == ["Minor"]
    assert (fields["grade"]["state"], fields["grade"]["value"]) == ("filled", "minor")
    assert [action["text"] for action in ticket["actions"]] == ["Do the missing review and name a deputy"]
    [title] = [field for field in found["fields"] if field["name"] == "title"]
    assert title["states"] == {"filled": 1}
    outcomes = {rule["rule"]: rule["outcomes"] for rule in found["rules"]}
    assert outcomes["root-cause-before-action"] == {"breach": 1}
    assert harness.writes() == []
    assert not harness.register_file.exists()


def test_without_a_ticket_the_newest_in_scope_are_shown(harness: Harness) -> None:
    """Each with its lines, then how often each field is filled and each rule could decide."""
    done = harness.run("mapping", "check", "jira")
    assert (done.code, done.err.splitlines()) == (0, progress_of("jira", 2))
    for story in ("clean", "broken"):
        assert f"jira:{harness.key('jira', story)} http://127.0.0.1:" in done.out
    assert "fields, of 2 tickets:" in done.out
    assert "decided 1 of 1" in done.out
    missing = harness.run("mapping", "check", "jira", "CAPA-999")
    assert missing.code == 2
    assert "jira has no ticket 'CAPA-999'" in missing.err
