"""No single wrong page removes a ticket, a change or a field, wherever in a cycle it occurs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capa_sync.model.ticket import Presence
from capa_sync.sandbox.messages import Reply, Request
from tests.sync.equal import assert_equal
from tests.sync.pages import HOWS, WrongPage
from tests.sync.users import UserDriver, users_on
from tests.sync.world import PROJECT, SOURCES, Site, World, beside, open_world

PLACES = 10_000 if os.environ.get("CAPA_SYNC_EVERY_PAGE") else 4
"""`make pages` runs every place of every read; the suite takes a few, other ones for each way to be wrong."""
SCOPE = {
    "jira": f"project in ({PROJECT['jira']}, SUPP)",
    "jira-dc": f"project in ({PROJECT['jira-dc']}, SUPP)",
    "servicenow": "u_track=nonconformity",
}
MORE = "page_size = 3\npoll_every = '60s'"
RECORDS = 7
DOUBT = {Presence.PRESENT, Presence.UNOBSERVED}


def small_pages(site: Site) -> None:
    """Let every list take several pages."""
    if site.name == "servicenow":
        site.settings(page_cap=3)
    else:
        site.settings(short_pages=3, inline_changelog_cap=2, inline_comment_cap=1)


def settle(world: World, users: UserDriver) -> None:
    """Create tickets with actions, histories and comments, with more time between them than the overlap."""
    for number in range(RECORDS):
        users.create(f"ticket {number}")
        world.later(minutes=11)
    for number, record in enumerate(users.records()):
        if number % 4 == 0:
            users.create_part(record, f"part {number}")
        for word in range(3):
            users.edit(record, f"text {number} {word}", word)
            users.say(record, f"comment {number} {word}")
        world.later(minutes=11)


def work(world: World, users: UserDriver, turn: int) -> None:
    """Edit half of the tickets and create one, with more time between the edits than the overlap."""
    for number, ticket in enumerate(users.ids()):
        if (number + turn) % 2:
            users.edit(ticket, f"turn {turn} {number}", number)
            world.later(minutes=11)
    users.say(users.records()[turn % RECORDS], f"turn {turn}")
    if turn % 7 == 1:
        users.create(f"turn {turn}")
        world.later(minutes=11)


def believed(world: World, users: UserDriver) -> None:
    """Nothing that exists is taken for gone; what is in doubt is reported."""
    truths = users.truth()
    presences = {ticket: at for ticket, at in world.presences().items() if truths[ticket].in_scope}
    assert set(presences.values()) <= DOUBT, {t: p for t, p in presences.items() if p not in DOUBT}
    if Presence.UNOBSERVED in presences.values():
        assert world.problem()


def lists_of(world: World, cycle: Callable[[], Any]) -> int:
    """Count the lists that an honest cycle reads."""
    counter = WrongPage(10_000, "empty")
    world.only.server.after.append(counter)
    cycle()
    world.only.server.after.remove(counter)
    assert counter.seen
    return counter.seen


def places(how: str, count: int) -> range:
    """Choose which lists of so many are spoilt."""
    stride = max(1, count // PLACES)
    return range(list(HOWS).index(how) % stride, count, stride)


def wrong_pages(world: World, how: str, cycle: Callable[[], Any], count: int) -> Iterator[WrongPage]:
    """Run a cycle for each place whose list is spoilt."""
    for at in places(how, count):
        wrong_page = WrongPage(at, how)
        world.only.server.after.append(wrong_page)
        try:
            cycle()
        finally:
            world.only.server.after.remove(wrong_page)
        yield wrong_page


def pins(world: World) -> tuple[Any, ...]:
    """What is known of the site and decides verdicts."""
    register, name = world.runtime.register, world.only.name
    facts = register.facts.load(name)
    assert facts is not None
    return facts.fields, facts.statuses, register.facts.pins(name)


CASES = [(source, how) for source in SOURCES for how in HOWS]
named = pytest.mark.parametrize(("source", "how"), CASES, ids=[f"{source}-{how}" for source, how in CASES])


@named
def test_a_wrong_page_in_a_poll_loses_no_change(source: str, how: str, tmp_path: Path) -> None:
    """Changes, new tickets and comments come with the next polls and the next census, without a full sweep."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        work(world, users, 0)
        count, turn = lists_of(world, world.cycle), 1
        work(world, users, turn)
        for wrong_page in wrong_pages(world, how, world.try_cycle, count):
            try:
                believed(world, users)
                world.cycle(minutes=20)
                world.cycle(hours=1)
                assert world.problem() == ""
                assert_equal(world, users)
            except AssertionError as error:
                raise AssertionError(f"{how}: {wrong_page.place}") from error
            turn += 1
            work(world, users, turn)


@named
def test_a_wrong_page_in_a_census_or_a_sign_in_takes_nothing_away(source: str, how: str, tmp_path: Path) -> None:
    """Tickets, fields, statuses and verdicts stay as they were, and the next census is complete."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        world.cycle(hours=1)
        known, findings = pins(world), world.view("v_findings")
        count = lists_of(world, lambda: world.cycle(hours=1))
        for wrong_page in wrong_pages(world, how, lambda: world.try_cycle(hours=1), count):
            try:
                believed(world, users)
                assert pins(world) == known
                assert world.view("v_findings") == findings
                world.cycle(minutes=20)
                assert world.problem() == ""
                assert_equal(world, users)
            except AssertionError as error:
                raise AssertionError(f"{how}: {wrong_page.place}") from error


@named
def test_a_wrong_page_in_a_full_read_takes_nothing_away(source: str, how: str, tmp_path: Path) -> None:
    """A full read, which reads everything again, loses nothing either."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        findings = world.view("v_findings")
        count = lists_of(world, lambda: world.cycle(full=True))
        for wrong_page in wrong_pages(world, how, lambda: world.try_cycle(full=True), count):
            try:
                believed(world, users)
                assert world.view("v_findings") == findings
                world.cycle(hours=1, minutes=1)  # a full read that was refused is resumed
                assert world.problem() == ""
                assert_equal(world, users)
            except AssertionError as error:
                raise AssertionError(f"{how}: {wrong_page.place}") from error


@named
def test_a_wrong_page_in_a_first_read_leaves_nothing_out(source: str, how: str, tmp_path: Path) -> None:
    """What a first read did not show is found by its census, or by the one an hour later."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        (tmp_path / "honest").mkdir()
        with beside(world, tmp_path / "honest", query={source: SCOPE[source]}, more=MORE) as other:
            count = lists_of(world, other.cycle)
        for at in places(how, count):
            folder = tmp_path / str(at)
            folder.mkdir()
            wrong_page = WrongPage(at, how)
            world.only.server.after.append(wrong_page)
            with beside(world, folder, query={source: SCOPE[source]}, more=MORE) as other:
                try:
                    other.try_cycle()
                finally:
                    world.only.server.after.remove(wrong_page)
                try:
                    believed(other, users)
                    other.cycle(minutes=20)
                    other.cycle(hours=1)
                    assert other.problem() == ""
                    assert_equal(other, users)
                except AssertionError as error:
                    raise AssertionError(f"{how}: {wrong_page.place}") from error


@pytest.mark.parametrize("table", ["sys_audit", "sys_journal_field"])
@pytest.mark.parametrize("how", HOWS)
def test_a_wrong_page_of_the_history_of_one_ticket_is_read_again(table: str, how: str, tmp_path: Path) -> None:
    """A poll that reads a single ServiceNow ticket has no smaller question to ask, so it asks the same again."""
    with open_world(tmp_path, "servicenow") as world:
        users = users_on(world.only)
        settle(world, users)
        world.cycle()
        ticket = users.records()[0]
        users.edit(ticket, "another word", 1)
        users.say(ticket, "another word")
        wrong_page = WrongPage(0, how)

        def spoil(request: Request, reply: Reply) -> None:
            if f"/table/{table}?" in request.target and ticket in request.target:
                wrong_page(request, reply)

        world.only.server.after.append(spoil)
        world.try_cycle(minutes=20)
        assert wrong_page.place
        world.cycle(minutes=20)
        assert_equal(world, users)
