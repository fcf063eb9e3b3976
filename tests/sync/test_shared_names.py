"""Data Center with two fields of one name: only rules that read that name cannot tell, and this is reported."""

from __future__ import annotations

from pathlib import Path

from capa_sync.daemon.explaining import explain_ticket
from capa_sync.model.ticket import Role
from capa_sync.sandbox.stories.jira_site import site_lines
from tests.sync.equal import assert_rebuilt
from tests.sync.users import JiraUserDriver, users_on
from tests.sync.world import World, open_world

BY_ID = "root_cause: {field: Root cause, template"
DEPENDENT = {"root-cause-before-action"}
"""Shipped rules of the standard profile that read the history of the cause."""


def _second_field(world: World, users: JiraUserDriver, name: str) -> None:
    """Create a field of that name as an administrator, or give the second field that name."""
    [line] = [
        line for line in site_lines("datacenter") if line.get("name") == "Root cause" and line["kind"] == "field"
    ]
    users.tracker.load([{**line, "id": "customfield_19999", "key": "customfield_19999", "name": name}])
    world.cycle(days=1)  # the next census requests the tracker's fields again


def _outcomes(world: World, ticket: str) -> dict[str, str]:
    rows = world.runtime.register.rows_by_table()["verdict"]
    return {row[2]: row[3] for row in rows if row[1] == ticket}


def test_only_the_rules_over_that_field_cannot_tell_with_the_reason_and_the_way_out(tmp_path: Path) -> None:
    """Only on a ticket whose cause was edited; until the second field gets another name."""
    with open_world(tmp_path, "jira-dc", rules=None) as world:
        users = users_on(world.only)
        assert isinstance(users, JiraUserDriver)
        field = users.ids_of["Root cause"]
        world.resettle("jira-dc", mapping={BY_ID: BY_ID.replace("Root cause", field)})
        for _ in range(2):
            users.create("a word")
        edited, untouched = users.records()
        users.edit(edited, "Nobody owned the list of leavers, so none was told", 0)
        for ticket in (edited, untouched):
            users.create_part(ticket, "Name an owner")
            users.save_many(ticket, "", 1) if ticket == untouched else users.edit(ticket, "another title", 1)
        _second_field(world, users, "Root cause")
        first = {ticket: _outcomes(world, ticket) for ticket in (edited, untouched)}
        unsure = {rule for rule, outcome in first[edited].items() if outcome == "cannot_tell"}
        assert "root-cause-before-action" in unsure
        assert unsure <= DEPENDENT
        [row] = world.view("v_tickets", ticket_id=edited)
        assert row["history_complete"] == 0
        assert field in row["history_gap"]
        assert "rename the other field" in row["history_gap"]
        assert world.health()["gaps"] == 1
        reasons = {v["rule"]: v["reason"] for v in world.view("v_findings", ticket_id=edited, state="cannot_tell")}
        assert "rename the other field" in reasons["root-cause-before-action"]
        [explanation] = explain_ticket(world.runtime, edited, world.runtime.clock.now())
        assert any("root_cause cannot tell" in note for note in explanation.notes)
        assert_rebuilt(world)

        _second_field(world, users, "Cause of old")
        then = {ticket: _outcomes(world, ticket) for ticket in (edited, untouched)}
        assert "cannot_tell" not in {*then[edited].values(), *then[untouched].values()}
        for ticket, outcomes in then.items():
            assert {rule for rule in outcomes if outcomes[rule] != first[ticket][rule]} <= DEPENDENT
        assert {row["history_complete"] for row in world.view("v_tickets")} == {1}
        assert {world.runtime.register.tickets.roles("jira-dc")[t] for t in (edited, untouched)} == {Role.RECORD}
        assert_rebuilt(world)
