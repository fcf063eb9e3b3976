"""The mirror at a past instant: the version that was read then, the presence of then, the site's facts of then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from capa_sync.model.site import Account, FieldDef, NameSeen, SiteFacts, StatusDef
from capa_sync.model.ticket import Presence
from capa_sync.store import POLL, Register
from tests.unit.store.fake_parser import DAY, MINUTE, PARSER, SOURCE, T0, FakeTicket, page

FACTS = SiteFacts(
    (FieldDef("c1", "Cause"),),
    (StatusDef("1", "Open"),),
    Account("us", "capa-sync", True),
    (Account("ana", "Ana", True), Account("us", "capa-sync", True)),
)


def read(register: Register, ticket: FakeTicket, at: datetime) -> None:
    """Read a ticket in a run of its own, which shows the source up to a minute before."""
    run = register.runs.start(SOURCE, POLL, at)
    register.tickets.commit_page(SOURCE, page(ticket.reading()), at, run, PARSER)
    register.runs.finish(run, at, ok=True, as_of=at - MINUTE)


def test_the_version_is_that_of_the_first_read_that_covers_the_instant(register: Register) -> None:
    """An instant between two reads has the later one, which shows it whole; before the first read it is the first."""
    ticket = FakeTicket("1", "CAPA-1", {"cause": "one"})
    read(register, ticket, T0 + DAY)
    ticket.edit(T0 + 2 * DAY - MINUTE * 5, cause="two")
    read(register, ticket, T0 + 2 * DAY)
    ticket.fields["cause"] = "three, without an entry"
    read(register, ticket, T0 + 3 * DAY)
    found = []
    for at in (T0, T0 + DAY, T0 + DAY + MINUTE, T0 + 2 * DAY - MINUTE, T0 + 2 * DAY):
        version = register.past(at).version(SOURCE, "1", PARSER)
        assert version is not None
        found.append((version.read_at - T0, version.ticket.values["cause"].text, len(version.ticket.changes)))
    three = "three, without an entry"
    assert found == [
        (DAY, "one", 0),
        (2 * DAY, "two", 1),
        (2 * DAY, "two", 1),
        (2 * DAY, "two", 1),
        (3 * DAY, three, 2),
    ]
    assert register.past(T0 + 3 * DAY).read_by(SOURCE) is None


def test_each_presence_is_known_from_when_to_when(register: Register) -> None:
    """There, gone, there again and gone: each lasted until the next; before the first read it was there."""
    ticket = FakeTicket("1", "CAPA-1")
    read(register, ticket, T0 + DAY)
    gone = Presence.OUT_OF_SCOPE
    register.tickets.set_presence(SOURCE, "1", gone, "", T0 + 2 * DAY)
    ticket.edit(T0 + 3 * DAY, cause="new")
    read(register, ticket, T0 + 3 * DAY)
    register.tickets.set_presence(SOURCE, "1", Presence.DELETED, "", T0 + 4 * DAY)
    then = [register.past(T0 + n * DAY).presence(SOURCE, "1") for n in range(6)]
    assert then == [Presence.PRESENT] * 2 + [gone, Presence.PRESENT, Presence.DELETED, Presence.DELETED]
    assert register.past(T0 + 2 * DAY + MINUTE).presence_since(SOURCE, "1") == T0 + 2 * DAY


def test_a_sites_facts_are_those_known_then(register: Register) -> None:
    """A renamed field, a status that came and an account that left are as they were at each instant."""
    register.facts.save(SOURCE, FACTS, T0 + DAY)
    left = (Account("ana", "Ana", False), Account("us", "capa-sync", True))
    second = replace(FACTS, statuses=(*FACTS.statuses, StatusDef("2", "Shut")), accounts=left)
    register.facts.save(SOURCE, second, T0 + 2 * DAY)
    third = replace(second, fields=(FieldDef("c1", "Root cause"),), absent_is_empty=False)
    register.facts.save(SOURCE, third, T0 + 3 * DAY)
    found = [register.facts.load_at(SOURCE, T0 + n * DAY, T0 + max(n, 1) * DAY) for n in range(5)]
    assert found == [(FACTS, False), (FACTS, True), (second, True), (third, True), (third, True)]


def test_names_that_custom_fields_took_or_lost_are_known_with_their_order_and_as_of_any_read(
    register: Register,
) -> None:
    """Renamed, renamed back, new, gone; not where the history has ids, nor system fields, nor what never changed."""

    def named(*fields: tuple[str, str]) -> SiteFacts:
        found = (FieldDef("c1", "Cause"), *(FieldDef(id_, name, custom=True) for id_, name in fields))
        return replace(FACTS, fields=found, history_has_ids=False)

    days = [
        [("a", "X"), ("b", "B"), ("z", "Z")],
        [("a", "Y"), ("b", "X"), ("z", "Z")],
        [("a", "X"), ("z", "Z"), ("n", "New")],
        [("a", "X"), ("z", "Z"), ("n", "New")],
    ]
    for day, fields in enumerate(days):
        register.facts.save(SOURCE, named(*fields), T0 + day * DAY)
    facts = register.facts.load(SOURCE)
    assert facts is not None
    first = [NameSeen("a", "X", 0), NameSeen("b", "B", 0)]
    numbers = sorted({seen.since for seen in facts.names_seen})
    assert len(numbers) == 3
    _, second, third = numbers
    swapped = [NameSeen("a", "Y", second), NameSeen("b", "X", second)]
    assert list(facts.names_seen) == [*first, *swapped, NameSeen("n", "New", third)]
    for day, known in enumerate(([], [*first, *swapped])):
        then = register.facts.load_at(SOURCE, T0 + day * DAY, T0 + day * DAY)
        assert then is not None
        assert list(then[0].names_seen) == known
    assert not register.facts.save(SOURCE, facts, T0 + 5 * DAY)
    register.facts.save(SOURCE, replace(named(*days[0]), history_has_ids=True), T0 + 6 * DAY)
    cloud = register.facts.load(SOURCE)
    assert cloud is not None
    assert cloud.names_seen == ()
