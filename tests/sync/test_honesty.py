"""What is not known is reported: as-of, cannot tell, observed since when, and anomalies as numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.explaining import explain_ticket
from capa_sync.sandbox.stories.script import AddAction, Create, Fill
from tests.sync.world import SOURCES, World, open_world

ORDER = "root-cause-before-action"


def at(instant: datetime) -> str:
    """An instant as the views write it."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def outcome(world: World, story: str) -> str:
    """The present verdict on the order of cause and action."""
    ticket = world.only.id_of(story)
    found = world.view("v_findings", ticket_id=ticket, rule=ORDER)
    return str(found[0]["state"]) if found else "ok"


@pytest.mark.parametrize("source", SOURCES)
def test_every_row_says_as_of_when_and_it_stands_still_while_nothing_can_be_read(source: str, tmp_path: Path) -> None:
    """Register, sources, tickets and status name the instant of the last complete read, not of the last attempt."""
    with open_world(tmp_path, source) as world:
        world.only.play("one", Create({"title": "One", "grade": "minor"}))
        world.cycle()
        read = world.clock.now()
        world.only.server.faults.add("html", times=None)
        world.try_cycle(hours=3)
        [row] = world.view("v_register")
        [source_row] = world.view("v_sources")
        assert row["as_of"] == source_row["as_of"] == source_row["last_success_at"] == row["synced_at"] == at(read)
        assert [ticket["seen_at"] for ticket in world.view("v_tickets")] == [at(read)]
        health = world.health()
        assert health["as_of"] == read
        assert health["age_s"] == health["since_success_s"] == timedelta(hours=3).total_seconds()
        assert health["is_stale"]


def test_without_audit_rights_our_own_observation_counts_from_its_first_day(tmp_path: Path) -> None:
    """Each ticket says since when; later changes are marked observed; rules cannot tell what happened before."""
    with open_world(tmp_path, "servicenow") as world:
        world.only.settings(audit_readable=False)
        for story in ("before", "since"):
            world.only.play(story, Create({"title": story, "grade": "minor", "owner": "anna.lee"}))
            world.only.play(story, AddAction("Do something", None))
        world.only.play("before", Fill({"root_cause": "Nobody was named as deputy"}))
        world.later(days=3)
        world.cycle()
        first = world.clock.now()
        world.only.play("since", Fill({"root_cause": "Nobody was named as deputy"}))
        world.cycle(hours=1)
        assert {row["history_from"] for row in world.view("v_tickets")} == {at(first)}
        assert not any(row["history_complete"] for row in world.view("v_tickets"))
        assert world.view("v_changes", origin="history") == []
        [row] = world.view("v_changes", origin="observed")
        assert (row["field_id"], row["to_value"]) == ("u_root_cause", "Nobody was named as deputy")
        # what existed at the first read has no order; later changes were observed in order
        assert (outcome(world, "before"), outcome(world, "since")) == ("cannot_tell", "open")
        assert world.health()["gaps"] == 2


def test_a_history_that_cannot_be_read_whole_makes_temporal_rules_cannot_tell(tmp_path: Path) -> None:
    """One audit row is hidden: its ticket's order is unknown, the other's is known; with the right back, both are."""
    with open_world(tmp_path, "servicenow") as world:
        for story in ("whole", "cut"):
            world.only.play(story, Create({"title": story, "grade": "minor", "owner": "anna.lee"}))
            world.only.play(story, Fill({"root_cause": "Nobody was named as deputy"}))
            world.later(minutes=1)
            world.only.play(story, AddAction("Name one", None))
        [first, *_] = world.only.tracker.rows("sys_audit", f"documentkey={world.only.id_of('cut')}")
        world.only.settings(hidden_rows=[first["sys_id"]])
        world.cycle()
        assert (outcome(world, "whole"), outcome(world, "cut")) == ("ok", "cannot_tell")
        assert world.health()["gaps"] == 1
        world.only.settings(hidden_rows=[])
        world.cycle(full=True)
        assert (outcome(world, "whole"), outcome(world, "cut")) == ("ok", "ok")
        assert world.health()["gaps"] == 0


@pytest.mark.parametrize("source", SOURCES)
def test_an_explanation_says_as_of_when(source: str, tmp_path: Path) -> None:
    """`explain` names the instant that its verdicts are for."""
    with open_world(tmp_path, source) as world:
        world.only.play("one", Create({"title": "One", "grade": "minor"}))
        world.cycle()
        read = world.clock.now()
        world.later(days=2)
        [explanation] = explain_ticket(world.runtime, world.only.player.address("one")[0], world.clock.now())
        assert f"as of {read:%Y-%m-%d %H:%M:%S}Z" in explanation.notes


@pytest.mark.parametrize("source", SOURCES)
def test_anomalies_are_numbers(source: str, tmp_path: Path) -> None:
    """The tracker's count beside ours, what a census found gone, back or unknown, and the time since success."""
    with open_world(tmp_path, source) as world:
        for number in range(8):
            world.only.play(f"story {number}", Create({"title": f"Ticket {number}", "grade": "minor"}))
            world.later(hours=1)
        world.only.hide("story 0")
        world.cycle()
        world.only.hide("story 1", "story 2")
        world.cycle(days=1)
        drift = world.health()["census_drift"]
        assert {name: drift[name] for name in ("gone", "returned", "strangers", "swept")} == {
            "gone": 2,
            "returned": 0,
            "strangers": 1,
            "swept": 6,
        }
        # ServiceNow counts rows before it hides some: the difference is reported, not hidden
        hidden = 2 if source == "servicenow" else 0
        assert (drift["told"], drift["unaccounted"]) == (6 + hidden, hidden)
        world.only.hide()
        world.cycle(days=1)
        assert world.health()["census_drift"]["returned"] == 2
        assert world.health()["tickets"] == 8
        assert world.health()["since_success_s"] == 0.0


@pytest.mark.parametrize("source", SOURCES)
def test_a_ticket_says_when_it_was_last_confirmed_to_be_where_it_is(source: str, tmp_path: Path) -> None:
    """A poll confirms only the tickets that it returns; a census confirms all; a doubtful census confirms none."""
    with open_world(tmp_path, source) as world:

        def confirmed() -> dict[str, str | None]:
            return {row["ticket_id"]: row["presence_confirmed_at"] for row in world.view("v_tickets")}

        for number in range(4):
            world.only.play(f"story {number}", Create({"title": f"Ticket {number}", "grade": "minor"}))
        tickets = {world.only.id_of(f"story {number}") for number in range(4)}
        world.cycle(hours=2)
        first = at(world.clock.now())
        assert confirmed() == dict.fromkeys(tickets, first)
        world.cycle(minutes=50)
        assert confirmed() == dict.fromkeys(tickets, first)
        world.cycle(minutes=10)
        assert confirmed() == dict.fromkeys(tickets, at(world.clock.now()))
        world.only.hide("story 0")
        world.cycle(hours=1)
        hidden, proven = world.only.id_of("story 0"), at(world.clock.now())
        assert set(confirmed().values()) == {proven}
        world.cycle(hours=1)
        checked = confirmed()[hidden]  # requested once more, and from then on once a day
        world.cycle(hours=1)
        assert confirmed() == {**dict.fromkeys(tickets, at(world.clock.now())), hidden: checked}
        [explanation] = explain_ticket(world.runtime, hidden, world.clock.now())
        assert any("deleted_or_hidden, confirmed" in note for note in explanation.notes)
        world.only.hide("story 0", "story 1", "story 2")
        world.cycle(hours=1)
        assert confirmed()[world.only.id_of("story 1")] is None
        [explanation] = explain_ticket(world.runtime, world.only.id_of("story 1"), world.clock.now())
        assert any("unobserved, not confirmed" in note for note in explanation.notes)
