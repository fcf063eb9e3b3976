"""Tickets read or stored in a batch equal tickets read or stored one by one."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.model.ticket import Presence, Role
from capa_sync.model.write import WriteState
from capa_sync.store import Register
from tests.unit.store.fake_parser import MINUTE, OTHER, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.store.writes import write


def fill(register: Register) -> list[str]:
    """Mirror a parent with children named by id, by key and by themselves, a hidden child, and a single ticket."""
    parent = FakeTicket("1", "CAPA-1", {"cause": "x"})
    parent.children = [
        ["2", "CAPA-2", "subtask", ""],
        ["", "CAPA-3", "link", "solved by"],
        ["9", "GONE-9", "link", ""],
    ]
    parent.edit(T0 + MINUTE, cause="y")
    own, alone = FakeTicket("4", "CAPA-4", parent="1"), FakeTicket("5", "CAPA-5")
    actions = [fake.reading(Role.ACTION) for fake in (FakeTicket("2", "CAPA-2"), FakeTicket("3", "CAPA-3"), own)]
    run = register.runs.start(SOURCE, "poll", T0)
    register.tickets.commit_page(SOURCE, page(parent.reading(), *actions, alone.reading()), T0, run, PARSER)
    alone.key, alone.fields = "NEW-5", {"cause": "z"}
    register.tickets.commit_page(SOURCE, page(alone.reading()), T0 + MINUTE, run, PARSER)
    other = FakeTicket("4", "ELSE-4", parent="1").reading(Role.ACTION)
    other = replace(other, ticket=replace(other.ticket, source="other"))
    register.tickets.commit_page("other", page(other), T0, run, OTHER)
    register.tickets.set_presence(SOURCE, "2", Presence.ACCESS_LOST, "", T0)
    return ["1", "5", "404"]


def test_a_batch_answers_as_the_store_does(register: Register) -> None:
    """Tickets, presences, children and keys are the same for requested tickets, their children, and others."""
    wanted = fill(register)
    batch = register.batch(SOURCE, wanted, PARSER)
    for source, parser in ((SOURCE, PARSER), ("other", OTHER)):
        for name in (*wanted, "2", "3", "4", "9", "CAPA-3"):
            assert batch.ticket(source, name, parser) == register.tickets.ticket(source, name, parser), name
            assert batch.presence(source, name) == register.tickets.presence(source, name), name
            assert batch.children_of(source, name) == register.tickets.children_of(source, name), name
            assert batch.key(source, name) == register.tickets.key(source, name), name
    assert batch.children_of(SOURCE, "1") == ["2", "3", "4"]


def test_due_actions_are_the_due_tickets_that_are_actions_alone(register: Register) -> None:
    """Records and tickets that are not due yet are not among them."""
    fill(register)
    register.queue.want_judging(SOURCE, ["1", "2", "404"], T0)
    register.queue.want_judging(SOURCE, ["3"], T0 + MINUTE)
    assert register.queue.due_actions(SOURCE, T0) == ["2"]


def test_numbers_given_together_rise_in_order_and_are_kept(register: Register) -> None:
    """Each year counts on its own; a ticket that has a number keeps it."""
    register.records.give_numbers(SOURCE, {"b": 2026, "a": 2026, "c": 2025})
    register.records.give_numbers(SOURCE, {"a": 2027, "d": 2026})
    numbers = {ticket_id: register.records.register_no(SOURCE, ticket_id, 2030) for ticket_id in "abcd"}
    assert numbers == {"b": "NC-2026-0001", "a": "NC-2026-0002", "c": "NC-2025-0001", "d": "NC-2026-0003"}


def test_of_two_writes_stored_together_the_later_of_a_kind_replaces_the_earlier(register: Register) -> None:
    """It does not matter that the ticket had no write before."""
    first, second = write("w1"), write("w2")
    register.outbox.put([first, second])
    states = {stored.id: (stored.state, stored.error) for stored in register.outbox.writes("jira", "1")}
    assert states[second.id] == (WriteState.PENDING, "")
    assert states[first.id] == (WriteState.WITHHELD, "replaced")
