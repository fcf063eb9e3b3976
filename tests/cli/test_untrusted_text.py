"""Ticket text reaches no terminal as control sequences, whichever verb shows it."""

from __future__ import annotations

import json
import re

import pytest

from capa_sync.redaction import REMOVED
from capa_sync.sandbox.jira import API_TOKEN
from capa_sync.sandbox.stories.script import ChangeStage, Create
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, Harness

HOSTILE = "\x07\x9b31m\u202eend\nfake line: all is well\x08"
"""A bell, a colour by one C1 character, a reversed text direction, a second line and a backspace."""
CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """A site with hostile field names, status names and texts, and a warned and a quarantined ticket on it."""
    harness = shared_harness("jira", rules=("root-cause-before-action", "action-overdue", "what-when-where"))
    harness.create_broken("jira")
    harness.play_event(
        "jira", "odd", Create({**FACTS, "title": f"A title{HOSTILE}", "description": f"Text{HOSTILE}"})
    )
    harness.play_event("jira", "odd", ChangeStage("under discussion"))
    harness.cloud.as_user("anna").edit(harness.key("jira", "broken"), {"Location": f"Here{HOSTILE}"})
    harness.sync()
    for name in ("Under discussion", "Planned"):
        harness.cloud.admin.rename_status(name, f"{name}{HOSTILE}")
    harness.cloud.admin.rename_field("Location", f"Location{HOSTILE}")
    harness.sync("--full")
    return harness


@pytest.mark.parametrize("verb", ["sync", "plan", "status", "explain broken", "explain odd"])
def test_no_control_character_of_a_tracker_reaches_the_terminal(harness: Harness, verb: str) -> None:
    """Names and texts are shown on one line each, without control characters."""
    name, _, story = verb.partition(" ")
    done = harness.run(name, *([harness.key("jira", story)] if story else []))
    assert done.code == 0
    assert "fake line" in done.out + done.err, "the hostile text is shown"
    assert CONTROLS.findall(done.out + done.err) == []
    assert not [line for line in (done.out + done.err).splitlines() if line.startswith("fake line")]


def test_json_escapes_what_a_terminal_would_obey_and_loses_nothing(harness: Harness) -> None:
    """A program gets the unchanged text; a terminal that shows the document gets no control characters."""
    done = harness.run("status", "--json")
    assert CONTROLS.findall(done.out) == []
    (ticket,) = json.loads(done.out)["quarantined"]
    assert "\x9b31m\u202eend\nfake line" in ticket["reason"]


def test_verbs_that_need_no_secret_print_none_that_they_can_fetch(make_harness: MakeHarness) -> None:
    """A ticket may quote a secret of ours: it is removed wherever the variable that holds it is set."""
    harness = make_harness("jira", rules=("root-cause-before-action", "action-overdue", "what-when-where"))
    harness.play_event("jira", "odd", Create({**FACTS, "title": f"Basic {API_TOKEN}"}))
    harness.play_event("jira", "odd", ChangeStage("under discussion"))
    harness.create_broken("jira")
    harness.cloud.as_user("anna").edit(harness.key("jira", "broken"), {"Location": f"Here {API_TOKEN}"})
    harness.cloud.admin.rename_status("Under discussion", f"Under {API_TOKEN}")
    harness.sync()
    keys = [harness.key("jira", story) for story in ("odd", "broken")]
    for words in ("status", "status --json", *(f"{verb} {key}" for verb in ("explain", "similar") for key in keys)):
        done = harness.run(*words.split())
        assert API_TOKEN not in done.out + done.err, words
        if words.startswith("status") or words == f"explain {keys[0]}":
            assert REMOVED in done.out, words
