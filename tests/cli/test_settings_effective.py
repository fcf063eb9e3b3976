"""Each setting that affects verdicts or texts has its effect in the whole product, not only in its own parser."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from capa_sync.sandbox.stories.script import ChangeStage, Create, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness

RULES = ("correction-recorded", "what-when-where", "effectiveness-before-close")


def _planned(harness: Harness) -> str:
    """Return the texts that would be written on the tickets."""
    done = harness.run("plan", "--json")
    assert done.code == 0, done.err
    return "\n".join(write["text"] for write in json.loads(done.out)["planned"])


def _young(harness: Harness, days: int) -> None:
    """Create a ticket so many days ago, without a correction and a location."""
    harness.clock.set(NOW - timedelta(days=days))
    harness.play_event("jira", "young", Create({"title": "Backup", "owner": "priya.nair", "grade": "minor"}))
    harness.clock.set(NOW)


def _closed(harness: Harness) -> None:
    """Create a ticket that was closed four days ago without a review."""
    harness.clock.set(NOW - timedelta(days=5))
    harness.play_event("jira", "closed", Create(FACTS))
    harness.play_event("jira", "closed", Fill({"correction": "The missing review was done at once by the deputy."}))
    harness.clock.set(NOW - timedelta(days=4))
    harness.play_event("jira", "closed", ChangeStage("closed"))
    harness.clock.set(NOW)


@pytest.mark.parametrize(
    ("days", "settings", "is_written", "words"),
    [
        (6, "", False, "correction"),
        (6, '[deadlines]\ncontain = { minor = "2bd" }', True, "due: 11 June 2026"),
        (6, '[deadlines]\ncontain = { major = "2bd" }', False, "correction"),
        (20, "", True, "due: 9 June 2026"),
        (20, 'profile = "light"', False, "correction"),
        (20, 'holidays = ["2026-06-01", 2026-06-02]', True, "due: 11 June 2026"),
        (20, 'profile = "iso9001"', True, "ISO 9001 10.2.1 a"),
        (20, 'public_url = "https://capa.example.com/"', True, "https://capa.example.com/"),
        (20, 'isms_lead = "M. Roy"', True, "Questions: ISMS lead M. Roy."),
        (20, "", True, "(as of 15 June 2026 10:00 UTC+1)"),
        (5, "", True, "what was not fulfilled"),
        (5, 'holidays = ["2026-06-11", "2026-06-12"]', False, "what was not fulfilled"),
    ],
)
def test_a_setting_changes_what_would_be_written(
    make_harness: MakeHarness, days: int, settings: str, is_written: bool, words: str
) -> None:
    """Deadlines, profile, holidays, address, person to ask and time zone change the text that a ticket gets."""
    harness = make_harness("jira", rules=RULES, settings=settings)
    _young(harness, days)
    assert (words in _planned(harness)) is is_written


@pytest.mark.parametrize(("baseline", "planned"), [("2026-06-11", True), ("2026-06-12", False)])
def test_a_ticket_closed_before_the_baseline_is_judged_and_never_written_to(
    make_harness: MakeHarness, baseline: str, planned: bool
) -> None:
    """The baseline prevents writing, not judging."""
    harness = make_harness("jira", rules=RULES, settings=f"baseline = {baseline}")
    _closed(harness)
    assert ("effectiveness review" in _planned(harness)) is planned
    harness.sync()
    assert [row["state"] for row in harness.rows("v_findings")] == ["open"]
    assert bool(harness.writes()) is planned
