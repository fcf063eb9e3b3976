"""No single wrong page removes a ticket, a change or a field, wherever in a cycle it occurs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capa_sync.sandbox.messages import Reply, Request
from tests.sync.equal import assert_equal
from tests.sync.pages import HOWS, WrongPage
from tests.sync.spoilt_reads import (
    MORE,
    SCOPE,
    believed,
    lists_of,
    named,
    settle,
    small_pages,
    spoilt_lists,
    work,
    wrong_pages,
)
from tests.sync.users import users_on
from tests.sync.world import World, beside, open_world


def pins(world: World) -> tuple[Any, ...]:
    """What is known of the site and decides verdicts."""
    register, name = world.runtime.register, world.only.name
    facts = register.facts.load(name)
    assert facts is not None
    return facts.fields, facts.statuses, register.facts.pins(name)


@named
def test_a_wrong_page_in_a_poll_loses_no_change(source: str, hows: list[str], tmp_path: Path) -> None:
    """Changes, new tickets and comments come with the next polls and the next census, without a full sweep."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        work(world, users, 0)
        count, turn = lists_of(world, world.cycle), 1
        work(world, users, turn)
        for wrong_page in wrong_pages(world, hows, world.try_cycle, count):
            try:
                believed(world, users)
                world.cycle(minutes=20)
                world.cycle(hours=1)
                assert world.problem() == ""
                assert_equal(world, users)
            except AssertionError as error:
                raise AssertionError(f"{wrong_page.how}: {wrong_page.place}") from error
            turn += 1
            work(world, users, turn)


@named
def test_a_wrong_page_in_a_census_or_a_sign_in_takes_nothing_away(
    source: str, hows: list[str], tmp_path: Path
) -> None:
    """Tickets, fields, statuses and verdicts stay as they were, and the next census is complete."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        world.cycle(hours=1)
        known, findings = pins(world), world.view("v_findings")
        count = lists_of(world, lambda: world.cycle(hours=1))
        for wrong_page in wrong_pages(world, hows, lambda: world.try_cycle(hours=1), count):
            try:
                believed(world, users)
                assert pins(world) == known
                assert world.view("v_findings") == findings
                world.cycle(minutes=20)
                assert world.problem() == ""
                assert_equal(world, users)
            except AssertionError as error:
                raise AssertionError(f"{wrong_page.how}: {wrong_page.place}") from error


@named
def test_a_wrong_page_in_a_full_read_takes_nothing_away(source: str, hows: list[str], tmp_path: Path) -> None:
    """A full read, which reads everything again, loses nothing either."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        world.cycle()
        findings = world.view("v_findings")
        count = lists_of(world, lambda: world.cycle(full=True))
        for wrong_page in wrong_pages(world, hows, lambda: world.try_cycle(full=True), count):
            try:
                believed(world, users)
                assert world.view("v_findings") == findings
                world.cycle(hours=1, minutes=1)  # a full read that was refused is resumed
                assert world.problem() == ""
                assert_equal(world, users)
            except AssertionError as error:
                raise AssertionError(f"{wrong_page.how}: {wrong_page.place}") from error


@named
def test_a_wrong_page_in_a_first_read_leaves_nothing_out(source: str, hows: list[str], tmp_path: Path) -> None:
    """What a first read did not show is found by its census, or by the one an hour later."""
    with open_world(tmp_path, source, query={source: SCOPE[source]}, more=MORE) as world:
        users = users_on(world.only)
        small_pages(world.only)
        settle(world, users)
        (tmp_path / "honest").mkdir()
        with beside(world, tmp_path / "honest", query={source: SCOPE[source]}, more=MORE) as other:
            count = lists_of(world, other.cycle)
        for number, wrong_page in enumerate(spoilt_lists(hows, count)):
            folder = tmp_path / str(number)
            folder.mkdir()
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
                    raise AssertionError(f"{wrong_page.how}: {wrong_page.place}") from error


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
