"""A Jira's history only grows: what an answer lacks of it is read again, and what no answer shows stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from capa_sync.ports.mirror import MirrorLookup
from capa_sync.sandbox.messages import Reply, Request
from capa_sync.sandbox.stories.script import AddAction, Create, Day, Fill
from capa_sync.sources.jira.absent import INCOMPLETE_AT_ONCE, Absent
from capa_sync.sources.jira.client import JiraClient
from tests.sync.equal import assert_equal, assert_rebuilt
from tests.sync.ours import ours_on
from tests.sync.test_absent import a_family
from tests.sync.users import UserDriver, users_on
from tests.sync.world import JIRAS, World, open_world

CUTS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "empty": lambda entries: entries[:0],
    "short": lambda entries: entries[: len(entries) // 2],
    "newest": lambda entries: entries[-1:],
    "oldest": lambda entries: entries[:1],
}
"""How a list of history entries is cut."""
SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "absent": lambda _log: ...,
    "null": lambda _log: None,
    "empty object": lambda _log: {},
    "list": lambda log: log["histories"],
    "no total": lambda log: {"histories": log["histories"][:1]},
    "empty without total": lambda _log: {"histories": []},
    "text as total": lambda log: {**log, "histories": log["histories"][:1], "total": "1"},
    "null as list": lambda log: {**log, "histories": None, "total": 0},
    "empty": lambda log: {**log, "histories": [], "total": 0},
    "one entry": lambda log: {**log, "histories": log["histories"][:1], "total": 1},
}
"""Data Center's `changelog`, spoilt; `...` stands for none."""


class Cut:
    """Cuts every history in an answer: in the bulk answer or in the issues, and alone where this is for good.

    Attributes:
        hits: number of answers that it has cut.
    """

    def __init__(self, how: str, *, for_good: bool = False) -> None:
        self._cut = CUTS[how]
        self._for_good = for_good
        self.hits = 0

    def __call__(self, request: Request, reply: Reply) -> None:
        """Change an answer that is about to be sent; the counts fit what is left."""
        if reply.status != 200 or reply.body[:1] != b"{" or (self.hits and not self._for_good):
            return
        body = orjson.loads(reply.body)
        logs = [(log, "changeHistories") for log in body.get("issueChangeLogs", ())]
        if request.path.endswith("/changelog"):
            logs.append((body, "values"))
        issues = [issue for issue in body.get("issues", [body]) if isinstance(issue, dict)]
        logs += [(issue["changelog"], "histories") for issue in issues if "changelog" in issue]
        for log, name in logs:
            log[name] = self._cut(log[name])
            if "total" in log:
                log["total"] = len(log[name])
        if logs:
            self.hits += 1
            reply.body = orjson.dumps(body)


def edited_family(world: World) -> UserDriver:
    """Create three records with some history each, and read them."""
    users = a_family(world)
    for record in users.records():
        for word in range(4):
            users.edit(record, f"word {word}", word)
    world.later(minutes=20)
    world.cycle()
    return users


def edit_all(users: UserDriver, word: str) -> None:
    """Edit every record."""
    for record in users.records():
        users.edit(record, word, 1)


def histories(world: World, users: UserDriver) -> dict[str, set[Any]]:
    """Return the mirrored history of every record."""
    return {record: {str(change) for change in world.changes(record)} for record in users.records()}


def alone(world: World, users: UserDriver) -> set[str]:
    """Return the records whose history was requested alone, or counted, since the log was last read."""
    found = set()
    for exchange in world.only.server.requests:
        target, body = exchange.request.target, exchange.request.body
        for record in users.records():
            is_counted = (
                target.endswith("/issue/bulkfetch") and b'"changelog"' in body and f'"{record}"'.encode() in body
            )
            if is_counted or f"/issue/{record}/changelog?" in target or f"/issue/{record}?expand=changelog" in target:
                found.add(record)
    world.only.server.requests.reset()
    return found


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("how", CUTS)
def test_one_answer_with_cut_histories_takes_nothing_away(source: str, how: str, full: bool, tmp_path: Path) -> None:
    """The tickets are read alone, and all is as on the tracker at once; honest answers cost no such request."""
    with open_world(tmp_path, source) as world:
        users = edited_family(world)
        alone(world, users)
        edit_all(users, "honest")
        world.cycle(minutes=20, full=full)
        assert alone(world, users) == set()
        edit_all(users, "later")
        cut = Cut(how)
        world.only.server.after.append(cut)
        world.cycle(minutes=20, full=full)
        assert cut.hits == 1
        assert alone(world, users) == set(users.records())
        assert_equal(world, users)
        assert {row["history_complete"] for row in world.view("v_tickets")} == {1}
        assert_rebuilt(world)


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("how", CUTS)
def test_a_history_that_stays_cut_is_kept_and_not_complete(source: str, how: str, tmp_path: Path) -> None:
    """What was ever shown stays, and a second pass changes no row; an hour after the trouble, all is equal."""
    with open_world(tmp_path, source) as world:
        users = edited_family(world)
        before = histories(world, users)
        edit_all(users, "later")
        cut = Cut(how, for_good=True)
        world.only.server.after.append(cut)
        world.cycle(minutes=20)
        after = histories(world, users)
        assert all(after[record] >= before[record] for record in before)
        assert {row["history_complete"] for row in world.view("v_tickets") if row["ticket_id"] in before} == {0}
        assert_rebuilt(world)
        for full in (False, True, False):
            world.restart()
            world.cycle(minutes=20, full=full)  # a first pass may learn of an entry that was not shown before
            assert all(histories(world, users)[record] >= after[record] for record in before)
        rows = world.runtime.register.rows_by_table()
        world.restart()
        world.cycle(minutes=20)
        changed = world.runtime.register.rows_by_table()
        assert {table for table in rows if rows[table] != changed[table]} == set()
        world.only.server.after.remove(cut)
        world.cycle(hours=1, minutes=1)
        assert_equal(world, users)
        assert {row["history_complete"] for row in world.view("v_tickets")} == {1}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_data_center_history_of_another_form_is_unknown_and_asked_for_again(shape: str, tmp_path: Path) -> None:
    """What is stored stays and is not complete; an hour after the trouble, without an edit, all is equal."""
    with open_world(tmp_path, "jira-dc") as world:
        users = edited_family(world)
        before = histories(world, users)

        def spoil(_request: Request, reply: Reply) -> None:
            if reply.status != 200 or reply.body[:1] != b"{":
                return
            body = orjson.loads(reply.body)
            for issue in body.get("issues", [body]):
                if isinstance(issue, dict) and "changelog" in issue:
                    spoilt = SHAPES[shape](issue.pop("changelog"))
                    issue.update({} if spoilt is ... else {"changelog": spoilt})
            reply.body = orjson.dumps(body)

        world.only.server.after.append(spoil)
        edit_all(users, "later")
        for later in ({"minutes": 20}, {"hours": 25}):
            world.cycle(**later)
            after = histories(world, users)
            assert all(after[record] >= before[record] for record in before)
            rows = [row for row in world.view("v_tickets") if row["ticket_id"] in before]
            assert {row["history_complete"] for row in rows} == {0}
            assert_rebuilt(world)
        world.only.server.after.remove(spoil)
        world.cycle(hours=1, minutes=1)
        assert_equal(world, users)
        assert {row["history_complete"] for row in world.view("v_tickets")} == {1}


@pytest.mark.parametrize("source", JIRAS)
@pytest.mark.parametrize("for_good", [False, True])
def test_an_empty_history_never_clears_a_warning(source: str, for_good: bool, tmp_path: Path) -> None:
    """Findings that rest on the history stay open on the ticket."""
    rules = ("root-cause-before-action", "due-date-moved")
    with open_world(tmp_path, source, rules=rules, mode="on") as world:
        title = {"title": "a", "grade": "minor", "owner": "anna.lee", "due_at": Day(30)}
        cause = "Nobody was named as deputy for the owner of the list of leavers"
        for step in (
            Create(title),
            AddAction("Name a deputy", Day(20)),
            Fill({"root_cause": cause}),
            *(Fill({"due_at": Day(day)}) for day in (20, 10, 2)),
        ):
            world.only.play("a", step)
            world.later(hours=1)
        world.cycle()
        world.cycle(hours=25)
        users, ticket = users_on(world.only), world.only.id_of("a")
        warned = world.states("a"), ours_on(users, ticket).state
        assert set(warned[0].values()) == {"open"}
        cut = Cut("empty", for_good=for_good)
        world.only.server.after.append(cut)
        users.edit(ticket, "another title", 1)
        for later in (20, 60, 26 * 60):
            world.cycle(minutes=later)
            assert (world.states("a"), ours_on(users, ticket).state) == warned
        assert cut.hits


class Incomplete:
    """A mirror in which some tickets have an incomplete history, and none waits for a field."""

    def __init__(self, count: int) -> None:
        self.ids = [str(number) for number in range(count)]

    def unasked(self, _source: str) -> list[str]:
        """Return nothing."""
        return []

    def incomplete(self, _source: str) -> list[str]:
        """Return all."""
        return self.ids


@pytest.mark.parametrize("count", [0, 1, INCOMPLETE_AT_ONCE, 3 * INCOMPLETE_AT_ONCE + 7])
def test_incomplete_histories_are_asked_for_in_turns(count: int) -> None:
    """Once after each sign-in, some at once; hour by hour all have their turn."""
    mirror = Incomplete(count)
    seen: set[str] = set()
    for hour in range(4):
        client = SimpleNamespace(source="jira", is_cloud=False, answered_at=datetime(2026, 3, 2, hour, tzinfo=UTC))
        absent = Absent(cast(JiraClient, client), cast(MirrorLookup, mirror))
        absent.begin_cycle(full=False)
        taken = absent.take_waiting()
        assert len(set(taken)) == len(taken) == min(count, INCOMPLETE_AT_ONCE)
        absent.begin_cycle(full=False)
        assert absent.take_waiting() == []
        seen.update(taken)
    assert seen == set(mirror.ids)
