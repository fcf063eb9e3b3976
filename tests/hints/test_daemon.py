"""A real daemon with a long poll interval: hints arrive over HTTP, warnings follow long before the next poll."""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from capa_sync.sandbox.stories.script import Fill
from tests.daemon.harness import ALL, Daemon, Harness, until
from tests.hints.signed_hints import SECRET, signed
from tests.patience import PATIENCE

MakeHarness = Callable[..., Harness]
SETTINGS = '[hints]\nlisten = "127.0.0.1:0"\n'
TAKES = 'hint_secret_env = "HINT_SECRET"'
CAUSE = "No deputy was named for the review while its owner was on leave."


def hinting_harness(make_harness: MakeHarness, *sources: str) -> Harness:
    """Make trackers, with settings that accept hints from each of them."""
    names = sources or ALL
    harness = make_harness(*names, settings=SETTINGS, extra=dict.fromkeys(names, TAKES))
    text = harness.file.read_text(encoding="utf-8").replace('poll_every = "1s"', 'poll_every = "1h"')
    harness.file.write_text(text, encoding="utf-8")
    harness.env["HINT_SECRET"] = SECRET
    return harness


@contextmanager
def listening(harness: Harness) -> Iterator[tuple[Daemon, int]]:
    """Yield the daemon after its first cycles, and the port that it listens on."""
    with harness.daemon() as daemon:
        daemon.wait_for("hints_listening")
        found = re.search(r"at=http://127\.0\.0\.1:(\d+)", daemon.process.err)
        assert found
        for name in harness.names:
            daemon.wait_for("cycle_finished", source=name)
        yield daemon, int(found[1])


def body_of(harness: Harness, source: str, story: str) -> bytes:
    """Return a hint for a story's ticket, as its tracker makes it."""
    if source == "servicenow":
        return json.dumps({"table": "sn_grc_issue", "sys_id": harness.sys_id(story)}).encode()
    issue = harness.players[source].tracker.state.find(harness.key(source, story))
    return json.dumps({"webhookEvent": "jira:issue_updated", "issue": {"id": str(issue.id)}}).encode()


def send(port: int, source: str, body: bytes, *, secret: str = SECRET, identifier: str = "") -> int:
    """Send one hint; return the status."""
    name = "X-Capa-Sync-Signature" if source == "servicenow" else "X-Hub-Signature"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(
        "POST", f"/hints/{source}", body, {name: signed(body, secret), "X-Atlassian-Webhook-Identifier": identifier}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def is_warned(harness: Harness, source: str, story: str) -> bool:
    """Return whether the ticket has our warning."""
    shown = harness.picture(source, story)
    return bool(shown.get("comments") or shown.get("text"))


def test_a_hint_brings_the_warning_long_before_the_next_poll(make_harness: MakeHarness) -> None:
    """This holds on all three trackers, with the next poll an hour away; several hints give one comment."""
    harness = hinting_harness(make_harness)
    harness.sync()
    with listening(harness) as (daemon, port):
        for source in ALL:
            harness.create_broken(source, days=0)
            time.sleep(0.3)
            assert not is_warned(harness, source, "broken")
            for _ in range(3):
                assert send(port, source, body_of(harness, source, "broken")) == 202
            until(lambda source=source: is_warned(harness, source, "broken"))
            daemon.wait_for("hints_followed", source=source)
        assert daemon.stop().code == 0
    assert [len(harness.picture(source, "broken")["comments"]) for source in ALL[:2]] == [1, 1]
    assert len(harness.picture("servicenow", "broken")["notes"]) == 1


def test_a_storm_of_hints_with_forgeries_changes_nothing_but_latency(make_harness: MakeHarness) -> None:
    """200 hints a second for three seconds, true, doubled, stale, invented and forged, give one comment a ticket."""
    harness = hinting_harness(make_harness, "jira")
    for number in range(5):
        harness.create_broken("jira", f"old-{number}")
    harness.sync()
    with listening(harness) as (daemon, port):
        harness.create_broken("jira", "fresh", days=0)
        sent = len(harness.servers["jira"].requests)
        bodies = [body_of(harness, "jira", story) for story in [*(f"old-{number}" for number in range(5)), "fresh"]]
        bodies += [json.dumps({"issue": {"id": str(70_000 + number)}}).encode() for number in range(94)]
        statuses: list[int] = []
        began = time.monotonic()

        def storm(first: int) -> None:
            for number in range(first, 600, 4):
                due = began + number / 200
                time.sleep(max(0.0, due - time.monotonic()))
                forged = number % 5 == 1
                secret, name = ("forged" if forged else SECRET), str(number % 300)
                statuses.append(send(port, "jira", bodies[number % 100], secret=secret, identifier=name))

        senders = [threading.Thread(target=storm, args=(first,)) for first in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        until(lambda: is_warned(harness, "jira", "fresh"))
        assert sorted(set(statuses)) == [202, 401]
        assert statuses.count(401) == 120
        time.sleep(0.5)
        during = len(harness.servers["jira"].requests) - sent
        assert during < statuses.count(202), "hints were not grouped"
        assert _resident(daemon.process.pid) < 250
        assert len(daemon.lines("hints_refused")) <= 1
        assert daemon.lines("cycle_failed") == []
        assert daemon.stop().code == 0
    for story in (*(f"old-{number}" for number in range(5)), "fresh"):
        assert len(harness.picture("jira", story)["comments"]) == 1


def test_polls_and_hints_of_a_source_take_turns(make_harness: MakeHarness) -> None:
    """A hint waits for a slow poll that is under way: one source never has two requests at the same time."""
    harness = hinting_harness(make_harness, "jira")
    text = harness.file.read_text(encoding="utf-8").replace('poll_every = "1h"', 'poll_every = "1s"')
    harness.file.write_text(text, encoding="utf-8")
    harness.create_broken("jira")
    harness.sync()
    under_way, most, lock = 0, 0, threading.Lock()

    def begin_request(_request: object) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)

    def end_request(_request: object, _reply: object) -> None:
        nonlocal under_way
        with lock:
            under_way -= 1

    with listening(harness) as (daemon, port):
        server = harness.servers["jira"]
        server.before.append(begin_request)
        server.before.append(lambda _request: time.sleep(0.05))
        server.after.append(end_request)
        for number in range(30):
            harness.play_event("jira", "broken", Fill({"title": f"Access review missed, {number}"}))
            send(port, "jira", body_of(harness, "jira", "broken"))
            time.sleep(0.1)
        daemon.wait_for("hints_followed")
        daemon.wait_for_cycles(1, ["jira"])
        assert most == 1
        assert daemon.stop().code == 0


def test_hints_are_off_by_default_and_a_weak_secret_is_refused(make_harness: MakeHarness) -> None:
    """Without [hints] there is no listener; a short secret, a missing one, and another address give an error."""
    harness = make_harness("jira")
    harness.sync()
    with harness.daemon() as daemon:
        daemon.wait_for("cycle_finished")
        assert daemon.lines("hints_listening") == []
    listen = {"CAPA_SYNC_HINTS__LISTEN": "127.0.0.1:0"}
    named = {**listen, "CAPA_SYNC_SOURCES__JIRA__HINT_SECRET_ENV": "HINT_SECRET"}
    for env, words in (
        (listen, "needs hint_secret_env"),
        (named, "HINT_SECRET is not set"),
        ({**named, "HINT_SECRET": "short"}, "fewer than 16 characters"),
        ({**named, "HINT_SECRET": SECRET, "CAPA_SYNC_HINTS__LISTEN": "0.0.0.0:8766"}, "loopback"),
    ):
        done = harness.run("run", **env)
        assert done.code == 2
        assert words in done.err
        assert "Traceback" not in done.err
        assert env.get("HINT_SECRET", "?") not in done.err


def _resident(pid: int) -> float:
    """Return the MiB of memory that a process uses."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.parametrize("source", ["jira", "servicenow"])
def test_a_storm_of_hints_does_not_prevent_polls(make_harness: MakeHarness, source: str) -> None:
    """During hints with a new unknown id each, cycles go on at their interval."""
    harness = hinting_harness(make_harness, source)
    text = harness.file.read_text(encoding="utf-8").replace('poll_every = "1h"', 'poll_every = "1s"')
    harness.file.write_text(text, encoding="utf-8")
    harness.sync()
    with listening(harness) as (daemon, port):
        before = len(daemon.lines("cycle_finished"))
        began = time.monotonic()
        for number in range(300):
            id_ = {"sys_id": f"{number:032x}"} if source == "servicenow" else {"issue": {"id": str(50_000 + number)}}
            send(port, source, json.dumps(id_).encode())
            time.sleep(max(0.0, began + number / 100 - time.monotonic()))
        until(lambda: len(daemon.lines("cycle_finished")) - before >= 2)
        assert daemon.stop().code == 0
