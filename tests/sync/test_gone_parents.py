"""An action whose record is gone or out of scope stays what the census found, however often polls see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from capa_sync.model.ticket import Presence
from tests.sync.equal import assert_equal
from tests.sync.story import SCOPE
from tests.sync.users import PARTS, JiraUserDriver, UserDriver, users_on
from tests.sync.world import JIRAS, SOURCES, World, open_world


@dataclass
class Family:
    """A record and its action, which is the ticket that was touched last."""

    world: World
    users: UserDriver
    record: str
    part: str

    def settle(self) -> None:
        """Let the census find what happened, and a second one confirm it."""
        for _ in range(3):
            self.world.cycle(hours=1)

    def presence(self) -> Presence:
        """The presence of the action in the mirror."""
        return self.world.presence(self.part)

    def changed(self, *, hours: int = 1) -> set[tuple[int, str]]:
        """What changes in some hours of polls every twenty minutes: number of the poll, table."""
        found, before = set[tuple[int, str]](), self._rows()
        for poll in range(3 * hours):
            self.world.cycle(minutes=20)
            after = self._rows()
            found |= {(poll, table) for table in after if after[table] != before[table]}
            before = after
        return found

    def _rows(self) -> dict[str, Any]:
        """Every row, but of the accounts, about which the tracker is asked once a day."""
        tables = self.world.runtime.register.rows_by_table()
        return {table: rows for table, rows in tables.items() if table != "tracker_account"}


@contextmanager
def family(folder: Path, source: str, *, linked: bool = False) -> Iterator[Family]:
    """Five records, two of them with an action, and the newest action of all: a sub-task, child or linked ticket."""
    with open_world(folder, source, query=SCOPE) as world:
        users = users_on(world.only)
        for number in range(5):
            users.create(f"ticket {number}")
            world.later(minutes=1)
        records = users.records()
        for record in records[:2]:
            users.create_part(record, "an older action")
        while source in JIRAS and linked == bool(len(users.ids()) % 3):  # which kind the driver makes depends on it
            users.create("one more")
        world.later(minutes=1)
        before = set(users.ids())
        users.create_part(records[4], "the newest action")
        [part] = set(users.ids()) - before
        world.later(minutes=30)
        world.cycle()
        world.cycle(hours=1)
        assert world.presence(part) is Presence.PRESENT
        yield Family(world, users, records[4], part)


GOING: dict[str, Callable[[UserDriver, str], None]] = {
    "leaves the query": lambda users, record: users.leave(record, 2),
    "is hidden": lambda users, record: users.hide(record),
    "is deleted": lambda users, record: users.delete(record),
}
COMING: dict[str, Callable[[UserDriver, str], None]] = {
    "leaves the query": lambda users, record: users.leave(record, 1),
    "is hidden": lambda users, _record: users.show_all(),
}
KINDS = [*((source, False) for source in SOURCES), *((source, True) for source in JIRAS)]
of_each_kind = pytest.mark.parametrize(("source", "linked"), KINDS)


@of_each_kind
@pytest.mark.parametrize("how", GOING)
def test_the_newest_action_of_a_record_that_is_gone_stays_gone(
    source: str, linked: bool, how: str, tmp_path: Path
) -> None:
    """Two hours of polls over an unchanged tracker change no row; nor does the poll after a full read."""
    with family(tmp_path, source, linked=linked) as it:
        GOING[how](it.users, it.record)
        it.settle()
        found = it.presence()
        assert it.changed(hours=2) == set()
        it.world.cycle(full=True)
        it.world.cycle(hours=1)
        assert it.presence() is found
        assert it.changed() == set()


@of_each_kind
@pytest.mark.parametrize("how", COMING)
def test_an_action_edited_meanwhile_comes_back_with_its_record_alone(
    source: str, linked: bool, how: str, tmp_path: Path
) -> None:
    """An edit does not bring it back, also when a hint names it; its record does, with all that happened by then."""
    with family(tmp_path, source, linked=linked) as it:
        GOING[how](it.users, it.record)
        it.settle()
        found = it.presence()
        it.users.edit(it.part, "edited meanwhile", 0)
        it.world.cycle(minutes=5)
        tickets, context = it.world.runtime.register.tickets, it.world.runtime.contexts[source]
        hinted = context.source.read_hinted([it.part], tickets.cursor(source))
        assert [reading.ticket.id for reading in hinted.readings if found is not Presence.PRESENT] == []
        it.world.cycle(hours=1)
        assert it.presence() is found
        assert it.changed() == set()
        COMING[how](it.users, it.record)
        it.settle()
        assert_equal(it.world, it.users)
        assert it.changed() == set()


@pytest.mark.parametrize(("source", "linked"), [kind for kind in KINDS if kind[0] == "servicenow" or kind[1]])
def test_the_newest_action_that_no_record_has_any_more_stays_out(source: str, linked: bool, tmp_path: Path) -> None:
    """The record stays, and lets its action go; given to another record the action is there at once."""
    with family(tmp_path, source, linked=linked) as it:
        other = it.users.records()[3]
        if isinstance(it.users, JiraUserDriver):
            it.users.unlink(it.users.links()[-1])
        else:
            it.users.person(0).update(PARTS, it.part, {"issue": ""})
        it.settle()
        assert it.changed(hours=2) == set()
        if isinstance(it.users, JiraUserDriver):
            it.users.link(it.part, "Resolves", other)
        else:
            it.users.adopt(it.part, other)
        it.world.cycle(minutes=1)
        assert_equal(it.world, it.users)
        it.settle()
        assert it.changed() == set()
