"""An error of our own ends one source's cycle, is reported, and the cycle is retried; the daemon goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import pipeline
from capa_sync.daemon.daemon import Daemon
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.rules import RuleSet
from capa_sync.sandbox.stories.script import Create
from capa_sync.writeback import plan_ticket
from tests.patience import PATIENCE
from tests.sync.equal import assert_equal
from tests.sync.ours import ours_on
from tests.sync.users import JiraUserDriver, UserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

STEPS = ("before-page-commit", "after-page-commit", "before-judging-commit", "after-judging-commit")


@pytest.mark.parametrize("step", STEPS)
def test_an_error_of_our_own_ends_the_cycle_of_its_source_alone(step: str, tmp_path: Path) -> None:
    """The error and its place are reported, the other source is read, no stop request stays, the next cycle heals."""
    with open_world(tmp_path, "jira", "servicenow") as world:
        for site in world.sites.values():
            site.play("one", Create({"title": "A ticket", "grade": "minor"}))
        thrown: list[str] = []

        def throw(name: str) -> None:
            if name == step and not thrown:
                thrown.append(name)
                raise ZeroDivisionError("with text of a ticket")

        world.runtime.checkpoint = throw
        results = world.try_cycle()
        assert thrown
        (hurt,) = [result for result in results.values() if result.problem]
        assert hurt.is_own_error
        assert "ZeroDivisionError" in hurt.problem
        assert "with text of a ticket" not in hurt.problem
        assert not world.runtime.stop.is_set()
        assert world.problem(hurt.source) == hurt.problem
        world.cycle()
        world.cycle()
        for site in world.sites.values():
            assert_equal(world, users_on(site))


def test_the_daemon_outlives_an_error_of_our_own_in_each_cycle(tmp_path: Path) -> None:
    """With one source and an error at every evaluation the daemon still runs, and reads once the error is gone."""
    with open_world(tmp_path, "jira") as world:
        world.only.play("one", Create({"title": "A ticket", "grade": "minor"}))
        failing, hits, done = threading.Event(), threading.Event(), threading.Event()
        failing.set()

        def throw(name: str) -> None:
            if name == "before-judging-commit":
                if failing.is_set():
                    hits.set()
                    raise RecursionError
                done.set()

        world.runtime.checkpoint = throw
        daemon = Daemon(world.runtime)
        worker = threading.Thread(target=daemon.run, daemon=True)
        worker.start()
        assert hits.wait(PATIENCE)
        daemon._scheduler.run_soon("jira")
        assert not world.runtime.stop.is_set()
        failing.clear()
        daemon._job("jira")
        assert done.wait(PATIENCE)
        assert worker.is_alive()
        world.runtime.stop.set()
        worker.join(PATIENCE)
        assert not worker.is_alive()


class _OddWriter:
    """A writer in which an unforeseen error occurs after the request."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.is_odd = True

    def deliver(self, write: Any, remote_id: str) -> Any:
        """Apply the write, then fail."""
        done = self._writer.deliver(write, remote_id)
        if self.is_odd:
            raise RecursionError
        return done

    def look_up(self, write: Any, remote_id: str) -> Any:
        """Look the write up as usual."""
        return self._writer.look_up(write, remote_id)


@pytest.mark.parametrize("source", SOURCES)
def test_an_error_after_a_write_leaves_it_unknown_and_writes_nothing_twice(source: str, tmp_path: Path) -> None:
    """Every write of the ticket is there once; it is looked up and found, not sent again."""
    with open_world(tmp_path, source, mode="on") as world:
        users = users_on(world.only)
        users.create("one")
        users.create_part(users.records()[0], "an action")
        context = world.runtime.contexts[source]
        writer: Any = _OddWriter(context.writer)
        context.writer = writer
        world.try_cycle()
        states = {row["state"] for row in world.view("v_writes")}
        assert states in ({"unknown", "pending"}, {"unknown"})
        writer.is_odd = False
        for _ in range(4):
            world.try_cycle(hours=3)
        rows = world.view("v_writes")
        assert rows
        assert {row["state"] for row in rows} == {"delivered"}
        sent = world.writes()
        assert len(sent) == len(set(sent)) or source == "servicenow"


def test_delivery_of_others_goes_on_beside_one_that_raises(tmp_path: Path) -> None:
    """An error of ours fails one ticket's write each time; the other ticket gets its comment."""
    with open_world(tmp_path, "jira", mode="on") as world:
        users = users_on(world.only)
        for story in ("one", "two"):
            users.create(story)
        hurt, other = users.records()
        for ticket in (hurt, other):
            users.create_part(ticket, "an action")
        context = world.runtime.contexts["jira"]
        real: Any = context.writer

        class Picky(_OddWriter):
            """Fails for one ticket before anything is sent."""

            def deliver(self, write: Any, remote_id: str) -> Any:
                """Fail for one ticket with an unforeseen error."""
                if write.ticket_id == hurt:
                    raise AssertionError("unforeseen")
                return real.deliver(write, remote_id)

        picky: Any = Picky(real)
        context.writer = picky
        results = world.try_cycle()
        assert results["jira"].problem == ""
        write_states = {(row["ticket_id"] == hurt, row["state"]) for row in world.view("v_writes", kind="comment")}
        assert write_states == {(True, "unknown"), (False, "delivered")}


class Raising:
    """Raises an unforeseen error whenever one ticket is computed, and counts how often that was tried."""

    def __init__(self) -> None:
        self.victim = ""
        self.tries = 0

    def pass_by(self, ticket_id: str) -> None:
        """Raise when this is the ticket."""
        if ticket_id == self.victim:
            self.tries += 1
            raise ZeroDivisionError("with text of a ticket")


@pytest.fixture
def in_rules(monkeypatch: pytest.MonkeyPatch) -> Raising:
    """The evaluation of rules raises."""
    raising, evaluate = Raising(), RuleSet.evaluate

    def evaluated(self: RuleSet, record: Any, *rest: Any, **more: Any) -> Any:
        raising.pass_by(record.ticket_id)
        return evaluate(self, record, *rest, **more)

    monkeypatch.setattr(RuleSet, "evaluate", evaluated)
    return raising


@pytest.fixture
def in_plans(monkeypatch: pytest.MonkeyPatch) -> Raising:
    """Planning raises."""
    raising = Raising()

    def planned(target: Any, *rest: Any, **more: Any) -> Any:
        raising.pass_by(target.ticket_id)
        return plan_ticket(target, *rest, **more)

    monkeypatch.setattr(pipeline, "plan_ticket", planned)
    return raising


@pytest.fixture(params=["rules", "plans"])
def raising(request: pytest.FixtureRequest) -> Raising:
    """Either of them raises."""
    found: Raising = request.getfixturevalue(f"in_{request.param}")
    return found


def three_records(world: World) -> tuple[UserDriver, list[str]]:
    """Create three records that each get a comment, where all accounts are known already."""
    users = users_on(world.only)
    users.create("known before")
    users.create_part(users.records()[0], "an action")
    for later in ({"seconds": 30}, {"hours": 2}, {"hours": 2}):
        world.cycle(**later)
    before = set(users.records())
    for story in ("one", "two", "three"):
        users.create(story)
    records = sorted(set(users.records()) - before)
    for record in records:
        users.create_part(record, "an action")
    return users, records


def retitle(users: UserDriver, ticket: str, word: str) -> None:
    """Edit a field that the rule does not read."""
    users.edit(ticket, word, 1 if isinstance(users, JiraUserDriver) else 0)


def reason_of(world: World, ticket: str) -> str:
    """Why a ticket is quarantined, "" when it is not."""
    [row] = world.view("v_tickets", ticket_id=ticket)
    return str(row["quarantine_reason"])


def texts_on(users: UserDriver, tickets: list[str]) -> list[int]:
    """How many texts of ours each ticket carries."""
    return [len(ours_on(users, ticket).texts) for ticket in tickets]


@pytest.mark.parametrize("source", SOURCES)
def test_a_ticket_that_raises_is_quarantined_alone_until_it_changes(
    source: str, raising: Raising, tmp_path: Path
) -> None:
    """The reason names no text of the ticket; the others are written on; no census and no restart retries it."""
    with open_world(tmp_path, source, mode="on") as world:
        users, tickets = three_records(world)
        raising.victim = victim = tickets[1]
        for number in range(2):
            world.cycle()
            tries = raising.tries
            assert tries
            assert "ZeroDivisionError" in reason_of(world, victim)
            assert "with text of a ticket" not in reason_of(world, victim)
            assert texts_on(users, tickets) == [1, 0, 1]
            world.cycle(hours=2)
            world.restart()
            world.cycle()
            assert raising.tries == tries
            raising.tries = 0
            retitle(users, victim, f"changed {number}")
        raising.victim = ""
        world.cycle()
        assert reason_of(world, victim) == ""
        assert texts_on(users, tickets) == [1, 1, 1]


@pytest.mark.parametrize("source", SOURCES)
def test_a_warned_ticket_whose_planning_raises_keeps_its_text(source: str, in_plans: Raising, tmp_path: Path) -> None:
    """After a restart all warned tickets are planned: one raises, nothing is written on it, and it is tried once."""
    with open_world(tmp_path, source, mode="on") as world:
        users, tickets = three_records(world)
        for later in ({"seconds": 30}, {"hours": 2}):
            world.cycle(**later)
        before = ours_on(users, tickets[1])
        in_plans.victim = tickets[1]
        known = set(users.records())
        users.create("four")
        fourth = (set(users.records()) - known).pop()
        users.create_part(fourth, "an action")
        for _ in range(2):
            world.restart()
            world.cycle()
            world.cycle(hours=2)
            assert in_plans.tries == 1
            assert "ZeroDivisionError" in reason_of(world, tickets[1])
        assert ours_on(users, tickets[1]) == before
        assert texts_on(users, [*tickets, fourth]) == [1, 1, 1, 1]
        in_plans.victim = ""
        retitle(users, tickets[1], "changed")
        world.cycle()
        assert reason_of(world, tickets[1]) == ""


@pytest.mark.parametrize("source", SOURCES)
def test_a_write_that_waits_is_withheld_when_its_ticket_raises(
    source: str, in_rules: Raising, tmp_path: Path
) -> None:
    """What was planned before rests on an old version of the ticket: nothing is sent until it can be judged again."""
    with open_world(tmp_path, source, mode="on") as world:
        halts = world.runtime.register.halts
        users, tickets = three_records(world)
        halts.set(source, Halt(HaltKind.PAUSED, world.clock.now(), "a person"))
        world.cycle()
        in_rules.victim = tickets[1]
        retitle(users, tickets[1], "changed")
        world.cycle()
        assert texts_on(users, tickets) == [0, 0, 0]
        halts.end(source, world.clock.now())
        for _ in range(2):
            world.cycle()
            assert texts_on(users, tickets) == [1, 0, 1]
        in_rules.victim = ""
        retitle(users, tickets[1], "changed again")
        world.cycle()
        assert texts_on(users, tickets) == [1, 1, 1]
