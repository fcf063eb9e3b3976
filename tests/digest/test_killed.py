"""A process that is killed at any step of sending sends no message twice; what it left is shown and repeatable."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capa_sync.cli.checkpoints import VARIABLE
from tests.daemon import steps
from tests.daemon.fork_server import ForkServer, memory_folder
from tests.daemon.harness import until
from tests.daemon.kill_scenario import numbered, sampled
from tests.digest.conftest import Verb, verb_of
from tests.digest.test_verb import PERSONS, states
from tests.digest.world import DigestWorld, mail_server, web_hook
from tests.unit.store.fake_parser import DAY, T0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MESSAGES = {**dict.fromkeys(PERSONS, 1), "team": 1}


@contextmanager
def copied(filled: Path) -> Iterator[DigestWorld]:
    """Copy the world into memory, with servers of its own."""
    with memory_folder() as folder, mail_server() as mail, web_hook() as hook:
        shutil.copytree(filled, Path(folder) / "world")
        yield DigestWorld(Path(folder) / "world", mail, hook)


def arrived(world: DigestWorld) -> Counter[str]:
    """Count the messages by recipient."""
    return Counter([*world.mail.recipients, *("team" for _hooked in world.hook.received)])


def killed_and_run_again(world: DigestWorld, verb: Verb, **kill: str) -> str:
    """Kill a process at one step and run the verb again; return what is wrong then, "" for nothing."""
    killed = verb("digest", **kill)
    if killed.code != -signal.SIGKILL:
        return f"it was not killed but ended with {killed.code}"
    after = arrived(world)
    verb("digest")
    verb("digest", at=T0 + DAY)
    found, ended = arrived(world), states(world)
    lost = [recipient for recipient, state in ended.items() if state != "delivered"]
    if max(found.values(), default=0) > 1:
        return f"twice: {found}"
    if len(lost) > 1 or any(ended[recipient] != "unknown" for recipient in lost):
        return f"more was lost than the step: {ended}"
    if len(found) + len(lost) < len(MESSAGES):
        return f"never sent and not shown: {found} {ended} {after}"
    if lost and f"digest to {lost[0]} of" not in verb("status").out:
        return "status does not show it"
    verb("digest", "--again")
    return "" if set(states(world).values()) == {"delivered"} else f"not repeated: {states(world)}"


def test_killed_at_each_step_no_message_is_sent_twice(filled: Path, fork_server: ForkServer, tmp_path: Path) -> None:
    """Before each commit, and around each handing over; `make kills` takes all steps, the tests a sample."""
    file = tmp_path / "steps"
    with copied(filled) as world:
        whole = verb_of(world, fork_server, tmp_path)
        assert whole("digest", **{steps.VARIABLE: f"record:{file}"}).code == 0
        assert arrived(world) == MESSAGES
        assert states(world).keys() == {"target:team", "person:ana", "person:bo", "person:mara"}
    whole_run = numbered(file.read_text(encoding="utf-8").splitlines())
    assert sum(steps.COMMIT in step for step in whole_run) >= 2 + 2 * len(MESSAGES)
    before = [{steps.VARIABLE: f"kill:{step}"} for step in whole_run]
    points = [
        {VARIABLE: f"{name}:{count}"}
        for name in ("digest_attempted", "digest_handed_over", "digest_settled")
        for count in range(1, len(MESSAGES) + 1)
    ]
    wrong = {}
    for kill in sampled([*before, {VARIABLE: "digest_planned"}, *points], "digest"):
        with copied(filled) as world:
            wrong[str(kill)] = killed_and_run_again(world, verb_of(world, fork_server, tmp_path), **kill)
    assert {step: what for step, what in wrong.items() if what} == {}


def test_killed_while_the_server_holds_the_answer_it_is_unknown(
    world: DigestWorld, fork_server: ForkServer, tmp_path: Path
) -> None:
    """The server has the message and the process is gone: nobody repeats it but a person."""
    world.mail.is_silent = True
    child = verb_of(world, fork_server, tmp_path, waits=False)("digest")
    until(lambda: world.mail.received or child.ended.is_set())
    child.signal(signal.SIGKILL)
    child.wait()
    world.mail.is_silent = False
    verb = verb_of(world, fork_server, tmp_path)
    verb("digest")
    assert world.mail.recipients == PERSONS
    assert states(world)["person:ana"] == "unknown"
    assert "owner digest to person:ana of 2026-03-02, unknown whether it arrived, tried" in verb("status").out
