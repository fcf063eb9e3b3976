"""An erased record is gone, on each tracker, and neither a poll nor anything else that reads brings it back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.daemon.cycle import run_hinted
from capa_sync.daemon.erasing import record_named
from capa_sync.daemon.erasure_work import AT_ONCE, ErasureWork, erasure_args
from capa_sync.daemon.rebuilding import rebuild_derived
from capa_sync.errors import UserError
from capa_sync.model.erasure import ErasedBy, Erasure
from capa_sync.model.settings import RetentionOptions
from capa_sync.model.ticket import Skip
from capa_sync.sandbox.stories.script import AddAction, ChangeStage, Create, Fill
from capa_sync.store import ERASE
from tests.sync.equal import assert_rebuilt
from tests.sync.test_roles import subtask
from tests.sync.users import JiraUserDriver, users_on
from tests.sync.world import SOURCES, World, open_world

PLANTED = "Quarterstaff"
STORIES = ("stays", "goes", "remains")


def verb(world: World, *words: str) -> str:
    """Run a verb of `register` on the world's register; return what it printed."""
    options = ["--config", str(world.folder / "capa-sync.toml"), "--test-clock", world.clock.now().isoformat()]
    done = CliRunner().invoke(cli, ["register", *words, *options])
    assert done.exit_code == 0, done.output
    return done.output


def refusal(world: World, *words: str) -> str:
    """Run a verb of `register` that is the user's mistake; return the line."""
    options = ["--config", str(world.folder / "capa-sync.toml"), "--test-clock", world.clock.now().isoformat()]
    done = CliRunner().invoke(cli, ["register", *words, *options])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


@contextmanager
def warned(folder: Path, source: str) -> Iterator[World]:
    """Three records with an action and a finding that is on the ticket; one of them quotes a person everywhere."""
    with open_world(folder, source, mode="on") as world:
        for story in STORIES:
            text = f"{PLANTED} forgot it" if story == "goes" else story
            world.only.play(
                story, Create({"title": text, "description": text, "grade": "minor", "owner": "anna.lee"})
            )
            world.only.play(story, AddAction(text, None))
        users = users_on(world.only)
        for story in STORIES:
            users.create_part(world.only.id_of(story), PLANTED if story == "goes" else story)
        world.cycle()
        world.only.play("goes", Fill({"description": f"{PLANTED} forgot it twice", "location": PLANTED}))
        world.cycle(hours=1)
        assert world.states("goes") == {"root-cause-before-action": "open"}
        yield world


def traces(world: World) -> list[str]:
    """Return the files of the register that hold the person's name."""
    return [file.name for file in world.folder.glob("register.db*") if PLANTED.encode() in file.read_bytes()]


def key_of(world: World) -> str:
    """Return the key of the record that is erased."""
    return world.runtime.register.tickets.key(world.only.name, world.only.id_of("goes"))


@pytest.mark.parametrize("source", SOURCES)
def test_an_erased_record_is_gone_and_nothing_that_reads_brings_it_back(source: str, tmp_path: Path) -> None:
    """First a dry run; then polls, a census, a sweep, a hint, a rebuild and a new process: no row, write, byte."""
    with warned(tmp_path, source) as world:
        goes, key, register = world.only.id_of("goes"), key_of(world), world.runtime.register
        others = [row for row in world.view("v_register") if row["ticket_id"] != goes]
        heads = [register.chain.head()]
        shown = verb(world, "erase", key, "--reason", "case 17")
        assert "nothing was erased; the same command with --yes" in shown
        assert len(shown.splitlines()) == 4  # the record, its action, what is not reached, what to do
        assert traces(world)
        assert register.chain.head() == heads[0]
        assert verb(world, "erase", key, "--reason", "case 17", "--yes").splitlines()[-1].startswith("erased; ")
        assert traces(world) == []
        written = world.writes()
        world.only.play("goes", Fill({"description": f"{PLANTED} forgot it again"}))
        world.cycle()
        run_hinted(world.runtime, world.runtime.contexts[source], [goes])
        world.cycle(hours=2)  # with a census
        world.cycle(days=8, full=True)
        rebuild_derived(world.runtime)
        world.restart()
        world.cycle()
        register = world.runtime.register
        assert traces(world) == []
        assert world.writes() == written
        assert not world.view("v_tickets", ticket_id=goes)
        assert [row["register_no"] for row in world.view("v_register")] == [row["register_no"] for row in others]
        assert len(world.view("v_tickets", role="action")) == 2
        assert register.verify([head for head in heads if head is not None]).breaks == ()
        says = CliRunner().invoke(cli, ["explain", key, "--config", str(tmp_path / "capa-sync.toml")]).output
        assert f"{source}:{key} was erased on 2026-03-02" in says


def test_what_is_held_is_not_erased(tmp_path: Path) -> None:
    """By a hold on the ticket or on its source, set while an erasure already waits."""
    with warned(tmp_path, "jira") as world:
        key, register = key_of(world), world.runtime.register
        scope = record_named(world.runtime, key)
        verb(world, "hold", key, "--reason", "case 17")
        assert "is on legal hold" in verb(world, "erase", key, "--reason", "case 18")
        assert "on legal hold" in refusal(world, "erase", key, "--reason", "case 18", "--yes")
        verb(world, "unhold", key)
        assert "is on no legal hold" in refusal(world, "unhold", key)
        register.requests.leave(ERASE, erasure_args(scope, Erasure("case 18", "ann")), world.clock.now())
        verb(world, "hold", "--source", "jira", "--reason", "case 17")
        ErasureWork().do(world.runtime)
        assert register.requests.waiting() == []
        assert register.erasures.tombstones() == []
        assert "every ticket of jira is on legal hold" in verb(world, "retention")
        assert "every ticket of jira is on legal hold since" in world.status()


def test_a_ticket_that_was_never_readable_is_erased_too(tmp_path: Path) -> None:
    """The reason of its quarantine may quote it; afterwards it is not quarantined again."""
    with open_world(tmp_path, "jira") as world:
        world.cycle()
        register, skip = world.runtime.register, Skip("777", "CAPA-777", f"a field says {PLANTED}", "")
        assert register.tickets.set_unread("jira", skip)
        verb(world, "erase", "jira:capa-777", "--reason", "case 17", "--yes")
        assert traces(world) == []
        assert not register.tickets.set_unread("jira", skip)
        assert [stone.ticket_key for stone in register.erasures.named("CAPA-777")] == ["CAPA-777"]


def test_no_ticket_is_erased_under_a_cycle(tmp_path: Path) -> None:
    """The daemon waits until no cycle of its source is under way."""
    idle: list[bool] = [False]

    @contextmanager
    def turns(_sources: object) -> Iterator[bool]:
        yield idle[0]

    with warned(tmp_path, "jira") as world:
        register, work = world.runtime.register, ErasureWork(turns)
        scope = record_named(world.runtime, key_of(world))
        register.requests.leave(ERASE, erasure_args(scope, Erasure("case 18", "ann")), world.clock.now())
        work.do(world.runtime)
        assert len(register.requests.waiting()) == 1
        idle[0] = True
        work.do(world.runtime)
        assert {stone.erasure.reason for stone in register.erasures.tombstones()} == {"case 18"}
        assert traces(world) == []


def test_what_another_record_needs_stays_and_is_judged_again(tmp_path: Path) -> None:
    """An action of two records stays with the other; an action is not erased alone; a rebuild makes the same rows."""
    with open_world(tmp_path, "jira", rules=None) as world:
        users = users_on(world.only)
        assert isinstance(users, JiraUserDriver)
        for word in ("first", "second", "third"):
            users.create(word)
        first, second, third = users.records()
        shared, own = (subtask(users, first, word) for word in ("shared", "own"))
        users.link(shared, "Resolves", second)
        users.link(first, "Resolves", third)  # the record that goes is also an action of one that stays
        world.cycle(hours=1)
        register = world.runtime.register
        shown = verb(world, "erase", users.key(first), "--reason", "case 17", "--yes")
        assert f"jira:{users.key(shared)} stays: it is an action of another record too" in shown
        assert f"jira:{users.key(third)} names it: its own data hold the key" in shown
        assert register.erasures.among("jira", [first, second, third, shared, own]) == {first, own}
        why = refusal(world, "erase", users.key(shared), "--reason", "case 18")
        assert f"{users.key(shared)} is an action of jira:{users.key(second)}" in why
        assert f"jira:{users.key(first)} was erased on" in refusal(world, "hold", users.key(first), "--reason", "x")
        world.cycle(hours=2)
        actions = {row["ticket_key"]: row["action_key"] for row in world.view("v_actions", origin="link")}
        assert actions == {users.key(second): users.key(shared), users.key(third): users.key(first)}
        assert_rebuilt(world)


def test_retention_erases_what_ended_long_ago_and_nothing_else(tmp_path: Path) -> None:
    """Closed records six years later: open, held and younger ones stay; listed alone by default; some at a time."""
    with open_world(tmp_path, "jira") as world:
        for number in range(AT_ONCE + 4):
            world.only.play(f"old {number}", Create({"title": f"{PLANTED} {number}", "grade": "minor"}))
            if number:  # the first one stays open
                world.only.play(f"old {number}", ChangeStage("closed"))
        world.cycle(hours=1)
        world.later(days=3 * 365)
        world.only.play("young", Create({"title": "young", "grade": "minor"}))
        world.only.play("young", ChangeStage("closed"))
        world.cycle(days=3 * 365)
        assert ended(world) == []
        world.cycle(days=3)
        assert len(ended(world)) == AT_ONCE + 3
        held = ended(world)[0]["tickets"][0]
        verb(world, "hold", held, "--reason", "case 17")
        work, register = ErasureWork(), world.runtime.register
        work.do(world.runtime)
        assert register.erasures.tombstones() == []
        world.runtime.retention = RetentionOptions(erases=True)
        for count in (AT_ONCE, AT_ONCE + 2, AT_ONCE + 2):
            work.do(world.runtime)
            assert len(register.erasures.tombstones()) == count
        assert {stone.erasure.way for stone in register.erasures.tombstones()} == {ErasedBy.RETENTION}
        assert len(world.view("v_register")) == 3
        assert [row["kept"] for row in ended(world)] == [[row] for row in json.loads(listed(world))["holds"]]
        assert register.verify().breaks == ()
        lines = world.status().splitlines()
        assert f"{AT_ONCE + 2} tickets erased, and not mirrored again" in lines
        assert "1 record ended more than 2192 days ago: see `capa-sync register retention`; " in "\n".join(lines)


def listed(world: World) -> str:
    """Return what `register retention --json` prints."""
    return verb(world, "retention", "--json")


def ended(world: World) -> list[dict[str, Any]]:
    """Return the records whose time is over."""
    rows: list[dict[str, Any]] = json.loads(listed(world))["records"]
    return rows
