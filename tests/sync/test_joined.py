"""Joined records, after any order of events: `rebuild` changes nothing, and nothing is left of what a ticket was."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from capa_sync.cli.app import main
from tests.sync.equal import assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.story import ACTION_ONLY, SCOPE
from tests.sync.users import RECORDS, JiraUserDriver, ServiceNowUserDriver, users_on
from tests.sync.world import SECRETS, World, open_world

NUMBER = "ServiceNow number"
JOIN = {f"# same_as: {{field: {NUMBER}, source: servicenow}}": f"same_as: {{field: {NUMBER}, source: servicenow}}"}
WITHIN = {next(iter(JOIN)): f"same_as: {{field: {NUMBER}, source: jira}}"}
"""Names the duplicate in the same Jira."""
OF_RECORDS = ("register_row", "birth", "verdict", "action", "disagreement", "similar_key", "waiver_standing")
"""Tables about records: an action, or a ticket that another one speaks for, has no row in them."""


@dataclass
class Pair:
    """A Jira ticket, its duplicate, and a third ticket that may take the first as its action."""

    world: World
    jira: JiraUserDriver
    snow: ServiceNowUserDriver
    first: str
    third: str
    other: str
    source: str
    link: str = ""

    def name_other(self, *, is_named: bool = True) -> None:
        """Let the first ticket name its duplicate, or no longer."""
        self.jira.person(0).edit(self.jira.key(self.first), {NUMBER: self.other_key if is_named else None})

    @property
    def other_key(self) -> str:
        """The key of the duplicate."""
        row: Any = None if self.source == "jira" else self.snow.tracker.find(RECORDS, self.other)
        return str(row["number"]) if row else self.jira.key(self.other)

    def others(self) -> JiraUserDriver | ServiceNowUserDriver:
        """Who works on the duplicate."""
        return self.jira if self.source == "jira" else self.snow

    def become_action(self) -> None:
        """Link the first ticket to the third, which makes it an action alone; or take the link away."""
        if self.link:
            self.jira.unlink(self.link)
            self.link = ""
        else:
            self.link = self.jira.link(self.first, "Resolves", self.third)

    def show_all(self) -> None:
        """Show all tickets to our account again."""
        self.jira.show_all()
        self.snow.show_all()

    def births(self) -> int:
        """How many values at its creation the duplicate has."""
        return len(self.world.view("v_changes", source=self.source, ticket_id=self.other, origin="birth"))

    def verify(self) -> int:
        """The exit code of `verify --derived`."""
        self.world.runtime.register.close()
        now = self.world.clock.now().isoformat()
        settings = str(self.world.folder / "capa-sync.toml")
        with pytest.raises(SystemExit) as ended:
            main(["verify", "--derived", "--config", settings, "--test-clock", now])
        self.world.start()
        return int(ended.value.code or 0)

    def assert_in_order(self) -> None:
        """`rebuild` changes nothing, and only records have rows of records."""
        assert_rebuilt(self.world)
        tables = self.world.runtime.register.rows_by_table()
        records = {row[:2] for row in tables["register_row"]}
        for table in OF_RECORDS:
            assert {row[:2] for row in tables[table]} <= records, table


@contextmanager
def pair(folder: Path, source: str = "servicenow") -> Iterator[Pair]:
    """A pair that is not joined yet; the mapping joins, and makes a linked ticket an action alone."""
    query = {name: SCOPE[name] for name in ("jira", "servicenow")}
    with open_world(folder, "jira", "servicenow", query=query, mode="on") as world:
        world.resettle("jira", mapping={**(WITHIN if source == "jira" else JOIN), **ACTION_ONLY})
        jira, snow = users_on(world.sites["jira"]), users_on(world.sites["servicenow"])
        assert isinstance(jira, JiraUserDriver)
        assert isinstance(snow, ServiceNowUserDriver)
        for word in ("first", "third", "other"):
            jira.create(word)
        snow.create("other")
        first, third, other = jira.records()
        [row] = snow.records()
        snow.create("another")  # a table that shows none of its rows would be closed to us
        for users, ticket in ((jira, first), (jira, third), (jira, other), (snow, row)):
            users.create_part(ticket, "an action without a cause")
        yield Pair(world, jira, snow, first, third, other if source == "jira" else row, source)


def test_a_joined_ticket_has_no_values_at_creation_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it was joined, and whether `rebuild` ran or not; once it stands alone again, it has them again."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    with pair(tmp_path) as it:
        it.world.cycle()
        alone = it.births()
        assert alone > 0
        it.name_other()
        it.world.cycle(minutes=5)
        it.world.cycle(hours=25)
        assert it.births() == 0
        assert it.verify() == 0
        it.assert_in_order()
        it.name_other(is_named=False)
        it.world.cycle(minutes=5)
        assert it.births() == alone
        assert it.verify() == 0
        it.assert_in_order()


def test_a_ticket_joined_before_its_first_read_has_none_either(tmp_path: Path) -> None:
    """The order of events makes no difference."""
    with pair(tmp_path) as it:
        it.name_other()
        it.world.cycle()
        it.world.cycle(minutes=5)
        assert it.births() == 0
        it.assert_in_order()


def test_verify_notices_values_at_creation_that_rebuild_does_not_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a register has them in which tickets were joined by a version before this one."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    with pair(tmp_path) as it:
        it.world.cycle()
        records = it.world.runtime.register.records
        rows = [row for row in it.world.runtime.register.rows_by_table()["birth"] if row[1] == it.other]
        it.name_other()
        it.world.cycle(minutes=5)
        records.replace_births(it.source, {it.other: rows})
        assert it.verify() == 5
        assert f"birth of {it.other_key} of servicenow: `rebuild` makes no such row" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["servicenow", "jira"])
def test_our_text_on_the_other_ticket_has_the_present_key(source: str, tmp_path: Path) -> None:
    """The ticket that carries the record is moved: the text has its key of now, and `rebuild` has nothing to plan."""
    with pair(tmp_path, source) as it:
        it.world.cycle()  # a warning of its own, which the text replaces
        it.name_other()
        it.world.cycle(minutes=5)
        it.world.cycle(minutes=5)
        it.jira.leave(it.first, 1)
        it.world.cycle(minutes=5)
        it.world.cycle(minutes=5)
        [text] = ours_on(it.others(), it.other).texts
        assert f"judged together with {it.jira.key(it.first)}" in text
        it.assert_in_order()
        sent = len(it.world.writes(source))
        it.jira.edit(it.first, "another title", 1)
        it.world.cycle(hours=25)
        assert [write for write in it.world.writes(source)[sent:] if it.other in write] == []


@pytest.mark.parametrize("source", ["servicenow", "jira"])
@pytest.mark.parametrize("how", ["is hidden", "is deleted"])
def test_a_record_whose_other_ticket_is_gone_is_judged_without_it(how: str, source: str, tmp_path: Path) -> None:
    """The ticket that carries the record did not change itself: what it took from the other one goes all the same."""
    with pair(tmp_path, source) as it:
        it.name_other()
        it.world.cycle()
        it.world.cycle(hours=25)
        assert it.world.view("v_disagreements", ticket_id=it.first) != []
        (it.others().hide if how == "is hidden" else it.others().delete)(it.other)
        it.world.cycle(hours=25)
        it.world.cycle(hours=25)
        assert it.world.view("v_disagreements", ticket_id=it.first) == []
        it.assert_in_order()


DEEDS: dict[str, Callable[[Pair, int], None]] = {
    "name": lambda it, _: it.name_other(),
    "name no longer": lambda it, _: it.name_other(is_named=False),
    "move": lambda it, number: it.jira.leave(it.first, number),
    "action": lambda it, _: it.become_action(),
    "edit": lambda it, number: it.jira.edit(it.first, f"word {number}", number),
    "edit the other": lambda it, number: it.others().edit(it.other, f"word {number}", number),
    "the other leaves": lambda it, number: it.others().leave(it.other, number),
    "hide": lambda it, _: it.jira.hide(it.first),
    "hide the other": lambda it, _: it.others().hide(it.other),
    "show": lambda it, _: it.show_all(),
    "wait": lambda it, _: it.world.later(days=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("source", ["servicenow", "jira"])
@pytest.mark.parametrize("order", range(6))
def test_after_any_order_of_events_rebuild_changes_nothing(order: int, source: str, tmp_path: Path) -> None:
    """A dozen orders of joining, moving, hiding and becoming an action; the same at each run."""
    chance = random.Random(f"{order} {source}")  # noqa: S311 - the same events at each run
    with pair(tmp_path, source) as it:
        it.world.cycle()
        for number in range(10):
            DEEDS[chance.choice(list(DEEDS))](it, chance.randrange(6))
            it.world.cycle(**chance.choice([{"minutes": 5}, {"hours": 2}, {"hours": 25}]))
            if number % 2:
                it.assert_in_order()
