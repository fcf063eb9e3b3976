"""The life of one nonconformity, calculated by hand (docs/clause10.md 6), on all three trackers, over real HTTP."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from capa_sync.sandbox.servicenow import INTEGRATION_USER
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Fill, FinishAction, Say
from capa_sync.sandbox.stories.servicenow_player import ServiceNowPlayer
from tests.journey.harness import SOURCES, Harness, local, open_harness

DESCRIPTION = (
    "The quarterly review of access rights to the finance application was not done for the first quarter of 2025, "
    "found while sampling user lists."
)
CAUSE = "No deputy named in AC-03; reminder lost with leaver mailbox"
ORDER, EXTENT, OVERDUE = "root-cause-before-action", "extent-assessed", "action-overdue"
MOVED, EDITED, REVIEW = "due-date-moved", "edited-after-close", "independent-review"
PLANNED, PROOF, EARLY = "effectiveness-planned", "effectiveness-evidence", "effectiveness-too-early"
SYSTEM, TOLD = "isms-and-risk-update", "communicated"


def due(harness: Harness, day: str) -> str:
    """Return a due date as this tracker holds it: a day, or in ServiceNow the end of that day."""
    return day if harness.source != "servicenow" else f"{day} 22:59:59"


@pytest.mark.parametrize("source", SOURCES)
def test_the_hand_computed_life(source: str, tmp_path: Path) -> None:
    """Every finding of the pack opens, changes and clears on exactly the dates calculated by hand."""
    with open_harness(source, tmp_path, "2025-05-05 09:00") as harness:
        report_and_contain(harness)
        plan(harness)
        overdue_and_moved(harness)
        implement_and_close(harness)
        after_closure(harness)


def report_and_contain(harness: Harness) -> None:
    """Report, act too early, contain, find the cause."""
    created = {
        "title": "Access review of the finance application missed",
        "description": DESCRIPTION,
        "detected_at": "2025-05-02",
        "location": "Finance app",
        "grade": "minor",
        "impact": "Leavers could still have opened payment files",
        "requirement_ref": "A.5.18",
        "source": "internal_audit",
        "source_ref": "IA-03/2",
        "objective_evidence": "User list of 30 April without a review stamp",
        "owner": "anna.lee",
        "confidential": "no",
    }
    harness.play("2025-05-05 09:00", Create(created))
    harness.cycle()
    assert harness.states() == {}
    harness.play("2025-05-07 10:00", AddAction("Run the missing review", None))
    harness.cycle()
    assert harness.states() == {ORDER: "open high"}
    assert harness.findings()[ORDER].opened_at.date() == date(2025, 5, 7)
    done = {
        "correction": "The review was run and 3 accounts removed",
        "consequences": "None, because no misuse was seen",
    }
    harness.play("2025-05-08 10:00", Fill(done))
    harness.cycle()
    assert harness.states() == {ORDER: "open high"}
    whys = "Review not held\nNo reminder came\nIts mailbox was a leaver's\nAC-03 names no deputy"
    found = {
        "rca_method": "five_whys",
        "why_chain": whys,
        "root_cause": CAUSE,
        "cause_category": "ownership",
        "action_needed": "yes",
    }
    harness.play("2025-05-12 10:00", Fill(found))
    harness.cycle()
    assert harness.states() == {ORDER: "open high"}


def plan(harness: Harness) -> None:
    """Rewrite the action after the cause, plan it."""
    harness.play("2025-05-13 10:00", AddAction("Name deputy in AC-03, reminder in shared mailbox", None))
    harness.cycle()
    assert harness.states() == {ORDER: "historical"}
    assert harness.findings()[ORDER].cleared_at.date() == date(2025, 5, 13)  # type: ignore[union-attr]
    harness.play("2025-05-14 10:00", ChangeStage("planned", {"due_at": due(harness, "2025-06-30")}))
    harness.cycle()
    assert harness.states() == {ORDER: "historical", EXTENT: "open medium"}


def overdue_and_moved(harness: Harness) -> None:
    """Run late, move the date, give the reason."""
    still = {ORDER: "historical", EXTENT: "open medium"}
    harness.cycle("2025-07-01 23:30")
    assert harness.states() == still
    harness.cycle("2025-07-02 09:00")
    assert harness.states() == {**still, OVERDUE: "open medium"}
    harness.play("2025-07-03 15:00", Fill({"due_at": due(harness, "2025-07-31")}))
    harness.cycle()
    assert harness.states() == {**still, MOVED: "open medium"}
    assert harness.findings()[OVERDUE].cleared_at.date() == date(2025, 7, 3)  # type: ignore[union-attr]
    harness.play(
        "2025-07-04 09:00", Say("Moved by a month, agreed with the ISMS lead: the shared mailbox comes in July.")
    )
    harness.cycle()
    assert harness.states() == still
    assert harness.findings()[MOVED].cleared_at.date() == date(2025, 7, 4)  # type: ignore[union-attr]


def implement_and_close(harness: Harness) -> None:
    """Implement, review, close."""
    harness.play("2025-07-25 09:59", FinishAction("CHG0031"))
    harness.play("2025-07-25 10:00", ChangeStage("implemented"))
    harness.cycle()
    assert harness.states() == {ORDER: "historical", EXTENT: "open high", PLANNED: "open medium"}
    agreed = {"effectiveness_criterion": "0 late leavers in 60 days", "effectiveness_reviewer": "anna.lee"}
    harness.play("2025-07-28 10:00", Fill({**agreed, "effectiveness_due": due(harness, "2025-09-01")}))
    harness.cycle()
    assert harness.states() == {ORDER: "historical", EXTENT: "open high"}
    harness.play(
        "2025-08-01 10:00", ChangeStage("closed", {"effectiveness_result": "effective", "effectiveness_note": "Done"})
    )
    harness.cycle()
    assert harness.states() == {
        ORDER: "historical",
        EXTENT: "open high",
        PROOF: "open high",
        EARLY: "open medium",
        SYSTEM: "open medium",
        REVIEW: "open medium",
        TOLD: "open low",
    }
    [row] = harness.runtime.register.view("v_register")
    assert (row["claimed_stage"], row["evidenced_stage"]) == ("closed", "contained")
    assert str(row["evidence_missing"]).startswith("Extent")
    assert row["replans"] == 1
    assert row["days_open"] == 91


def after_closure(harness: Harness) -> None:
    """Changes by automations alter nothing; a person's edit does."""
    before = harness.states()
    harness.clock.set(local("2025-08-05 09:59"))
    _bot_at_work(harness)
    harness.cycle("2025-08-05 10:00")
    assert harness.states() == before
    text = "Nobody was named as deputy in AC-03, so the reminder was lost with the mailbox of a leaver"
    harness.play("2025-08-06 10:00", Fill({"root_cause": text}))
    harness.cycle()
    assert harness.states() == {**before, EDITED: "open high"}
    assert harness.findings()[EDITED].opened_at.date() == date(2025, 8, 6)
    _one_warning_in_place(harness)
    changes = list(harness.runtime.register.view("v_changes"))
    births = {str(row["field"]): row for row in changes if row["origin"] == "birth"}
    assert births["Grade"]["to_value"] == "Minor", "a birth row shows the tracker's own word, as the history does"
    assert CAUSE in {row["from_value"] for row in changes}
    people = {str(row["changed_by"]) for row in changes if row["origin"] == "history"}
    assert {str(row["changed_by"]) for row in births.values()} <= people, "both show the person, not an account"
    assert "anna.lee" in people


def _bot_at_work(harness: Harness) -> None:
    """Let our own service account touch the closed ticket."""
    key = harness.player.address("life")[0]
    if isinstance(harness.player, ServiceNowPlayer):
        bot = harness.player.tracker.as_user(INTEGRATION_USER)
        bot.update("sn_grc_issue", harness.player.ids["life"], {"u_root_cause": CAUSE + ".", "u_location": "Finance"})
        return
    actor = harness.player.tracker.as_user("capa-sync")
    actor.edit(key, {"labels": ["capa-warning", "bot"], "Location": "Finance"})
    actor.comment(key, "A note of the service account")


def _one_warning_in_place(harness: Harness) -> None:
    """However many findings opened and cleared: one comment in Jira, the current text in ServiceNow's field."""
    if isinstance(harness.player, ServiceNowPlayer):
        row = harness.player.tracker.find("sn_grc_issue", harness.player.ids["life"])
        assert row is not None
        assert "6 things to fix" in row["u_capa_sync_text"]
        assert row["u_capa_sync_state"] == "warning"
    else:
        created = [write for write in harness.writes() if write.startswith("POST")]
        assert len(created) == 1, created
