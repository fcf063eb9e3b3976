"""One nonconformity in two tickets: which one has finding and warning as the link appears, ends and breaks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from capa_sync.model.finding import Outcome
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Day, Fill, FinishAction
from capa_sync.sandbox.stories.servicenow_player import ISSUE
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, NOW, Harness

RULE = "root-cause-before-action"
CAUSE = "Nobody owned the calendar of the reviews after the reorganisation in spring, and no reminder was left."


def _both_broken(harness: Harness) -> None:
    harness.create_broken("jira")
    harness.create_broken("servicenow", "duplicate")


def _name_duplicate(harness: Harness, number: str | None = None) -> None:
    duplicate = harness.key("servicenow", "duplicate") if number is None else number
    harness.cloud.as_user("anna").edit(harness.key("jira", "broken"), {"ServiceNow number": duplicate})


def _name_from_creation(harness: Harness) -> None:
    """Create a ticket in Jira that has the cause and, from its creation, names one in ServiceNow that has none."""
    harness.create_broken("servicenow", "duplicate")
    harness.clock.set(NOW - timedelta(days=8))
    cause = {"root_cause": CAUSE, "servicenow_number": harness.key("servicenow", "duplicate")}
    harness.play_event("jira", "broken", Create({**FACTS, **cause}))
    harness.clock.set(NOW)


def _a_day_later(harness: Harness, *options: str) -> None:
    harness.set_clock(harness.clock.now() + timedelta(hours=25))
    harness.sync(*options)


def _states(harness: Harness) -> dict[str, str]:
    return {row["source"]: row["state"] for row in harness.rows("v_findings")}


def _cannot_tell(harness: Harness) -> frozenset[str]:
    with harness.register() as register:
        [(source, ticket_id)] = register.tickets.find(harness.key("jira", "broken"))
        outcomes = register.findings.outcomes_of(source, [ticket_id])[ticket_id]
    return frozenset(rule for rule, outcome in outcomes.items() if outcome is Outcome.CANNOT_TELL)


def test_one_sync_moves_the_warning_when_the_link_comes_and_when_it_goes(make_harness: MakeHarness) -> None:
    """The duplicate has no warning while linked, and its own again afterwards; it is never called clear."""
    harness = make_harness("jira", "servicenow", rules=(RULE,))
    _both_broken(harness)
    harness.sync()
    assert _states(harness) == {"jira": "open", "servicenow": "open"}
    _name_duplicate(harness)
    _a_day_later(harness)
    assert _states(harness) == {"jira": "open", "servicenow": "cleared"}
    assert (
        f"judged together with {harness.key('jira', 'broken')}" in harness.picture("servicenow", "duplicate")["text"]
    )
    assert [row["source"] for row in harness.rows("v_register")] == ["jira"]
    _a_day_later(harness)
    _name_duplicate(harness, "")
    _a_day_later(harness)
    assert _states(harness) == {"jira": "open", "servicenow": "open"}
    picture = harness.picture("servicenow", "duplicate")
    assert picture["state"] == "warning"
    assert not [note for note in picture["notes"] if "are clear" in note]


def test_tickets_that_disagree_are_a_quiet_finding_and_both_values_are_shown(make_harness: MakeHarness) -> None:
    """Rule 38 opens on the primary without a text on a ticket; explain and view name both sides; it clears."""
    harness = make_harness("jira", "servicenow", rules=("joined-tickets-disagree",))
    harness.create_clean("jira", "broken")
    harness.create_clean("servicenow", "duplicate")
    _name_duplicate(harness)
    harness.play_event("servicenow", "duplicate", ChangeStage("contained"))
    harness.sync()
    assert _states(harness) == {"jira": "open"}
    assert harness.writes() == []
    keys = harness.key("jira", "broken"), harness.key("servicenow", "duplicate")
    said = harness.run("explain", keys[0]).out
    assert f"disagree on stage: jira:{keys[0]} has “identified”, servicenow:{keys[1]} has “contained”" in said
    assert "breach" in said
    assert ("stage", "identified", keys[1], "contained") in {
        (row["field"], row["value"], row["other_ticket_key"], row["other_value"])
        for row in harness.rows("v_disagreements")
    }
    harness.play_event("jira", "broken", ChangeStage("contained"))
    _a_day_later(harness)
    assert _states(harness) == {"jira": "cleared"}
    assert "stage" not in {row["field"] for row in harness.rows("v_disagreements")}


@pytest.mark.parametrize("fate", ["quarantined", "deleted", "never there"])
def test_while_the_duplicate_is_unread_nothing_opens_and_nothing_clears(make_harness: MakeHarness, fate: str) -> None:
    """A repair on the primary alone is not enough: the duplicate may contradict it."""
    harness = make_harness("jira", "servicenow", rules=(RULE,))
    _both_broken(harness)
    harness.create_clean("servicenow")
    harness.create_clean("servicenow", "third")
    _name_duplicate(harness)
    harness.sync()
    assert _states(harness) == {"jira": "open"}
    if fate == "quarantined":
        harness.servicenow.as_user("admin").update(
            table=ISSUE, sys_id=harness.sys_id("duplicate"), values={"state": "99"}
        )
    elif fate == "deleted":
        harness.servicenow.as_user("admin").delete(table=ISSUE, sys_id=harness.sys_id("duplicate"))
    else:
        _name_duplicate(harness, "ISS9999999")
    harness.play_event("jira", "broken", Fill({"root_cause": CAUSE, "action_text": "Name an owner and a deputy"}))
    _a_day_later(harness, "--full")
    assert _states(harness)["jira"] == "open"
    assert _cannot_tell(harness) == {RULE}
    assert "no root cause is written down yet" in str(harness.picture("jira", "broken")["comments"])


def test_the_link_counts_from_the_first_round_also_where_the_second_source_names_it(
    make_harness: MakeHarness,
) -> None:
    """The primary is judged with the fields of the ticket that names it; alone it would get a wrong warning."""
    harness = make_harness("servicenow", "jira", rules=(RULE,))
    _name_from_creation(harness)
    harness.sync()
    assert _states(harness) == {}
    assert [row["source"] for row in harness.rows("v_register")] == ["servicenow"]
    assert harness.writes() == []


def test_an_edit_on_the_duplicate_is_judged_in_the_same_round_and_the_next_one_changes_nothing(
    make_harness: MakeHarness,
) -> None:
    """After one sync the warning is on the primary, and a second sync over the same world changes no row."""
    harness = make_harness("jira", "servicenow", rules=(RULE,), write_back='mode = "off"')
    harness.create_clean("jira", "broken")
    harness.create_clean("servicenow", "duplicate")
    _name_duplicate(harness)
    first = harness.run("sync")
    assert first.code == 0, first.err
    before = harness.tables()
    assert harness.run("sync").code == 0
    assert harness.tables() == before
    harness.play_event(
        "servicenow",
        "duplicate",
        Fill({"action_text": "Do the missing review and name a deputy", "due_at": Day(-60)}),
    )
    harness.play_event("servicenow", "duplicate", ChangeStage("contained"))
    assert harness.run("sync").code == 0
    assert _states(harness) == {"jira": "open"}
    before = harness.tables()
    assert harness.run("sync").code == 0
    assert harness.tables() == before


def test_a_task_of_the_duplicate_is_an_action_of_the_primary(make_harness: MakeHarness) -> None:
    """A late task in the other tracker causes a warning on the primary, and its end clears it, in one sync each."""
    harness = make_harness("jira", "servicenow", rules=("action-overdue",))
    harness.create_clean("jira", "broken")
    harness.create_clean("servicenow", "duplicate")
    _name_duplicate(harness)
    harness.sync()
    harness.play_event("servicenow", "duplicate", AddAction("Print the wall plans", Day(5), "child", "priya.nair"))
    _a_day_later(harness)
    assert _states(harness) == {"jira": "open"}
    assert "Print the wall plans" in str([row["text"] for row in harness.rows("v_actions")])
    harness.play_event("servicenow", "duplicate", FinishAction(evidence="CHG0031"))
    _a_day_later(harness)
    assert _states(harness) == {"jira": "cleared"}
    assert harness.picture("jira", "broken")["labels"] == []


@pytest.mark.parametrize("order", [("servicenow", "jira"), ("jira", "servicenow")])
def test_the_daemon_warns_on_no_ticket_that_a_source_not_read_yet_may_name(
    make_harness: MakeHarness, order: tuple[str, str]
) -> None:
    """One source is read repeatedly before the other can be read once; `status` says what is awaited."""
    harness = make_harness(*order, rules=(RULE,))
    harness.servers["jira"].faults.add("proxy_error", times=None)
    harness.sync("--source", "servicenow")
    _name_from_creation(harness)
    with harness.daemon() as daemon:
        daemon.wait_for_cycles(2, ("servicenow",))
        assert _states(harness) == {"servicenow": "cannot_tell"}
        assert harness.writes() == []
        status = harness.run("status")
        assert "tickets of jira may name these as the same record" in status.out
        harness.servers["jira"].faults.clear()
        daemon.wait_for("cycle_finished", source="jira")
        daemon.wait_for_cycles(2, order)
        assert daemon.stop().code == 0
    assert _states(harness) == {}
    assert [row["source"] for row in harness.rows("v_register")] == [order[0]]
    assert harness.writes() == []
    assert "may name these" not in harness.run("status").out


def test_what_waited_for_the_other_source_is_judged_when_that_names_none_of_it(make_harness: MakeHarness) -> None:
    """A ticket without a duplicate gets its warning as soon as the other source was read."""
    harness = make_harness("servicenow", "jira", rules=(RULE,))
    harness.sync("--source", "servicenow")
    harness.create_broken("servicenow", "duplicate")
    harness.sync("--source", "servicenow")
    assert _states(harness) == {"servicenow": "cannot_tell"}
    harness.sync()
    assert _states(harness) == {"servicenow": "open"}
    assert harness.picture("servicenow", "duplicate")["state"] == "warning"


def test_the_duplicate_of_a_deleted_ticket_is_judged_by_itself(make_harness: MakeHarness) -> None:
    """In the same sync the remaining ticket gets its own warning, without a link to the deleted ticket."""
    harness = make_harness("jira", "servicenow", rules=(RULE,))
    _both_broken(harness)
    for number in range(3):
        harness.create_clean("jira", f"other {number}")
    harness.sync()
    _name_duplicate(harness)
    _a_day_later(harness)
    assert "judged together with" in harness.picture("servicenow", "duplicate")["text"]
    harness.cloud.as_user("admin").delete(harness.key("jira", "broken"))
    _a_day_later(harness)
    assert _states(harness)["servicenow"] == "open"
    picture = harness.picture("servicenow", "duplicate")
    assert picture["state"] == "warning"
    assert "judged together with" not in picture["text"]
    assert {row["source"] for row in harness.rows("v_register") if row["presence"] == "present"} == {
        "jira",
        "servicenow",
    }
    before = harness.writes()
    harness.sync()
    assert harness.writes() == before


def test_a_ticket_that_is_visible_again_is_the_primary_again(make_harness: MakeHarness) -> None:
    """A ticket that was hidden and is shown again has the record in the same sync; its duplicate names it."""
    harness = make_harness("jira", "servicenow", rules=(RULE,))
    _both_broken(harness)
    for number in range(3):
        harness.create_clean("jira", f"other {number}")
    _name_duplicate(harness)
    harness.sync()
    key = harness.key("jira", "broken")
    harness.cloud.admin.hide(key, hidden=True)
    _a_day_later(harness)
    assert _states(harness)["servicenow"] == "open"
    harness.cloud.admin.hide(key, hidden=False)
    _a_day_later(harness)
    assert _states(harness) == {"jira": "open", "servicenow": "cleared"}
    assert f"judged together with {key}" in harness.picture("servicenow", "duplicate")["text"]
