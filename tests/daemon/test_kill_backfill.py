"""A backfill killed at any page resumes there: nothing stored is read again, and the mirror is complete."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from capa_sync.sandbox.http import Exchange
from capa_sync.starter import starter_path
from capa_sync.store import Register, open_register
from tests.daemon.fork_server import Child, ForkServer, memory_folder
from tests.daemon.harness import KILLED
from tests.daemon.kill_scenario import sampled
from tests.sync.equal import assert_equal
from tests.sync.users import UserDriver, users_on
from tests.sync.world import SECRETS, SOURCES, World, open_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
RULE = "root-cause-before-action"
TICKETS = {"jira": 110, "jira-dc": 24, "servicenow": 24}
"""Cloud's histories are requested for a hundred tickets at once: there must be a second request."""
PAGE = {"jira": 25, "jira-dc": 5, "servicenow": 5}
COMMIT = {**PAGE, "jira": 100}
"""Tickets that are committed at once: of Cloud those of one request for histories."""
RUN = {"mirror": 7, "part": 6}
"""Columns that name the run of the ledger: a restart is a run of its own."""
NUMBERED = ("change", "child")
"""Tables whose rows SQLite numbers."""


@dataclass
class Backfill:
    """One tracker with a history, and processes that read it into a register, repeatedly."""

    world: World
    users: UserDriver
    fork_server: ForkServer

    @property
    def source(self) -> str:
        """The tracker's name."""
        return self.world.only.name

    @property
    def register_file(self) -> Path:
        """The register that is filled."""
        return self.world.folder / "register.db"

    def sync(self, **env: str) -> tuple[Child, list[Exchange]]:
        """Run one cycle in a process; return the process and its requests to the tracker."""
        folder = self.world.folder
        (folder / "clock").write_text(self.world.clock.now().isoformat(), encoding="ascii")
        requests = self.world.only.server.requests
        requests.reset()
        child = self.fork_server.start(
            ["sync"],
            env={"PATH": os.environ["PATH"], **SECRETS, "CAPA_SYNC_TEST_CLOCK": f"@{folder / 'clock'}", **env},
            folder=folder,
            out=folder / "sync.out",
            limits={},
            yaml=[starter_path("rules") / f"{RULE}.yaml", *starter_path("mappings").glob("*.yaml")],
        ).wait()
        return child, list(requests)

    def remove_register(self) -> None:
        """Remove the register."""
        for file in self.world.folder.glob("register.db*"):
            file.unlink()

    @contextmanager
    def register(self) -> Iterator[Register]:
        """The register, opened for reading."""
        with open_register(
            self.register_file, clock_now=self.world.clock.now(), create=False, read_only=True
        ) as register:
            yield register

    def mirrored(self) -> set[str]:
        """Return the ids of all stored tickets, actions among them."""
        with self.register() as register:
            return set(register.tickets.presences(self.source))

    def tables(self) -> dict[str, Any]:
        """Return every row without the numbers of the run ledger and of SQLite."""
        with self.register() as register:
            return {
                name: sorted((_masked(name, row) for row in rows), key=repr)
                for name, rows in register.rows_by_table().items()
                if name != "meta"  # the register's own id
            }

    def assert_complete(self, tables: dict[str, Any]) -> None:
        """Assert that the register equals the tracker, and these tables of a process that was not killed."""
        self.world.start()
        try:
            assert_equal(self.world, self.users)
        finally:
            self.world.runtime.register.close()
        assert _different(self.tables(), tables) == set()


def _different(found: dict[str, Any], tables: dict[str, Any]) -> set[str]:
    return {name for name in tables if found[name] != tables[name]}


def _masked(table: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    kept = tuple(None if RUN.get(table) == place else value for place, value in enumerate(row))
    return kept[1:] if table in NUMBERED else kept


def full_reads(exchanges: list[Exchange]) -> Counter[str]:
    """Count how often each ticket was read with all its fields."""
    found: Counter[str] = Counter()
    for exchange in (exchange for exchange in exchanges if exchange.status == 200):
        answer = json.loads(exchange.answer or b"null")
        if exchange.path.endswith(("/search", "/search/jql", "/issue/bulkfetch")) and b'"*all"' in exchange.body:
            found.update(str(issue["id"]) for issue in answer["issues"])
        elif re.search(r"/issue/\d+$", exchange.path) and "expand" in exchange.query:
            found[str(answer["id"])] += 1
        elif re.search(r"/table/sn_grc_\w+$", exchange.path) and exchange.query.get("sysparm_display_value") == [
            "all"
        ]:
            found.update(row["sys_id"]["value"] for row in answer["result"])
    return found


def histories(exchanges: list[Exchange]) -> set[str]:
    """Return the tickets whose histories were requested separately."""
    found: set[str] = set()
    for exchange in exchanges:
        if exchange.path.endswith("/changelog/bulkfetch"):
            found.update(map(str, json.loads(exchange.body)["issueIdsOrKeys"]))
        elif exchange.path.endswith("/table/sys_audit"):
            asked = re.search(r"documentkeyIN([0-9a-f,]+)", exchange.query["sysparm_query"][0])
            found.update(asked[1].split(",") if asked else ())
    return found


@pytest.fixture(params=SOURCES)
def backfill(request: pytest.FixtureRequest, fork_server: ForkServer) -> Iterator[Backfill]:
    """A tracker with some tickets, each with its own history, and pages so small that there are several."""
    source = request.param
    more = f"page_size = {PAGE[source]}" if source == "servicenow" else ""
    with memory_folder() as folder, open_world(Path(folder), source, rules=(RULE,), more=more) as world:
        world.runtime.register.close()
        users = users_on(world.only)
        for number in range(TICKETS[source]):
            users.create(f"ticket {number}")
            world.later(minutes=7)
        for number, ticket in enumerate(users.records()):
            users.edit(ticket, f"cause {number}", number)
            users.save_many(ticket, f"text {number}", number)
            users.step(ticket, number)
            users.say(ticket, f"word {number}")
            if number % 5 == 0:
                users.create_part(ticket, f"task {number}")
            world.later(minutes=3)
        if source != "servicenow":
            world.only.settings(short_pages=PAGE[source])
        world.later(days=1)
        world.only.server.requests.keeps_answers = True
        yield Backfill(world, users, fork_server)
        assert world.only.server.crashes == []


def test_killed_around_each_page_it_resumes_there(backfill: Backfill) -> None:
    """A process is killed before and after each page commit (a seeded sample of them outside `make kills`)."""
    backfill.remove_register()
    steps = backfill.world.folder / "steps"
    whole, exchanges = backfill.sync(CAPA_SYNC_TEST_KILL_AT=f"record:{steps}")
    assert whole.code == 0, whole.err
    read, tables = full_reads(exchanges), backfill.tables()
    assert set(read) >= backfill.mirrored()
    assert len(backfill.mirrored()) > TICKETS[backfill.source]
    backfill.assert_complete(tables)
    names = [name for name in steps.read_text().split() if "page-commit" in name]
    pages = names.count("before-page-commit")
    assert pages == names.count("after-page-commit") >= TICKETS[backfill.source] // COMMIT[backfill.source] + 2
    places = [f"{when}-page-commit:{page}" for page in range(1, pages + 1) for when in ("before", "after")]
    for place in sampled(places, f"backfill {backfill.source}", least=3):
        _kill_at(backfill, place)
        assert _different(backfill.tables(), tables) == set(), f"killed {place}"


def _kill_at(backfill: Backfill, step: str) -> None:
    """Kill a backfill at a step and resume in another process; what was stored by then is not read again."""
    backfill.remove_register()
    killed, _ = backfill.sync(CAPA_SYNC_TEST_KILL_AT=step)
    assert killed.code == KILLED, f"{step}: was not killed: {killed.code} {killed.err}"
    stored = backfill.mirrored()
    again, exchanges = backfill.sync()
    assert again.code == 0, again.err
    read = full_reads(exchanges)
    # one row is read again to prove that nothing moved: the last one read, or the newest of each of two tables; after
    # the end of the backfill the next process polls, and reads again what changed last
    assert len(stored & set(read)) <= 2, f"{step}: {len(stored & set(read))} of {len(stored)} were read again"
    assert not stored & histories(exchanges) - set(read), f"{step}: histories of stored tickets were read again"
    assert read.total() <= 1.2 * (len(backfill.mirrored()) - len(stored)) + 4, step


def test_killed_at_every_page_in_turn_it_is_still_completed(backfill: Backfill) -> None:
    """Each process stores one page and is killed: each gets one page farther than the one before."""
    backfill.remove_register()
    assert backfill.sync()[0].code == 0
    tables, everything = backfill.tables(), backfill.mirrored()
    backfill.remove_register()
    known = [0]
    while known[-1] < len(everything):
        assert backfill.sync(CAPA_SYNC_TEST_KILL_AT="after-page-commit:1")[0].code == KILLED
        known.append(len(backfill.mirrored()))
        assert known[-1] > known[-2]
    assert len(known) > -(-TICKETS[backfill.source] // COMMIT[backfill.source])
    assert backfill.sync()[0].code == 0
    backfill.assert_complete(tables)


def test_ten_days_after_the_kill_it_resumes_all_the_same(backfill: Backfill) -> None:
    """A search position has expired and people made edits: only changes and the remaining tickets are read."""
    backfill.remove_register()
    commit = TICKETS[backfill.source] // COMMIT[backfill.source] // 2 + 1
    killed, _ = backfill.sync(CAPA_SYNC_TEST_KILL_AT=f"after-page-commit:{commit}")
    assert killed.code == KILLED
    stored = backfill.mirrored()
    backfill.world.later(days=10)
    touched = backfill.users.records()[::6]
    for ticket in touched:
        backfill.users.edit(ticket, "edited meanwhile", 1)
    backfill.users.create("written meanwhile")
    backfill.world.later(hours=1)
    again, exchanges = backfill.sync()
    assert again.code == 0, again.err
    read = full_reads(exchanges)
    assert len((stored & set(read)) - set(touched)) <= 2
    assert backfill.sync()[0].code == 0
    backfill.world.start()
    assert_equal(backfill.world, backfill.users)
    backfill.world.runtime.register.close()
