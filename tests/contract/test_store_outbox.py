"""What any store must do with intended writes: in order, once, and remembered over restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.write import Paragraph, Span, WarningText, Write, WriteKind, WriteState
from capa_sync.store import Register, open_register
from capa_sync.store.halts import EVERY_SOURCE
from tests.unit.store.fake_parser import DAY, MINUTE, T0
from tests.unit.store.writes import write

PENDING, UNKNOWN, DELIVERED = WriteState.PENDING, WriteState.UNKNOWN, WriteState.DELIVERED
FAILED, WITHHELD = WriteState.FAILED, WriteState.WITHHELD


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Register]:
    """Give a fresh store of each kind."""
    with open_register(tmp_path / "register.db", clock_now=T0) as fresh:
        yield fresh


def ids(writes: list[Write]) -> list[str]:
    """Return the ids in order."""
    return [planned.id for planned in writes]


def states(store: Register, ticket: str = "1") -> dict[str, str]:
    """Return id -> state of a ticket's writes."""
    return {planned.id: planned.state.value for planned in store.outbox.writes("jira", ticket)}


def deliver(store: Register, name: str, at: datetime = T0, remote_id: str = "") -> None:
    """Record a request and its good answer."""
    store.outbox.mark(name, UNKNOWN, at=at)
    store.outbox.mark(name, DELIVERED, at=at, remote_id=remote_id)


def test_a_write_comes_back_as_it_was_put(store: Register) -> None:
    """Text, labels, fields, points and marker survive the file."""
    store.outbox.put([write("a")])
    (held,) = store.outbox.due("jira", T0)
    assert replace(held, seq=0) == write("a")
    assert held.seq > 0


def test_putting_the_same_write_again_changes_nothing(store: Register) -> None:
    """The same intention has the same id, in every state it can be in."""
    store.outbox.put([write("a")])
    for state in (PENDING, UNKNOWN, FAILED, DELIVERED):
        store.outbox.mark("a", state, at=T0, error="e")
        before = store.changed_rows
        store.outbox.put([write("a")])
        assert store.changed_rows == before, state
        assert states(store) == {"a": state.value}


def test_a_newer_write_replaces_what_waits_or_failed(store: Register) -> None:
    """Of one ticket and kind only the newest intention is sent; other kinds and tickets are untouched."""
    store.outbox.put([write("old"), write("label", kind=WriteKind.LABELS), write("other", "2")])
    store.outbox.mark("old", FAILED, at=T0, error="refused")
    store.outbox.put([write("new")])
    assert states(store) == {"old": "withheld", "label": "pending", "new": "pending"}
    assert store.outbox.writes("jira", "1")[0].error == "replaced"
    assert states(store, "2") == {"other": "pending"}


def test_a_write_whose_answer_is_lost_is_looked_up_before_the_next_is_sent(store: Register) -> None:
    """The newer write waits behind it; when the older one proves not to be applied it is not sent any more."""
    store.outbox.put([write("old")])
    store.outbox.mark("old", UNKNOWN, at=T0)
    store.outbox.put([write("new")])
    assert ids(store.outbox.due("jira", T0)) == ["old"]
    store.outbox.mark("old", PENDING, at=T0)
    assert states(store) == {"old": "withheld", "new": "pending"}
    assert ids(store.outbox.due("jira", T0)) == ["new"]


def test_due_gives_one_write_a_ticket_the_oldest_first(store: Register) -> None:
    """A ticket's labels wait for its comment; tickets do not wait for each other."""
    store.outbox.put([write("c1"), write("l1", kind=WriteKind.LABELS), write("c2", "2"), write("x", source="snow")])
    assert ids(store.outbox.due("jira", T0)) == ["c1", "c2"]
    deliver(store, "c1")
    assert ids(store.outbox.due("jira", T0)) == ["l1", "c2"]


def test_a_ticket_waits_behind_its_own_stuck_write_only(store: Register) -> None:
    """A failed or postponed write delays the writes of its ticket and of no other."""
    store.outbox.put([write("c1"), write("l1", kind=WriteKind.LABELS), write("c2", "2"), write("c3", "3")])
    store.outbox.mark("c1", FAILED, at=T0, error="no permission")
    store.outbox.mark("c2", PENDING, at=T0, error="429", not_before=T0 + MINUTE)
    assert ids(store.outbox.due("jira", T0)) == ["c3"]
    assert ids(store.outbox.due("jira", T0 + MINUTE)) == ["c2", "c3"]


def test_attempts_are_counted_by_requests(store: Register) -> None:
    """Each UNKNOWN before a request counts; answers do not."""
    store.outbox.put([write("a")])
    for _ in range(2):
        store.outbox.mark("a", UNKNOWN, at=T0)
        store.outbox.mark("a", PENDING, at=T0, error="503")
    deliver(store, "a", T0 + MINUTE, "c9")
    (held,) = store.outbox.writes("jira", "1")
    assert (held.attempts, held.error, held.remote_id, held.delivered_at) == (3, "", "c9", T0 + MINUTE)


def test_stuck_writes_are_failed_retried_or_long_unanswered(store: Register) -> None:
    """A write that is only young, or under way, is not stuck."""
    store.outbox.put([write(name, name) for name in ("failed", "retried", "unknown", "young")])
    store.outbox.mark("failed", FAILED, at=T0, error="gone")
    store.outbox.mark("retried", UNKNOWN, at=T0)
    store.outbox.mark("retried", PENDING, at=T0, error="503")
    store.outbox.mark("unknown", UNKNOWN, at=T0)
    assert ids(store.outbox.stuck(T0)) == ["failed", "retried"]
    assert ids(store.outbox.stuck(T0 + 3 * MINUTE)) == ["failed", "retried", "unknown"]


def test_a_write_without_an_answer_twice_is_stuck_at_once(store: Register) -> None:
    """Each cycle sends it again and so begins its minutes anew: it would never count."""
    store.outbox.put([write("a")])
    store.outbox.mark("a", UNKNOWN, at=T0)
    assert ids(store.outbox.stuck(T0)) == []
    store.outbox.mark("a", UNKNOWN, at=T0 + DAY)
    assert ids(store.outbox.stuck(T0 + DAY)) == ["a"]


def test_retry_makes_stuck_writes_due_now(store: Register) -> None:
    """Of one ticket or of all; a first settling time is not shortened."""
    settling = replace(write("settling", "3"), not_before=T0 + DAY)
    store.outbox.put([write("a", "1"), write("b", "2"), settling])
    store.outbox.mark("a", FAILED, at=T0, error="refused")
    store.outbox.mark("b", UNKNOWN, at=T0)
    store.outbox.mark("b", PENDING, at=T0, error="429", not_before=T0 + DAY)
    assert store.outbox.retry(("jira", "1")) == 1
    assert ids(store.outbox.due("jira", T0)) == ["a"]
    assert store.outbox.retry() == 1
    assert ids(store.outbox.due("jira", T0)) == ["a", "b"]


def _says(words: str, day: int) -> Write:
    """Return a withheld write of one content in some words, planned on a day of March."""
    text = WarningText((Paragraph((Span(f"Check (as of {day} March 2026): {words}"),)),))
    return replace(write("a"), state=WITHHELD, error="plan", text=text)


def test_a_withheld_write_is_shown_as_it_would_be_sent_now(store: Register) -> None:
    """Other words, or another language, replace those of before; another instant of planning alone changes no row."""
    store.outbox.put([_says("nothing is written", 2)])
    before = store.changed_rows
    store.outbox.put([_says("nothing is written", 3)])
    assert store.changed_rows == before
    store.outbox.put([_says("nichts ist geschrieben", 4)])
    assert [held.text for held in store.outbox.withheld("jira")] == [_says("nichts ist geschrieben", 4).text]


def test_withheld_writes_wait_for_a_release_and_take_their_new_content(store: Register) -> None:
    """The planner puts the same write withheld each cycle, then pending once the brake is released."""
    held = replace(write("a"), state=WITHHELD, error="too_many_comments")
    store.outbox.put([held])
    before = store.changed_rows
    store.outbox.put([held])
    assert store.changed_rows == before
    assert ids(store.outbox.withheld("jira")) == ["a"]
    assert store.outbox.due("jira", T0) == []
    store.outbox.put([replace(write("a"), ticket_key="MOVED-1")])
    assert [(planned.id, planned.ticket_key) for planned in store.outbox.due("jira", T0)] == [("a", "MOVED-1")]
    store.outbox.put([held])
    assert store.outbox.due("jira", T0) == []


def test_what_is_no_longer_meant_is_withdrawn(store: Register) -> None:
    """A point that clears before its comment was sent leaves nothing to send."""
    store.outbox.put([write("a"), write("l", kind=WriteKind.LABELS)])
    store.outbox.withdraw("jira", "1", [WriteKind.COMMENT], "cleared before it was sent")
    assert states(store) == {"a": "withheld", "l": "pending"}
    assert ids(store.outbox.open("jira")) == ["l"]


def test_the_newest_delivered_write_of_each_kind_is_remembered(store: Register) -> None:
    """What is on the ticket now is what was delivered last."""
    store.outbox.put([write("a"), write("l", kind=WriteKind.LABELS)])
    deliver(store, "a", remote_id="c1")
    deliver(store, "l")
    store.outbox.put([write("b")])
    deliver(store, "b", T0 + DAY, "c1")
    store.outbox.put([write("c")])
    delivered = store.outbox.last_delivered("jira", "1")
    assert {kind: latest.id for kind, latest in delivered.items()} == {"comment": "b", "labels": "l"}
    assert store.outbox.last_delivered("jira", "2") == {}


def test_a_comment_deleted_by_a_person_is_forgotten_and_counted_once(store: Register) -> None:
    """Each of our comments can be deleted once; after the second deletion nothing is written on the ticket."""
    assert store.outbox.remote_comment("jira", "1") == ""
    for number in (1, 2):
        store.outbox.put([write(f"w{number}")])
        deliver(store, f"w{number}", remote_id=f"c{number}")
        assert store.outbox.remote_comment("jira", "1") == f"c{number}"
        for _ in range(2):
            store.outbox.mark(f"w{number}", DELIVERED, at=T0, deleted_by_person=True)
        assert (store.outbox.remote_comment("jira", "1"), store.outbox.deletions("jira", "1")) == ("", number)
    assert store.outbox.left_in_peace() == [("jira", "1")]


def test_notifications_count_once_a_ticket_and_day_with_those_under_way(store: Register) -> None:
    """A rolling count by source, over what was delivered or may have been."""
    store.outbox.put([write("a", "1"), write("b", "2"), write("c", "3", notifies=False), write("d", "4")])
    store.outbox.put([write("n", "1", WriteKind.WORK_NOTE), write("s", "9", source="snow")])
    for name in ("a", "n", "c", "s"):
        deliver(store, name)
    store.outbox.mark("b", UNKNOWN, at=T0)
    assert store.outbox.notifications_since("jira", T0) == 2
    assert store.outbox.notifications_since("snow", T0) == 1
    assert store.outbox.notifications_since("jira", T0 + MINUTE) == 0
    assert store.outbox.notified_since("jira", "1", T0)
    assert store.outbox.notified_since("jira", "2", T0)
    assert not store.outbox.notified_since("jira", "1", T0 + MINUTE)
    assert not store.outbox.notified_since("jira", "3", T0)


def test_a_rolling_count_survives_a_restart(tmp_path: Path) -> None:
    """What was delivered before a restart still counts after it."""
    with open_register(tmp_path / "r.db", clock_now=T0) as store:
        store.outbox.put([write("a")])
        deliver(store, "a")
    with open_register(tmp_path / "r.db", clock_now=T0 + DAY) as store:
        assert store.outbox.notifications_since("jira", T0) == 1


def test_a_release_lets_a_number_through_once(store: Register) -> None:
    """A limited release closes itself when it is used up; one for all when it is closed."""
    assert not store.outbox.activated
    store.outbox.safety_stop("jira", "30 new comments, 25 allowed", T0)
    store.outbox.release("jira", 3, T0)
    assert store.outbox.activated
    assert store.outbox.stops() == {}
    store.outbox.spend("jira", 2, T0)
    release = store.outbox.released("jira")
    assert release is not None
    assert release.remaining == 1
    store.outbox.spend("jira", 1, T0)
    assert store.outbox.released("jira") is None
    store.outbox.release("jira", None, T0)
    store.outbox.spend("jira", 1000, T0)
    everything = store.outbox.released("jira")
    assert everything is not None
    assert everything.remaining is None
    store.outbox.close_release("jira", T0)
    assert store.outbox.released("jira") is None
    assert store.outbox.released("snow") is None


@pytest.mark.parametrize("kind", HaltKind)
@pytest.mark.parametrize("named", ["jira", EVERY_SOURCE])
def test_an_unused_release_ends_with_each_change_of_a_halt(store: Register, kind: HaltKind, named: str) -> None:
    """Of the sources that the halt names alone; begun and ended, and also where a second halt replaces the first."""
    other, halts = "snow", tuple(HaltKind)
    store.halts.set(named, Halt(halts[halts.index(kind) - 1], T0, "ann"))
    for change in (lambda: store.halts.set(named, Halt(kind, T0, "ann")), lambda: store.halts.end(named, T0)):
        for source in ("jira", other):
            store.outbox.release(source, 3, T0)
        change()
        assert store.outbox.released("jira") is None
        assert (store.outbox.released(other) is None) is (named == EVERY_SOURCE)


def test_a_release_of_removals_leaves_what_holds_warnings(store: Register) -> None:
    """Neither is the register activated by it, nor does a stored stop end; one of warnings does both."""
    store.outbox.safety_stop("jira", "share", T0)
    store.outbox.release("jira", None, T0, of_warnings=False)
    assert store.outbox.released("jira") is not None
    assert not store.outbox.activated
    assert set(store.outbox.stops()) == {"jira"}


def test_a_safety_stop_keeps_its_first_instant(store: Register) -> None:
    """The same cause every cycle changes no row; another one is a new stop."""
    store.outbox.safety_stop("jira", "flood", T0)
    before = store.changed_rows
    store.outbox.safety_stop("jira", "flood", T0 + DAY)
    assert store.changed_rows == before
    assert store.outbox.stops()["jira"].at == T0
    store.outbox.safety_stop("jira", "share", T0 + DAY)
    assert store.outbox.stops()["jira"].cause == "share"


def test_requests_of_other_verbs_wait_in_order_until_they_are_done(store: Register) -> None:
    """A request is carried out once and answered."""
    first = store.requests.leave("release", {"count": None}, T0)
    second = store.requests.leave("retry", {"ticket": "CAPA-1"}, T0)
    assert [(request.verb, dict(request.args)) for request in store.requests.waiting()] == [
        ("release", {"count": None}),
        ("retry", {"ticket": "CAPA-1"}),
    ]
    store.requests.done(first, T0, "released")
    assert [request.id for request in store.requests.waiting()] == [second]
    assert (store.requests.answer(first), store.requests.answer(second)) == ("released", None)


def test_the_view_shows_each_write_as_it_stands(store: Register) -> None:
    """`v_writes` has the contract's columns first."""
    store.outbox.put([write("a")])
    deliver(store, "a", remote_id="c1")
    (row,) = store.view("v_writes")
    assert list(row)[:9] == [
        "source", "ticket_id", "ticket_key", "kind", "state", "attempts", "error", "delivered_at", "remote_id",
    ]  # fmt: skip
    assert list(row.values())[:9] == [
        "jira",
        "1",
        "CAPA-1",
        "comment",
        "delivered",
        1,
        "",
        "2026-03-02T09:00:00Z",
        "c1",
    ]
