"""A ticket above max_answer as people see it: named with the way out, its old warning left as it is, and no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capa_sync.sandbox.stories.script import Fill
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import ISSUE, NOW, Desk

LONG = "why " * 400_000


def outgrow(desk: Desk, source: str, text: str) -> None:
    """Let the warned ticket hold a text, which no person of a real tracker could enter at once."""
    if source == "servicenow":
        column = desk.servicenow._instance.schema.column(ISSUE, "description")
        assert column is not None
        column.max_length, column.attributes = 10_000_000, "no_audit"  # an audit row of it would stay for ever
        desk.servicenow.as_user("anna.lee").update(ISSUE, desk.sys_id("broken"), {"description": text})
        return
    tracker = desk.players[source].tracker
    issue = tracker.state.find(desk.key(source, "broken"))
    issue.fields["environment"] = text
    desk.tell(source, "broken", Fill({"title": f"Access review missed ({len(text)})"}))


@pytest.mark.parametrize("source", ["jira", "jira-dc", "servicenow"])
def test_a_warned_ticket_that_outgrows_an_answer_is_named_and_left_alone(make_desk: MakeDesk, source: str) -> None:
    """It is quarantined, nothing is written on it, other tickets go on; made smaller it is judged again."""
    desk = make_desk(source, rules=("root-cause-before-action",), extra={source: 'max_answer = "1MB"'})
    key, other = desk.tell_broken(source), desk.tell_clean(source)
    desk.sync()
    warned, written = desk.picture(source, "broken"), len(desk.writes())
    desk.set_clock(NOW + timedelta(hours=1))
    outgrow(desk, source, LONG)
    desk.tell(source, "clean", Fill({"title": "Backup test not recorded yet"}))
    done = desk.sync()
    assert key in done.out + done.err
    assert "max_answer" in done.out + done.err
    status = desk.run("status")
    assert [line for line in status.out.splitlines() if key in line and "larger than 1 MB" in line]
    titles = {row["ticket_key"]: row["title"] for row in desk.rows("v_register")}
    assert titles[other] == "Backup test not recorded yet"
    assert desk.picture(source, "broken") == warned
    assert len(desk.writes()) == written

    desk.sync()
    before = desk.tables()
    for hours in (2, 30):  # the second after a census
        desk.set_clock(NOW + timedelta(hours=hours))
        desk.sync()
        assert desk.picture(source, "broken") == warned
        assert len(desk.writes()) == written
    reasons = {row["ticket_key"]: row["quarantine_reason"] for row in desk.rows("v_tickets")}
    assert "max_answer" in reasons[key]
    assert [row["presence"] for row in desk.rows("v_tickets")] == ["present", "present"]
    assert desk.tables()["part"] == before["part"]

    desk.set_clock(NOW + timedelta(hours=31))
    outgrow(desk, source, "short")
    desk.tell(source, "broken", Fill({"root_cause": "The review calendar of the team did not name a deputy at all."}))
    desk.sync()
    reasons = {row["ticket_key"]: row["quarantine_reason"] for row in desk.rows("v_tickets")}
    assert reasons[key] == ""
    assert desk.tables()["part"] != before["part"]
