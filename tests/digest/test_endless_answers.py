"""A service that answers without end costs its own message alone: neither the next one, nor time, nor memory."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.digest import send_process, sending
from tests.daemon.fork_server import ForkServer
from tests.daemon.harness import until
from tests.digest.conftest import verb_of
from tests.digest.odd_services import FLOODS, LARGE, LATE, OddService, greeting_drip, odd_hook, odd_mail_server
from tests.digest.test_daemon import sent_at, working
from tests.digest.test_verb import PERSONS, states
from tests.digest.world import PASSWORD, TOKEN, DigestWorld
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import DAY, T0
from tests.unit.writeback.harness import ManualClock

MOST = 64 * 1024
"""KiB that the memory of this process may grow by; each of the services sends far more."""
SOON = T0 + timedelta(minutes=30)


def round_of(world: DigestWorld) -> dict[str, str]:
    """Send what is due at `T0` and half an hour later; return recipient -> state. The memory stays bounded."""
    clock = ManualClock()
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sent_at(runtime, digest, clock, T0)
        first = states(world)
        sent_at(runtime, digest, clock, SOON)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST
    return first


def without_sign_in(world: DigestWorld) -> dict[str, str]:
    """Return the variables for a mail server that asks for no password."""
    return {**world.environ, "DIGEST_MAIL": f"mailto://127.0.0.1:{world.mail.port}?from=capa@example.com"}


def let_the_deadline_come(monkeypatch: pytest.MonkeyPatch, odd: OddService) -> None:
    """Let the time of a send be over as soon as the service was asked."""
    monkeypatch.setattr(send_process, "monotonic", lambda: time.monotonic() + 10**6 * len(odd.asked))


@pytest.mark.parametrize("name", [*LATE, *LARGE])
def test_a_hook_that_answers_without_end_costs_its_own_message_alone(
    world: DigestWorld, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its send is unknown and not repeated, its connection is closed; the others get theirs in the same round."""
    with odd_hook((LATE | LARGE)[name]) as odd:
        world.hook.port = odd.port
        if name in LATE:
            let_the_deadline_come(monkeypatch, odd)
        found = round_of(world)
        assert odd.gone.acquire(timeout=PATIENCE)
        assert odd.asked == [f"POST /{TOKEN}"]
    assert found.pop("target:team") == "unknown"
    assert set(found.values()) == {"delivered"}
    assert world.mail.recipients == PERSONS


@pytest.mark.parametrize("name", [*FLOODS])
def test_a_mail_server_that_talks_without_end_costs_its_own_messages_alone(
    world: DigestWorld, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The web hook gets its message, and each mail is tried once."""
    with odd_mail_server(FLOODS[name]) as odd:
        world.mail.port = odd.port
        monkeypatch.setattr(DigestWorld, "environ", without_sign_in(world))
        found = round_of(world)
        assert all(odd.gone.acquire(timeout=PATIENCE) for _ in PERSONS)
        assert odd.asked == ["mail"] * len(PERSONS)
    assert found.pop("target:team") == "delivered"
    assert set(found.values()) == {"unknown"}
    assert len(world.hook.received) == 1


def test_a_server_that_is_late_twice_in_a_row_is_spared_for_a_while(
    world: DigestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One recipient's fault holds up nobody; of a server's fault, the messages behind it wait and are not lost."""
    with odd_mail_server(greeting_drip) as odd:
        world.mail.port, right = odd.port, world.mail.port
        let_the_deadline_come(monkeypatch, odd)
        clock = ManualClock()
        with working(world, clock) as (runtime, digest):
            runtime.register.sends.begin(T0 - DAY)
            sent_at(runtime, digest, clock, T0)
            first = states(world)
            assert sent_at(runtime, digest, clock, SOON) == 1
            assert len(odd.asked) == 2
            later = sending.SPARED
            monkeypatch.setattr(sending, "monotonic", lambda: time.monotonic() + later)
            assert sent_at(runtime, digest, clock, T0 + timedelta(hours=2)) == 1
            assert len(odd.asked) == 3
    assert right != odd.port
    assert [first[f"person:{name}"] for name in ("ana", "bo", "mara")] == ["unknown", "unknown", "pending"]
    assert first["target:team"] == "delivered"
    assert states(world)["person:mara"] == "unknown"


def test_an_answer_ends_the_count_of_late_ones(world: DigestWorld) -> None:
    """Only sends in a row count, each server's own."""
    sender = sending.AppriseSender({}, "", "x.toml")
    for was_silent, is_spared in ((True, False), (False, False), (True, False), (True, True), (False, False)):
        sender._note("mail.example", was_silent=was_silent)
        assert sender._is_spared("mail.example") is is_spared
        assert not sender._is_spared("other.example")


def test_no_secret_is_in_the_list_of_processes(world: DigestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address and message go through a pipe; the arguments are the program alone."""
    started: list[str] = []
    start = subprocess.Popen

    def noted(arguments: list[str], **more: object) -> subprocess.Popen[bytes]:
        started.extend(arguments)
        assert "env" not in more
        return start(arguments, **more)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", noted)
    assert set(round_of(world).values()) == {"delivered"}
    assert started.count(sys.executable) == 1 + len(PERSONS)
    assert [words for words in started if any(part in words for part in (TOKEN, PASSWORD, "example.com"))] == []


def test_a_process_that_cannot_begin_handed_over_nothing(world: DigestWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be started, it ends before it begins, or the deadline comes first: the send is tried again."""
    for program, executable, why in (
        ("import sys; sys.exit(3)", sys.executable, "its process ended with 3, before anything was handed over"),
        ("", "/nowhere/python", "its process cannot be started: No such file or directory"),
        ("import time; time.sleep(1e6)", sys.executable, "no answer came in time, before anything was handed over"),
    ):
        monkeypatch.setattr(send_process, "_PROGRAM", program)
        monkeypatch.setattr(sys, "executable", executable)
        monkeypatch.setattr(sending, "DEADLINE", 1.0 if "sleep" in program else float(PATIENCE))
        clock = ManualClock()
        with working(world, clock) as (runtime, digest):
            runtime.register.sends.begin(T0 - DAY)
            runtime.register.sends.ask_again(T0)
            sent_at(runtime, digest, clock, T0)
            errors = {send.error for send in runtime.register.sends.open(T0)}
        assert errors == {why}
        assert set(states(world).values()) == {"pending"}
        for file in world.folder.glob("register.db*"):
            file.unlink()
        world.write()


def test_a_process_ends_with_the_daemon(world: DigestWorld, fork_server: ForkServer, tmp_path: Path) -> None:
    """A daemon that is killed leaves no process that still sends; one that stops waits for its grace alone."""
    with odd_hook(LATE["drip"]) as odd:
        world.hook.port = odd.port
        child = verb_of(world, fork_server, tmp_path, waits=False)("digest")
        until(lambda: odd.asked or child.ended.is_set())
        child.signal(signal.SIGKILL)
        child.wait()
        assert odd.gone.acquire(timeout=PATIENCE)
    assert states(world)["target:team"] == "unknown"


def test_what_is_meant_for_the_daemon_does_not_end_a_send(
    world: DigestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager signals every process of a service; the daemon alone decides when a send under way ends."""
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def noted(*arguments: object, **more: object) -> subprocess.Popen[bytes]:
        started.append(start(*arguments, **more))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    world.mail.is_silent = True

    def signal_once_taken() -> None:
        until(lambda: world.mail.received)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            started[-1].send_signal(number)
        world.mail.is_silent = False

    helper = threading.Thread(target=signal_once_taken)
    helper.start()
    assert set(round_of(world).values()) == {"delivered"}
    helper.join()
    assert world.mail.recipients == PERSONS
