"""Digests are equal while nothing that a ticket's record depends on changes, and differ as soon as any of it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from capa_sync.model.ticket import Presence, Reading, Role
from capa_sync.store import Register
from tests.unit.store.fake_parser import DAY, MINUTE, OTHER, PARSER, SOURCE, T0, FakeTicket, page


class World:
    """A record with a child of each kind and one that is not mirrored, a single record, and another source."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.parent = FakeTicket("1", "CAPA-1", {"cause": "x"})
        self.parent.children = [
            ["2", "CAPA-2", "subtask", ""],
            ["", "CAPA-3", "link", "solved by"],
            ["9", "GONE-9", "link", ""],
        ]
        self.by_id, self.by_key, self.by_itself = (
            FakeTicket("2", "CAPA-2"),
            FakeTicket("3", "CAPA-3"),
            FakeTicket("4", "X", parent="1"),
        )
        self.alone = FakeTicket("5", "CAPA-5")
        self.read(self.parent, self.alone)
        self.read(self.by_id, self.by_key, self.by_itself, role=Role.ACTION)
        other = FakeTicket("2", "CAPA-3", parent="1").reading()
        self.elsewhere(replace(other, ticket=replace(other.ticket, source="other")))

    def read(self, *fakes: FakeTicket, role: Role = Role.RECORD) -> None:
        """Read fake tickets as they are now."""
        run = self.register.runs.start(SOURCE, "poll", T0)
        self.register.tickets.commit_page(SOURCE, page(*(fake.reading(role) for fake in fakes)), T0, run, PARSER)

    def elsewhere(self, reading: Reading) -> None:
        """Read a ticket of another source."""
        self.register.tickets.commit_page(
            "other", page(reading), T0, self.register.runs.start("other", "poll", T0), OTHER
        )

    def digests(self) -> dict[str, bytes]:
        """Return the digests of both records, and of a ticket that is not mirrored."""
        return self.register.digests(SOURCE, ["1", "5", "404"])


@pytest.fixture
def world(register: Register) -> World:
    """Return the world after everything was read once."""
    return World(register)


def test_each_mirrored_ticket_has_a_digest_and_no_other(world: World) -> None:
    """No two tickets have the same digest; an empty request gives no digest."""
    digests = world.digests()
    assert set(digests) == {"1", "5"}
    assert digests["1"] != digests["5"]
    assert world.register.digests(SOURCE, []) == {}
    assert world.register.digests("nowhere", ["1"]) == {}


def test_digests_are_the_same_one_by_one_and_together(world: World) -> None:
    """The other requested tickets do not matter."""
    assert world.register.digests(SOURCE, ["1"]) | world.register.digests(SOURCE, ["5"]) == world.digests()


def nothing(_world: World) -> None:
    """Change nothing."""


def read_again(world: World) -> None:
    """Read everything unchanged."""
    world.read(world.parent, world.alone)
    world.read(world.by_id, world.by_key, world.by_itself, role=Role.ACTION)


def known_presence(world: World) -> None:
    """Run a census that finds every ticket in its known presence."""
    for ticket_id in ("1", "2", "5"):
        world.register.tickets.set_presence(SOURCE, ticket_id, Presence.PRESENT, "", T0 + DAY)


def unrelated_ticket(world: World) -> None:
    """Add a ticket of no record, which is quarantined."""
    world.read(FakeTicket("6", "CAPA-6", parent="7"))
    world.register.tickets.quarantine(SOURCE, "6", ["no kind"])


def namesakes(world: World) -> None:
    """In another source, edit a ticket with a child's id and add one with a child's key and parent."""
    fake, other = FakeTicket("2", "ELSE-2"), FakeTicket("88", "CAPA-3", parent="1")
    fake.edit(T0 + MINUTE, cause="z")
    for reading in (fake.reading(), other.reading()):
        world.elsewhere(replace(reading, ticket=replace(reading.ticket, source="other")))


@pytest.mark.parametrize("event", [nothing, read_again, known_presence, unrelated_ticket, namesakes])
def test_a_digest_is_the_same_while_nothing_of_the_record_changes(
    world: World, event: Callable[[World], None]
) -> None:
    """Reading known content again is no change, and neither are changes of other tickets."""
    before = world.digests()
    event(world)
    assert world.digests() == before


def edited(world: World, fake: FakeTicket, role: Role) -> None:
    """Change a field."""
    fake.edit(T0 + MINUTE, cause="y")
    world.read(fake, role=role)


def edited_silently(world: World, fake: FakeTicket, role: Role) -> None:
    """Change a field without a history entry or another `updated`."""
    fake.fields = {"cause": "silent"}
    world.read(fake, role=role)


def commented(world: World, fake: FakeTicket, role: Role) -> None:
    """Add a comment."""
    fake.comment(T0 + MINUTE, "Seen")
    world.read(fake, role=role)


def edited_and_back(world: World, fake: FakeTicket, role: Role) -> None:
    """Change a field, read, change it back and read: history is distinguished, and versions are only added."""
    before = fake.reading(role)
    edited_silently(world, fake, role)
    run = world.register.runs.start(SOURCE, "poll", T0)
    world.register.tickets.commit_page(SOURCE, page(before), T0, run, PARSER)


def vanished(world: World, fake: FakeTicket, _role: Role) -> None:
    """Run a census that finds it gone, at the very instant at which it was read."""
    world.register.tickets.set_presence(SOURCE, fake.id, Presence.DELETED, "410", T0)


def gone_and_back(world: World, fake: FakeTicket, role: Role) -> None:
    """Hide it for an hour."""
    world.register.tickets.set_presence(SOURCE, fake.id, Presence.ACCESS_LOST, "", T0 + MINUTE)
    world.register.tickets.set_presence(SOURCE, fake.id, Presence.PRESENT, "", T0 + 2 * MINUTE)


def in_the_other_role(world: World, fake: FakeTicket, role: Role) -> None:
    """Give it the other role."""
    other = Role.RECORD if role is Role.ACTION else Role.ACTION
    world.register.roles.assign(SOURCE, {fake.id: other}, T0)


EVENTS = [edited, edited_silently, commented, edited_and_back, vanished, gone_and_back, in_the_other_role]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    ("name", "owner"), [("parent", "1"), ("alone", "5"), ("by_id", "1"), ("by_key", "1"), ("by_itself", "1")]
)
def test_every_change_of_a_ticket_changes_the_digest_of_its_record_and_no_other(
    world: World, event: Callable[[World, FakeTicket, Role], None], name: str, owner: str
) -> None:
    """This holds for the record itself, and for each child, however it is known as one."""
    before = world.digests()
    event(world, getattr(world, name), Role.RECORD if name in ("parent", "alone") else Role.ACTION)
    after = world.digests()
    assert {ticket_id for ticket_id in after if after[ticket_id] != before[ticket_id]} == {owner}


@pytest.mark.parametrize(
    "fake",
    [FakeTicket("9", "NEW-9"), FakeTicket("7", "CAPA-7", parent="1")],
    ids=["named before", "names its parent"],
)
def test_a_new_child_changes_the_digest_of_its_record(world: World, fake: FakeTicket) -> None:
    """The children are one that was named and not mirrored, and one that was not named."""
    before = world.digests()
    world.read(fake, role=Role.ACTION)
    assert world.digests()["1"] != before["1"]
    assert world.digests()["5"] == before["5"]


def test_a_child_that_gets_another_key_changes_the_digest_of_its_record(world: World) -> None:
    """A child known by its key alone is no child under another key; a ticket that takes the key is one."""
    before = world.digests()
    world.by_key.key = "MOVED-3"
    world.read(world.by_key, role=Role.ACTION)
    without = world.digests()
    world.read(FakeTicket("8", "CAPA-3"), role=Role.ACTION)
    assert len({before["1"], without["1"], world.digests()["1"]}) == 3
    assert world.digests()["5"] == before["5"]


def test_a_child_counts_though_its_parent_is_mirrored_later(world: World) -> None:
    """Tickets come in any order."""
    world.read(FakeTicket("21", "CAPA-21", parent="20"), role=Role.ACTION)
    world.read(FakeTicket("20", "CAPA-20"))
    before = world.register.digests(SOURCE, ["20"])
    world.read(FakeTicket("22", "CAPA-22", parent="20"), role=Role.ACTION)
    assert world.register.digests(SOURCE, ["20"]) != before
