"""An error of our own ends one source's cycle, is reported, and the cycle is retried; the daemon goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon.daemon import Daemon
from capa_sync.sandbox.stories.script import Create
from tests.sync.equal import assert_equal
from tests.sync.users import users_on
from tests.sync.world import SOURCES, open_world

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
        assert hits.wait(60)
        daemon._scheduler.run_soon("jira")
        assert not world.runtime.stop.is_set()
        failing.clear()
        daemon._job("jira")
        assert done.wait(60)
        assert worker.is_alive()
        world.runtime.stop.set()
        worker.join(30)
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
