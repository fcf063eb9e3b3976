"""Two periods that meet, and what the dry run says of them: no lead gets the same twice within a day."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from capa_sync.daemon.digest_times import is_left_to_next, is_tried, left_to_next
from capa_sync.model.digest import DigestKind, DigestOptions
from capa_sync.store import open_register, restore
from tests.digest.conftest import Verb
from tests.digest.test_daemon import sent_at, working
from tests.digest.world import DigestWorld
from tests.unit.store.fake_parser import DAY, T0
from tests.unit.writeback.harness import ManualClock

BERLIN, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")
OPTIONS = DigestOptions(quiet=(time(19), time(7)), timezone=BERLIN.key, holidays=frozenset({date(2026, 4, 6)}))
_SHOWN_AT = re.compile(r"to be sent at (\d{4}-\d\d-\d\d \d\d:\d\d)Z")


def at(text: str, zone: ZoneInfo = LONDON) -> datetime:
    """Return the instant of a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "now", "is_left"),
    [
        (0, "2026-03-01T07:59", False),
        (0, "2026-03-01T08:00", True),  # the next one begins in 24 hours
        (0, "2026-03-02T07:59", True),
        (0, "2026-03-02T08:00", False),
        (0, "2026-03-29T07:59", False),  # after the change to summer time
        (0, "2026-03-29T08:00", True),
        (6, "2026-03-28T06:59", False),  # the night between has 23 hours
        (6, "2026-03-28T07:00", True),
        (6, "2026-10-24T08:59", False),  # and this one 25
        (6, "2026-10-24T09:00", True),
        (0, "2026-04-06T07:59", False),  # Easter Monday: it is due on Tuesday
        (0, "2026-04-06T08:00", True),
    ],
)
def test_a_week_is_left_to_the_next_one_within_a_day_before_it(day: int, now: str, is_left: bool) -> None:
    """A day has 24 hours, over a change of the clock too; those of owners and managers have only what is new."""
    options = replace(OPTIONS, day=day, weekends=day == 6)
    assert is_left_to_next(options, DigestKind.LEAD, at(now, BERLIN)) is is_left
    assert not is_left_to_next(options, DigestKind.OWNER, at(now, BERLIN))


def subjects(world: DigestWorld) -> list[str]:
    """Return the week that each message to the lead names."""
    return [hooked["title"].removeprefix("Clause 10, week of ")[:10] for hooked in world.hook.received]


@pytest.mark.slow
def test_a_missed_week_and_the_next_one_are_one_message(world: DigestWorld) -> None:
    """After quiet hours, after a downtime of days or weeks, and over the change to summer time."""
    clock = ManualClock()
    looks = [
        ("2026-03-08T20:00", 0),  # the daemon was down for the week, and starts in the weekend's quiet time
        ("2026-03-09T07:00", 0),
        ("2026-03-09T07:55", 0),
        ("2026-03-09T08:00", 1),
        ("2026-03-09T08:05", 1),
        ("2026-03-16T07:10", 1),  # down for a week again
        ("2026-03-16T08:05", 2),
        ("2026-03-30T07:10", 2),  # for two weeks, over the change
        ("2026-03-30T08:00", 3),
        ("2026-04-22T12:00", 4),  # for more than three: the present week, once
        ("2026-04-26T12:00", 4),
        ("2026-04-27T08:01", 5),
        ("2026-05-08T12:00", 6),  # missed on Monday, and three days are left of it
        ("2026-05-11T08:00", 7),
    ]
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        for look, count in looks:
            sent_at(runtime, digest, clock, at(look))
            assert len(world.hook.received) == count, look
    mondays = ["2026-03-09", "2026-03-16", "2026-03-30", "2026-04-20", "2026-04-27", "2026-05-04", "2026-05-11"]
    assert subjects(world) == mondays


@pytest.mark.slow
def test_what_could_not_be_sent_for_a_week_is_left_to_the_next_unless_a_person_asks(world: DigestWorld) -> None:
    """Tried again until a day before the next one; what was asked for is sent for its own week."""
    clock = ManualClock()
    world.hook.status = 404
    with working(world, clock) as (runtime, digest):
        runtime.register.sends.begin(T0 - DAY)
        for look, count in (("2026-03-02T09:00", 1), ("2026-03-06T12:00", 2), ("2026-03-09T07:10", 2)):
            sent_at(runtime, digest, clock, at(look))
            assert len(world.hook.received) == count, look
        world.hook.status = 200
        sent_at(runtime, digest, clock, at("2026-03-09T07:50"))
        assert len(world.hook.received) == 2
        sent_at(runtime, digest, clock, at("2026-03-09T08:00"))
        world.hook.status = 0  # the answer is lost
        sent_at(runtime, digest, clock, at("2026-03-16T08:00"))
        world.hook.status = 200
        runtime.register.sends.ask_again(at("2026-03-23T07:30"))
        sent_at(runtime, digest, clock, at("2026-03-23T07:30"))
    assert subjects(world) == ["2026-03-02", "2026-03-02", "2026-03-09", "2026-03-16", "2026-03-16"]


# --- the dry run -------------------------------------------------------------------------------------------------
def shown_and_sent(verb: Verb, now: datetime) -> tuple[dict[str, str], dict[str, str], str]:
    """Return recipient -> when by the dry run, those whom the real run sent something, and what it said besides."""
    shown = json.loads(verb("digest", "--dry-run", "--json", at=now).out)["messages"]
    lines = verb("digest", "--dry-run", at=now).out.splitlines()
    done = verb("digest", "--json", at=now)
    sent = {f"{found['kind']} {found['recipient']}": found["state"] for found in json.loads(done.out)["sent"]}
    return {f"{found['kind']} {found['recipient']}": found["when"] for found in shown}, sent, "\n".join(lines[-2:])


@pytest.mark.slow
@pytest.mark.parametrize(
    "now",
    [
        "2026-03-02T09:00",
        "2026-03-02T20:00",
        "2026-03-07T12:00",
        "2026-03-08T09:30",
        "2026-03-09T07:10",
        "2026-06-05T20:00",
    ],
    ids=["due", "quiet", "weekend", "day-before", "just-before", "summer-time"],
)
def test_the_dry_run_says_what_the_real_run_does(world: DigestWorld, verb: Verb, now: str) -> None:
    """Now, and at the instant that it names for each other message; not a minute before that."""
    shown, sent, last = shown_and_sent(verb, at(now))
    assert shown
    assert sent.keys() == {name for name, when in shown.items() if when == "to be sent now"}
    is_left = "the lead digest of the week of 2026-03-02 is not sent any more: the next one, at 2026-03-09 08:00Z"
    assert (is_left in last) is (now == "2026-03-09T07:10")
    named = {name: _SHOWN_AT.match(when) for name, when in shown.items() if name not in sent}
    for instant in sorted({found[1] for found in named.values() if found}):
        due = datetime.fromisoformat(instant).replace(tzinfo=UTC)
        expected = {name for name, found in named.items() if found and found[1] == instant}
        assert not expected & shown_and_sent(verb, due - timedelta(minutes=1))[1].keys()
        assert expected <= shown_and_sent(verb, due)[1].keys()
    assert all(named.values())


@pytest.mark.parametrize("was_tried", [True, False])
def test_the_dry_run_of_a_restored_register_says_that_nothing_is_sent_now(
    world: DigestWorld, verb: Verb, tmp_path: Path, was_tried: bool
) -> None:
    """Nobody knows what was sent since the backup, neither what was due nor what waited; the next period is whole."""
    world.hook.status = 404
    if was_tried:
        verb("digest")  # the lead's waits
    path = world.folder / "register.db"
    with open_register(path, clock_now=T0) as register:
        if not was_tried:
            register.sends.begin(T0 - DAY)
        register.copy_to(tmp_path / "backup.db")
    restore(path, tmp_path / "backup.db", T0 + timedelta(hours=1))
    world.hook.status = 200
    shown, sent, _last = shown_and_sent(verb, T0 + timedelta(hours=2))
    next_week = "to be sent at 2026-03-09 08:00Z"
    assert shown["lead target:team"] == ("unknown for the period of 2026-03-02" if was_tried else next_week)
    assert sent == {}
    assert "to be sent now" not in shown.values()
    shown, sent, _last = shown_and_sent(verb, T0 + 7 * DAY)
    assert sent.keys() == {name for name, when in shown.items() if when == "to be sent now"}
    assert sent["lead target:team"] == "delivered"


def test_a_restored_register_repeats_what_a_person_asks_for(world: DigestWorld, verb: Verb, tmp_path: Path) -> None:
    """At once, not at the second time; and a send that waits for its next try is not shown as sent now."""
    world.hook.status = 404
    verb("digest")
    soon = T0 + timedelta(minutes=5)
    shown, sent, _last = shown_and_sent(verb, soon)
    assert (shown["lead target:team"], sent) == ("to be sent at 2026-03-02 09:10Z", {})
    path = world.folder / "register.db"
    with open_register(path, clock_now=T0) as register:
        register.copy_to(tmp_path / "backup.db")
    restore(path, tmp_path / "backup.db", soon)
    world.hook.status = 200
    assert verb("digest", "--again", at=soon).out == "lead digest to target team: sent\n"


def test_a_send_that_waited_in_a_backup_is_repeated_when_a_person_asks(tmp_path: Path) -> None:
    """It was never tried, as far as the register knows; also on the last day of the lead's week."""
    path, now = tmp_path / "register.db", at("2026-03-09T07:10", BERLIN)
    with open_register(path, clock_now=T0) as register:
        register.sends.begin(now - 8 * DAY)
        register.sends.plan(DigestKind.LEAD, date(2026, 3, 2), ["target:team"], now - 7 * DAY)
        register.copy_to(tmp_path / "backup.db")
    restore(path, tmp_path / "backup.db", now)
    with open_register(path, clock_now=now) as register:
        assert register.sends.ask_again(now) == 1
        assert [is_tried(OPTIONS, send, now) for send in register.sends.due(now)] == [True]


@pytest.mark.parametrize(("options", "is_told"), [(OPTIONS, False), (replace(OPTIONS, leads=("anna",)), True)])
def test_only_a_digest_with_recipients_is_said_to_be_left_to_the_next(
    tmp_path: Path, options: DigestOptions, is_told: bool
) -> None:
    """Owners alone have mail: no lead's digest is ever sent."""
    now = at("2026-03-09T07:10", BERLIN)
    with open_register(tmp_path / "register.db", clock_now=T0) as register:
        assert bool(left_to_next(register.sends, options, now, now - 8 * DAY)) is is_told
