"""One nonconformity kept as two tickets: who carries finding and warning as the link comes, goes and breaks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capa_sync.model.finding import Outcome
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Day, Fill, FinishAction
from capa_sync.sandbox.stories.servicenow_player import ISSUE
from tests.daemon.conftest import MakeDesk
from tests.daemon.desk import FACTS, NOW, Desk

RULE = "root-cause-before-action"
CAUSE = "Nobody owned the calendar of the reviews after the reorganisation in spring, and no reminder was left."


def _both_broken(desk: Desk) -> None:
    desk.tell_broken("jira")
    desk.tell_broken("servicenow", "twin")


def _name_twin(desk: Desk, number: str | None = None) -> None:
    twin = desk.key("servicenow", "twin") if number is None else number
    desk.cloud.as_user("anna").edit(desk.key("jira", "broken"), {"ServiceNow number": twin})


def _name_from_birth(desk: Desk) -> None:
    """A ticket in Jira that has the cause, and names from its birth one in ServiceNow that has none."""
    desk.tell_broken("servicenow", "twin")
    desk.clock.set(NOW - timedelta(days=8))
    cause = {"root_cause": CAUSE, "servicenow_number": desk.key("servicenow", "twin")}
    desk.tell("jira", "broken", Create({**FACTS, **cause}))
    desk.clock.set(NOW)


def _a_day_later(desk: Desk, *options: str) -> None:
    desk.set_clock(desk.clock.now() + timedelta(hours=25))
    desk.sync(*options)


def _states(desk: Desk) -> dict[str, str]:
    return {row["source"]: row["state"] for row in desk.rows("v_findings")}


def _cannot_tell(desk: Desk) -> frozenset[str]:
    with desk.register() as register:
        [(source, ticket_id)] = register.tickets.find(desk.key("jira", "broken"))
        outcomes = register.findings.outcomes_of(source, [ticket_id])[ticket_id]
    return frozenset(rule for rule, outcome in outcomes.items() if outcome is Outcome.CANNOT_TELL)


def test_one_sync_moves_the_warning_when_the_link_comes_and_when_it_goes(make_desk: MakeDesk) -> None:
    """The other ticket carries none while linked, and its own again afterwards; it is never called clear."""
    desk = make_desk("jira", "servicenow", rules=(RULE,))
    _both_broken(desk)
    desk.sync()
    assert _states(desk) == {"jira": "open", "servicenow": "open"}
    _name_twin(desk)
    _a_day_later(desk)
    assert _states(desk) == {"jira": "open", "servicenow": "cleared"}
    assert f"judged together with {desk.key('jira', 'broken')}" in desk.picture("servicenow", "twin")["text"]
    assert [row["source"] for row in desk.rows("v_register")] == ["jira"]
    _a_day_later(desk)
    _name_twin(desk, "")
    _a_day_later(desk)
    assert _states(desk) == {"jira": "open", "servicenow": "open"}
    picture = desk.picture("servicenow", "twin")
    assert picture["state"] == "warning"
    assert not [note for note in picture["notes"] if "are clear" in note]


@pytest.mark.parametrize("fate", ["quarantined", "deleted", "never there"])
def test_while_the_twin_is_unread_nothing_opens_and_nothing_clears(make_desk: MakeDesk, fate: str) -> None:
    """A repair on the first ticket is not believed alone: the other one may say otherwise."""
    desk = make_desk("jira", "servicenow", rules=(RULE,))
    _both_broken(desk)
    desk.tell_clean("servicenow")
    desk.tell_clean("servicenow", "third")
    _name_twin(desk)
    desk.sync()
    assert _states(desk) == {"jira": "open"}
    if fate == "quarantined":
        desk.servicenow.as_user("admin").update(table=ISSUE, sys_id=desk.sys_id("twin"), values={"state": "99"})
    elif fate == "deleted":
        desk.servicenow.as_user("admin").delete(table=ISSUE, sys_id=desk.sys_id("twin"))
    else:
        _name_twin(desk, "ISS9999999")
    desk.tell("jira", "broken", Fill({"root_cause": CAUSE, "action_text": "Name an owner and a deputy"}))
    _a_day_later(desk, "--full")
    assert _states(desk)["jira"] == "open"
    assert _cannot_tell(desk) == {RULE}
    assert "no root cause is written down yet" in str(desk.picture("jira", "broken")["comments"])


def test_the_link_counts_from_the_first_round_also_where_the_second_source_names_it(make_desk: MakeDesk) -> None:
    """The carrier is judged with the fields of the ticket that names it; alone it would be warned on wrongly."""
    desk = make_desk("servicenow", "jira", rules=(RULE,))
    _name_from_birth(desk)
    desk.sync()
    assert _states(desk) == {}
    assert [row["source"] for row in desk.rows("v_register")] == ["servicenow"]
    assert desk.writes() == []


def test_an_edit_on_the_twin_is_judged_in_the_same_round_and_the_next_one_changes_nothing(
    make_desk: MakeDesk,
) -> None:
    """The warning stands on the first ticket after one sync, and a second over the same world changes no row."""
    desk = make_desk("jira", "servicenow", rules=(RULE,), write_back='mode = "off"')
    desk.tell_clean("jira", "broken")
    desk.tell_clean("servicenow", "twin")
    _name_twin(desk)
    first = desk.run("sync")
    assert first.code == 0, first.err
    before = desk.tables()
    assert desk.run("sync").code == 0
    assert desk.tables() == before
    desk.tell(
        "servicenow", "twin", Fill({"action_text": "Do the missing review and name a deputy", "due_at": Day(-60)})
    )
    desk.tell("servicenow", "twin", ChangeStage("contained"))
    assert desk.run("sync").code == 0
    assert _states(desk) == {"jira": "open"}
    before = desk.tables()
    assert desk.run("sync").code == 0
    assert desk.tables() == before


def test_a_task_of_the_twin_is_an_action_of_the_first_ticket(make_desk: MakeDesk) -> None:
    """Work done in the other tracker: a task that is late warns here, and its end clears it, in one sync each."""
    desk = make_desk("jira", "servicenow", rules=("action-overdue",))
    desk.tell_clean("jira", "broken")
    desk.tell_clean("servicenow", "twin")
    _name_twin(desk)
    desk.sync()
    desk.tell("servicenow", "twin", AddAction("Print the wall plans", Day(5), "child", "priya.nair"))
    _a_day_later(desk)
    assert _states(desk) == {"jira": "open"}
    assert "Print the wall plans" in str([row["text"] for row in desk.rows("v_actions")])
    desk.tell("servicenow", "twin", FinishAction(evidence="CHG0031"))
    _a_day_later(desk)
    assert _states(desk) == {"jira": "cleared"}
    assert desk.picture("jira", "broken")["labels"] == []


@pytest.mark.parametrize("order", [("servicenow", "jira"), ("jira", "servicenow")])
def test_the_daemon_warns_on_no_ticket_that_a_source_not_read_yet_may_name(
    make_desk: MakeDesk, order: tuple[str, str]
) -> None:
    """The one source is read again and again before the other can be read once; `status` says what is waited for."""
    desk = make_desk(*order, rules=(RULE,))
    desk.servers["jira"].faults.add("proxy_error", times=None)
    desk.sync("--source", "servicenow")
    _name_from_birth(desk)
    with desk.daemon() as daemon:
        daemon.wait_for_cycles(2, ("servicenow",))
        assert _states(desk) == {"servicenow": "cannot_tell"}
        assert desk.writes() == []
        told = desk.run("status")
        assert "tickets of jira may name these as the same record" in told.out
        desk.servers["jira"].faults.clear()
        daemon.wait_for("cycle_finished", source="jira", seconds=60)
        daemon.wait_for_cycles(2, order)
        assert daemon.stop().code == 0
    assert _states(desk) == {}
    assert [row["source"] for row in desk.rows("v_register")] == [order[0]]
    assert desk.writes() == []
    assert "may name these" not in desk.run("status").out


def test_what_waited_for_the_other_source_is_judged_when_that_names_none_of_it(make_desk: MakeDesk) -> None:
    """Nothing is held for good: a ticket without a twin has its warning as soon as the other source was read."""
    desk = make_desk("servicenow", "jira", rules=(RULE,))
    desk.sync("--source", "servicenow")
    desk.tell_broken("servicenow", "twin")
    desk.sync("--source", "servicenow")
    assert _states(desk) == {"servicenow": "cannot_tell"}
    desk.sync()
    assert _states(desk) == {"servicenow": "open"}
    assert desk.picture("servicenow", "twin")["state"] == "warning"


def test_a_deleted_ticket_hands_its_twin_back(make_desk: MakeDesk) -> None:
    """The living one speaks for itself again, in the same sync; it no longer points at a ticket that is not there."""
    desk = make_desk("jira", "servicenow", rules=(RULE,))
    _both_broken(desk)
    for number in range(3):
        desk.tell_clean("jira", f"other {number}")
    desk.sync()
    _name_twin(desk)
    _a_day_later(desk)
    assert "judged together with" in desk.picture("servicenow", "twin")["text"]
    desk.cloud.as_user("admin").delete(desk.key("jira", "broken"))
    _a_day_later(desk)
    assert _states(desk)["servicenow"] == "open"
    picture = desk.picture("servicenow", "twin")
    assert picture["state"] == "warning"
    assert "judged together with" not in picture["text"]
    assert {row["source"] for row in desk.rows("v_register") if row["presence"] == "present"} == {
        "jira",
        "servicenow",
    }
    before = desk.writes()
    desk.sync()
    assert desk.writes() == before


def test_a_ticket_that_comes_back_speaks_for_both_again(make_desk: MakeDesk) -> None:
    """One that was hidden and is shown again carries the record in the same sync; its twin points at it."""
    desk = make_desk("jira", "servicenow", rules=(RULE,))
    _both_broken(desk)
    for number in range(3):
        desk.tell_clean("jira", f"other {number}")
    _name_twin(desk)
    desk.sync()
    key = desk.key("jira", "broken")
    desk.cloud.admin.hide(key, hidden=True)
    _a_day_later(desk)
    assert _states(desk)["servicenow"] == "open"
    desk.cloud.admin.hide(key, hidden=False)
    _a_day_later(desk)
    assert _states(desk) == {"jira": "open", "servicenow": "cleared"}
    assert f"judged together with {key}" in desk.picture("servicenow", "twin")["text"]
