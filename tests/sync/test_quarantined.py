"""A quarantined ticket, whose answer can no longer be parsed or mapped, keeps its last state, also over a rebuild."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.rebuilding import judge_mirror, rebuild_derived
from capa_sync.errors import Skippable
from capa_sync.model.ticket import Page, Presence
from capa_sync.sources.jira import parse, values, whole
from capa_sync.sources.jira.parse import JiraParser
from capa_sync.sources.servicenow import assembly
from capa_sync.sources.servicenow.cells import value_of
from capa_sync.sources.servicenow.parse import ServiceNowParser
from capa_sync.sources.servicenow.parts import RECORD
from capa_sync.store.ticket_rows import DerivedRows
from capa_sync.store.tickets import Tickets
from tests.fuzz.spoiler import Spoiler, hostile, with_four_records
from tests.sync.equal import assert_same
from tests.sync.users import UserDriver, users_on
from tests.sync.world import JIRAS, SOURCES, World, open_world


def derived(world: World) -> dict[str, list[object]]:
    """Every row, without running numbers that nothing refers to."""
    found: dict[str, list[object]] = {}
    for name, rows in world.runtime.register.rows_by_table().items():
        bare = [row[1:] if name in ("child", "change") else row for row in rows]
        found[name] = sorted(bare, key=repr)
    return found


def with_an_odd_one(
    world: World, change: Callable[[Any], Any], who: str = "a record"
) -> tuple[UserDriver, Spoiler, str]:
    """Mirror four records with an action each; one record or action comes odd from its next edit on."""
    users, spoiler = with_four_records(world), Spoiler(world)
    victim = (users.records() if who == "a record" else users.parts())[0]
    spoiler.victim, spoiler.change = victim, change
    return users, spoiler, victim


def with_an_unreadable_one(world: World) -> tuple[UserDriver, str]:
    """Mirror four records, of which one is then edited and can no longer be read."""
    users, _, victim = with_an_odd_one(world, hostile("9 MB"))
    users.edit(victim, "touched", 1)
    world.cycle()
    assert set(world.runtime.register.tickets.unread(world.only.name)) == {victim}
    return users, victim


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("who", ["a record", "an action"])
def test_a_rebuild_keeps_it_quarantined(source: str, who: str, tmp_path: Path) -> None:
    """All tables are equal after a rebuild; the ticket is still present, and its open finding still open."""
    with open_world(tmp_path, source) as world:
        users, _, victim = with_an_odd_one(world, hostile("9 MB"), who)
        users.edit(victim, "touched", 1)
        world.cycle()
        world.cycle(hours=2)
        [row] = world.view("v_tickets", ticket_id=victim)
        assert "more than the" in str(row["quarantine_reason"])
        assert world.presence(victim) is Presence.PRESENT
        before = derived(world)
        rebuild_derived(world.runtime)
        assert derived(world) == before


def parked(row: dict[str, Any]) -> dict[str, Any]:
    """Put the ticket into a status that the mapping does not list."""
    if "fields" in row:
        return {**row, "fields": {**row["fields"], "status": {"id": "99999", "name": "Parked"}}}
    return {**row, "state": {"value": "99", "display_value": "Parked"}}


@pytest.mark.parametrize("source", SOURCES)
def test_one_that_the_mapping_cannot_place_keeps_all_that_was_known_of_it(source: str, tmp_path: Path) -> None:
    """Its findings stay open, its row stays, no check counts as made; a rebuild leaves every table as it was."""
    with open_world(tmp_path, source, mode="on", rules=None) as world:
        users, spoiler = with_four_records(world), Spoiler(world)
        victim = users.records()[0]
        world.cycle(days=60)
        known = [row for row in world.view("v_findings", ticket_id=victim) if row["state"] == "open"]
        [register_row] = [row for row in world.view("v_register") if row["ticket_key"] == known[0]["ticket_key"]]
        assert register_row["checks_made"]
        spoiler.victim, spoiler.change = victim, parked
        users.edit(victim, "touched", 1)
        world.cycle()
        world.cycle(hours=2)
        [row] = world.view("v_tickets", ticket_id=victim)
        assert "not listed" in str(row["quarantine_reason"])
        assert [row for row in world.view("v_findings", ticket_id=victim) if row["state"] == "open"] == known
        [kept] = [row for row in world.view("v_register") if row["ticket_key"] == known[0]["ticket_key"]]
        assert kept["title"] == register_row["title"]
        assert kept["checks_made"] == 0
        before = derived(world)
        rebuild_derived(world.runtime)
        assert derived(world) == before
        spoiler.victim = ""
        users.edit(victim, "touched again", 1)
        world.cycle()
        assert world.runtime.register.tickets.quarantined(source) == {}
        rebuilt = derived(world)
        rebuild_derived(world.runtime)
        assert derived(world) == rebuilt


@pytest.mark.parametrize("source", SOURCES)
def test_one_that_was_never_judged_is_not_quarantined_after_it_is_gone(source: str, tmp_path: Path) -> None:
    """Nobody has to list the status of a ticket that was deleted before it had a row in the register."""
    with open_world(tmp_path, source) as world:
        spoiler = Spoiler(world)
        users = users_on(world.only)
        users.create("parked from the first day")
        [victim] = users.records()
        spoiler.victim, spoiler.change = victim, parked
        world.cycle()
        assert "not listed" in str(world.view("v_tickets", ticket_id=victim)[0]["quarantine_reason"])
        users.delete(victim)
        world.cycle(days=8)
        world.cycle(hours=2)
        [row] = world.view("v_tickets", ticket_id=victim)
        assert (row["presence"] != "present", row["quarantine_reason"]) == (True, "")
        before = derived(world)
        rebuild_derived(world.runtime)
        assert derived(world) == before


@pytest.mark.parametrize("source", SOURCES)
def test_a_rebuild_keeps_what_is_known_of_tickets_that_nobody_may_see_now(source: str, tmp_path: Path) -> None:
    """When access is lost nothing is closed, and every table is equal after a rebuild."""
    with open_world(tmp_path, source) as world:
        users = with_four_records(world)
        world.cycle()
        world.only.close()
        for _ in range(3):
            world.try_cycle(hours=2)
        assert {world.presence(ticket) for ticket in users.records()} == {Presence.ACCESS_LOST}
        judge_mirror(world.runtime, world.clock.now())
        before = derived(world)
        assert before["verdict"]
        rebuild_derived(world.runtime)
        assert derived(world) == before


@pytest.mark.parametrize("source", SOURCES)
def test_one_that_is_deleted_is_no_longer_held_to_be_unreadable(source: str, tmp_path: Path) -> None:
    """Its presence says what became of it."""
    with open_world(tmp_path, source) as world:
        users, victim = with_an_unreadable_one(world)
        users.delete(victim)
        world.cycle(days=2)
        world.cycle()
        assert world.runtime.register.tickets.unread(source) == {}
        assert world.presence(victim) in (Presence.DELETED, Presence.DELETED_OR_HIDDEN)


@pytest.mark.parametrize("source", SOURCES)
def test_one_that_the_census_names_stays_quarantined_though_no_answer_holds_it(source: str, tmp_path: Path) -> None:
    """A source that neither returns nor refuses a ticket loses none: what the census contains is not gone."""
    with open_world(tmp_path, source) as world:
        _users, victim = with_an_unreadable_one(world)
        own: Any = world.runtime.contexts[source].source
        read = own.read_tickets
        own.read_tickets = lambda ids: read([id_ for id_ in ids if id_ != victim])
        world.cycle(days=2)
        assert set(world.runtime.register.tickets.unread(source)) == {victim}
        assert world.presence(victim) is Presence.PRESENT


def undated(row: Any) -> Any:
    """A ticket whose creation instant is no instant: only parsing shows that it cannot be a ticket."""
    if "fields" in row:
        return {**row, "fields": {**row["fields"], "created": "some day"}}
    return {**row, "sys_created_on": "some day"}


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the tickets that could not be parsed, in the order of the attempts."""
    found: list[str] = []
    of_jira, of_servicenow = JiraParser.build, ServiceNowParser.build

    def count_jira(self: JiraParser, issue: Any, *rest: Any, **more: Any) -> Any:
        try:
            return of_jira(self, issue, *rest, **more)
        except Skippable:
            found.append(str(issue["id"]))
            raise

    def count_servicenow(self: ServiceNowParser, bodies: Any) -> Any:
        try:
            return of_servicenow(self, bodies)
        except Skippable:
            found.append(value_of(bodies[RECORD]["row"], "sys_id"))
            raise

    monkeypatch.setattr(JiraParser, "build", count_jira)
    monkeypatch.setattr(ServiceNowParser, "build", count_servicenow)
    return found


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("who", ["a record", "an action"])
def test_one_that_makes_no_ticket_is_not_computed_again_until_it_changes(
    source: str, who: str, tried: list[str], tmp_path: Path
) -> None:
    """Neither a poll that sees it again nor a new process retries it; a change or a census does, once."""
    with open_world(tmp_path, source) as world:
        users, spoiler, victim = with_an_odd_one(world, undated, who)
        for number in range(2):
            tried.clear()
            users.edit(victim, f"touched {number}", 1)
            world.cycle()
            assert tried.count(victim) == 1
            assert set(world.runtime.register.tickets.unread(source)) == {victim}
            rows = world.runtime.register.rows_by_table()["quarantine"]
            for is_new_process in (False, True, False):
                if is_new_process:
                    world.restart()
                world.cycle()
            assert tried.count(victim) == 1
            assert world.runtime.register.rows_by_table()["quarantine"] == rows
        world.cycle(hours=2)
        assert tried.count(victim) == 2, "a census has it read again: the answer may have been wrong only once"
        world.restart()
        world.cycle()
        assert tried.count(victim) == 2
        spoiler.victim = ""
        world.cycle(hours=2)
        assert world.runtime.register.tickets.unread(source) == {}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("is_mirrored", [True, False], ids=["mirrored before", "never mirrored"])
def test_one_that_raises_while_it_is_stored_keeps_the_version_that_raised(
    source: str, is_mirrored: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other tickets of its page are stored; neither a poll nor a new process tries that version again."""
    attempts: list[str] = []
    broken: set[str] = set()
    add = DerivedRows.add

    def fragile(self: DerivedRows, nr: int, ticket: Any, *more: Any) -> None:
        if ticket.id in broken:
            attempts.append(ticket.id)
            raise ZeroDivisionError("with text of a ticket")
        add(self, nr, ticket, *more)

    monkeypatch.setattr(DerivedRows, "add", fragile)
    with open_world(tmp_path, source) as world:
        users = users_on(world.only)
        for number in range(3):
            users.create(f"record {number}")
        victim, *others = users.records()
        if is_mirrored:
            world.cycle()
        broken.add(victim)
        for record in users.records():
            users.edit(record, "touched", 1)
        world.cycle()
        tickets = world.runtime.register.tickets
        version, reason = tickets.refused(source)[victim]
        assert version
        assert "ZeroDivisionError" in reason
        assert "with text of a ticket" not in reason
        assert {world.presence(ticket) for ticket in others} == {Presence.PRESENT}
        truth = users.truth()
        for ticket in others:
            assert_same(world, users, ticket, truth[ticket])
        attempts.clear()
        for is_new_process in (False, True, False):
            if is_new_process:
                world.restart()
            world.cycle()
        assert attempts == []
        assert world.runtime.register.tickets.refused(source)[victim] == (version, reason)
        broken.clear()
        users.edit(victim, "touched again", 1)
        world.cycle()
        assert world.runtime.register.tickets.refused(source) == {}
        assert_same(world, users, victim, users.truth()[victim])


def test_one_of_sixty_that_raises_while_it_is_stored_costs_few_commits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is found by halves: the page may have a thousand tickets."""
    add, commit_page = DerivedRows.add, Tickets.commit_page
    sizes: list[int] = []
    victim = ""

    def fragile(self: DerivedRows, nr: int, ticket: Any, *more: Any) -> None:
        if ticket.id == victim:
            raise ZeroDivisionError
        add(self, nr, ticket, *more)

    def counted(self: Tickets, source: str, page: Page, *more: Any) -> list[str]:
        sizes.append(len(page.readings))
        return commit_page(self, source, page, *more)

    monkeypatch.setattr(DerivedRows, "add", fragile)
    monkeypatch.setattr(Tickets, "commit_page", counted)
    with open_world(tmp_path, "jira") as world:
        users = users_on(world.only)
        for number in range(60):
            users.create(f"record {number}")
        victim = users.records()[41]
        world.cycle()
        assert set(world.runtime.register.tickets.refused("jira")) == {victim}
        assert set(world.presences()) == set(users.records()) - {victim}
        assert sizes[0] == 60
        assert len(sizes) < 20, sizes


@pytest.mark.parametrize("odd", [5, True, [], ["a text"], {"x": 1}], ids=repr)
def test_a_cell_that_is_no_text_makes_its_rules_cannot_tell(odd: Any, tmp_path: Path) -> None:
    """No breach follows from it and none is cleared, and the ticket is not quarantined."""
    with open_world(tmp_path, "servicenow") as world:
        users, spoiler = with_four_records(world), Spoiler(world)
        victim = users.records()[0]
        spoiler.victim = victim
        spoiler.change = lambda row: {**row, "u_root_cause": {"value": odd, "display_value": "a text"}}
        world.cycle()
        [row] = [row for row in world.runtime.register.rows_by_table()["verdict"] if row[1] == victim]
        assert row[3] == "cannot_tell"
        assert world.view("v_tickets", ticket_id=victim)[0]["quarantine_reason"] == ""


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("who", ["a record", "an action"])
def test_one_with_more_history_entries_than_the_bound_is_alone(
    source: str, who: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It keeps its last state with the reason, the others are read on, and it is read again below the bound."""
    with open_world(tmp_path, source) as world:
        users = with_four_records(world)
        victim = (users.records() if who == "a record" else users.parts())[0]
        for module in (whole, assembly):
            monkeypatch.setattr(module, "MOST_ENTRIES", 12)
        for number in range(13):
            users.edit(victim, f"edit {number}", 1)
        other = users.records()[-1]
        users.edit(other, "the last edit", 0)
        world.cycle()
        world.cycle(hours=2)
        assert set(world.runtime.register.tickets.unread(source)) == {victim}
        [row] = world.view("v_tickets", ticket_id=victim)
        assert "entries, more than the 12" in str(row["quarantine_reason"])
        assert world.presence(victim) is Presence.PRESENT
        assert_same(world, users, other, users.truth()[other])
        monkeypatch.undo()
        users.edit(victim, "one more", 1)
        world.cycle()
        assert world.runtime.register.tickets.unread(source) == {}
        assert_same(world, users, victim, users.truth()[victim])


@pytest.mark.parametrize("mark", ["x _", "||", "\\\\a", "&#1;", "<p>"])
@pytest.mark.parametrize("source", JIRAS)
def test_one_of_much_markup_is_refused_before_a_text_of_it_is_read(
    source: str, mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its history or comments have more signs of markup than are worked on: they are counted, at a full read too."""
    read: list[int] = []
    for module in (parse, values):
        monkeypatch.setattr(module, "wiki_text", _counting(module.wiki_text, read))
    with open_world(tmp_path, source) as world:
        users = with_four_records(world)
        victim, other = users.records()[:2]
        users.edit(other, "*a*", 0)
        users.say(other, "*a*")
        for number in range(60):
            users.say(victim, f"{mark * (32_000 // len(mark))} {number}")
            users.edit(victim, f"{mark * (32_000 // len(mark))} {number}", 0)
        world.cycle()
        world.cycle(full=True, days=1)
        [row] = world.view("v_tickets", ticket_id=victim)
        assert "more than the" in str(row["quarantine_reason"])
        assert max(read) < 10_000


def _counting(function: Callable[[str], Any], read: list[int]) -> Callable[[str], Any]:
    """Return a function that notes the length of what it reads."""

    def counted(text: str) -> Any:
        read.append(len(text))
        return function(text)

    return counted
