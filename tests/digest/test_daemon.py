"""The daemon sends digests at their time, and nothing about them holds it up."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from capa_sync.daemon.digesting import Digest, send_digests
from capa_sync.daemon.requests import carry_out_requests
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import UserError
from capa_sync.settings import load_settings
from capa_sync.store import DIGEST_AGAIN, restore
from capa_sync.wiring import build_digest, build_runtime_for_reading, configure
from tests.daemon.fork_server import FIRST_WAIT, ForkServer
from tests.daemon.harness import until
from tests.digest.conftest import verb_of
from tests.digest.test_verb import PERSONS, states
from tests.digest.world import DigestWorld
from tests.unit.store.fake_parser import DAY, T0
from tests.unit.writeback.harness import ManualClock

HOUR = timedelta(hours=1)


@contextmanager
def working(world: DigestWorld, clock: ManualClock) -> Iterator[tuple[Runtime, Digest]]:
    """Open the runtime and the digest, as the daemon does, without its threads."""
    settings = load_settings(world.settings, world.environ)
    configuration = configure(settings, world.settings, world.environ)
    digest = build_digest(configuration, world.environ)
    assert digest is not None
    with world.open() as register:
        yield build_runtime_for_reading(configuration, register, clock), digest


def sent_at(runtime: Runtime, digest: Digest, clock: ManualClock, at: datetime) -> int:
    """Let the daemon look at an instant; return how many messages it sent."""
    clock.at = at
    return len(send_digests(runtime, digest, at))


def test_a_daemon_that_begins_sends_nothing_before_its_next_time(world: DigestWorld) -> None:
    """Settings completed at noon send nothing at noon; each later period has one digest, also after a long stop."""
    clock = ManualClock()
    with working(world, clock) as (runtime, digest):
        assert sent_at(runtime, digest, clock, T0) == 0
        assert sent_at(runtime, digest, clock, T0 + 22 * HOUR) == 0
        assert sent_at(runtime, digest, clock, T0 + 23 * HOUR + timedelta(minutes=1)) == 3  # owners and a manager
        assert sent_at(runtime, digest, clock, T0 + 30 * HOUR) == 0
        # the lead, once for three weeks, and a warning that is now old enough for the manager
        assert sent_at(runtime, digest, clock, T0 + 21 * DAY) == 2
        assert sent_at(runtime, digest, clock, T0 + 21 * DAY + HOUR) == 0
    assert (world.mail.recipients, len(world.hook.received)) == ([*PERSONS, "mara@example.com"], 1)


@pytest.mark.slow
def test_a_clock_that_was_ahead_neither_ends_the_digests_nor_repeats_one(world: DigestWorld) -> None:
    """What was planned for a day in the future does not hold up the present period."""
    clock = ManualClock()
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        assert sent_at(runtime, digest, clock, T0) == 4
        assert sent_at(runtime, digest, clock, T0 + 700 * DAY) >= 1
        assert sent_at(runtime, digest, clock, T0 + HOUR) == 0
        assert sent_at(runtime, digest, clock, T0 + 7 * DAY) == 1
    assert len(world.hook.received) == 3


@pytest.mark.parametrize("days", [700, -700], ids=["ahead", "behind"])
def test_nothing_is_sent_while_every_tracker_says_that_our_clock_is_wrong(world: DigestWorld, days: int) -> None:
    """Periods would be those of another time; one tracker alone may be the one that is wrong."""
    clock = ManualClock()
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        first = next(iter(runtime.contexts))
        runtime.register.runs.finish(runtime.register.runs.start(first, "poll", T0), T0, ok=True, as_of=T0)
        for name in runtime.contexts:
            runtime.register.queue.note_clock_stop(name, f"{name}: our clock is wrong", T0)
        assert sent_at(runtime, digest, clock, T0 + days * DAY) == 0
        assert runtime.register.sends.since() == T0 - DAY
        runtime.register.queue.note_clock_stop(first, "", T0)
        assert sent_at(runtime, digest, clock, T0) == 4
    assert len(world.hook.received) == 1


def test_without_the_library_it_is_one_line_with_the_command(
    world: DigestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named; nothing else of capa-sync needs it."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    configuration = configure(load_settings(world.settings, world.environ), world.settings, world.environ)
    with pytest.raises(UserError) as caught:
        build_digest(configuration, world.environ)
    assert [str(problem) for problem in caught.value.problems] == [
        "the digest needs the library Apprise, which is not installed; python -m pip install 'capa-sync[digest]'"
    ]


def test_a_request_to_repeat_is_carried_out_once(world: DigestWorld) -> None:
    """What waits without an answer goes out again; what was delivered does not."""
    clock, world.mail.answer = ManualClock(), ""
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        assert sent_at(runtime, digest, clock, T0) == 4
        world.mail.answer = "250 OK"
        assert sent_at(runtime, digest, clock, T0 + HOUR) == 0
        runtime.register.requests.leave(DIGEST_AGAIN, {}, clock.at)
        assert carry_out_requests(runtime) == []
        assert sent_at(runtime, digest, clock, T0 + HOUR) == 3
        assert carry_out_requests(runtime) == []
        assert sent_at(runtime, digest, clock, T0 + 2 * HOUR) == 0
    assert set(states(world).values()) == {"delivered"}
    assert len(world.hook.received) == 1


@pytest.mark.slow
def test_a_restored_register_repeats_no_digest_of_the_time_since_its_backup(
    world: DigestWorld, tmp_path: Path
) -> None:
    """The backup does not know what was sent after it; the next period is sent as always."""
    clock = ManualClock()
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        runtime.register.copy_to(tmp_path / "backup.db")
        assert sent_at(runtime, digest, clock, T0) == 4
    restore(world.folder / "register.db", tmp_path / "backup.db", T0 + HOUR)
    with working(world, clock) as (runtime, digest):
        assert sent_at(runtime, digest, clock, T0 + 2 * HOUR) == 0
        assert sent_at(runtime, digest, clock, T0 + 7 * DAY) == 4
        assert runtime.register.verify().broken == 0


@pytest.mark.slow
def test_a_silent_mail_server_holds_up_neither_a_cycle_nor_the_end(
    world: DigestWorld, fork_server: ForkServer, tmp_path: Path
) -> None:
    """Sources are polled while a send waits; SIGTERM ends the daemon, and the send stays unknown."""
    with world.open() as register:
        register.sends.begin(T0 - DAY)
    world.mail.is_silent = True
    daemon = verb_of(world, fork_server, tmp_path, waits=False)("run", **{FIRST_WAIT: "0.01"})
    until(lambda: world.mail.received or daemon.ended.is_set())
    lines = len(daemon.err.splitlines())
    until(lambda: "action=cycle_" in "".join(daemon.err.splitlines()[lines:]) or daemon.ended.is_set())
    daemon.signal(signal.SIGTERM)
    assert daemon.wait().code == 0, daemon.err
    world.mail.is_silent = False
    assert states(world)["person:ana"] == "unknown"
    assert states(world)["target:team"] == "delivered"
    assert "Traceback" not in daemon.err
    assert "action=daemon_stopped" in daemon.err


def test_a_service_that_never_answers_ends_at_the_deadline(world: DigestWorld) -> None:
    """The sender waits no longer than it says; what one send left behind holds up no other."""
    world.mail.is_silent = True
    clock, stop = ManualClock(), threading.Event()
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        runtime.stop = stop
        stop_soon = threading.Thread(target=lambda: (until(lambda: world.mail.received), stop.set()))
        stop_soon.start()
        assert sent_at(runtime, digest, clock, T0) == 2
        stop_soon.join()
        stop.clear()
        world.mail.is_silent = False
        assert sent_at(runtime, digest, clock, T0) == 2
    assert states(world)["person:ana"] == "unknown"
    assert world.mail.recipients == PERSONS
