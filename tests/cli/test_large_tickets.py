"""A ticket above max_answer is reported with the way out; its old warning is not changed, and nothing is added."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capa_sync.sandbox.stories.script import Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import ISSUE, NOW, Harness

LONG = "why " * 400_000


def outgrow(harness: Harness, source: str, text: str) -> None:
    """Put a text on the warned ticket, longer than a person could enter at once on a real tracker."""
    if source == "servicenow":
        column = harness.servicenow._instance.schema.column(ISSUE, "description")
        assert column is not None
        column.max_length, column.attributes = 10_000_000, "no_audit"  # an audit row of it would stay for ever
        harness.servicenow.as_user("anna.lee").update(ISSUE, harness.sys_id("broken"), {"description": text})
        return
    tracker = harness.players[source].tracker
    issue = tracker.state.find(harness.key(source, "broken"))
    issue.fields["environment"] = text
    harness.play_event(source, "broken", Fill({"title": f"Access review missed ({len(text)})"}))


@pytest.mark.parametrize("source", ["jira", "jira-dc", "servicenow"])
def test_a_warned_ticket_that_outgrows_an_answer_is_named_and_left_alone(
    make_harness: MakeHarness, source: str
) -> None:
    """It is quarantined and not written on, other tickets go on; when it is smaller it is judged again."""
    harness = make_harness(source, rules=("root-cause-before-action",), extra={source: 'max_answer = "1MB"'})
    key, other = harness.create_broken(source), harness.create_clean(source)
    harness.sync()
    warned, written = harness.picture(source, "broken"), len(harness.writes())
    harness.set_clock(NOW + timedelta(hours=1))
    outgrow(harness, source, LONG)
    harness.play_event(source, "clean", Fill({"title": "Backup test not recorded yet"}))
    done = harness.sync()
    assert key in done.out + done.err
    assert "max_answer" in done.out + done.err
    status = harness.run("status")
    assert [line for line in status.out.splitlines() if key in line and "larger than 1 MB" in line]
    titles = {row["ticket_key"]: row["title"] for row in harness.rows("v_register")}
    assert titles[other] == "Backup test not recorded yet"
    assert harness.picture(source, "broken") == warned
    assert len(harness.writes()) == written

    harness.sync()
    before = harness.tables()
    for hours in (2, 30):  # the second sync comes after a census
        harness.set_clock(NOW + timedelta(hours=hours))
        harness.sync()
        assert harness.picture(source, "broken") == warned
        assert len(harness.writes()) == written
    reasons = {row["ticket_key"]: row["quarantine_reason"] for row in harness.rows("v_tickets")}
    assert "max_answer" in reasons[key]
    assert [row["presence"] for row in harness.rows("v_tickets")] == ["present", "present"]
    assert harness.tables()["part"] == before["part"]

    harness.set_clock(NOW + timedelta(hours=31))
    outgrow(harness, source, "short")
    harness.play_event(
        source, "broken", Fill({"root_cause": "The review calendar of the team did not name a deputy at all."})
    )
    harness.sync()
    reasons = {row["ticket_key"]: row["quarantine_reason"] for row in harness.rows("v_tickets")}
    assert reasons[key] == ""
    assert harness.tables()["part"] != before["part"]
