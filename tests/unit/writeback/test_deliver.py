"""Delivering from the outbox: faults, kills at every step, and people who delete comments."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from capa_sync.errors import (
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    NotBefore,
    Retryable,
    Skippable,
    SourceError,
    WriteRefused,
)
from capa_sync.kinds import kind_named
from capa_sync.model.write import Write, WriteKind, WriteState
from capa_sync.writeback.backoff import FIRST, LONGEST, wait
from capa_sync.writeback.deliver import DeliveryReport, deliver_due, look_up_due, pass_by
from capa_sync.writeback.plan import plan_ticket
from capa_sync.writeback.ticket_plan import Target
from tests.unit.writeback.harness import (
    ON,
    T0,
    Book,
    Killed,
    Killer,
    ManualClock,
    Never,
    Tracker,
    finding,
)


class DeliveryHarness:
    """An outbox, a tracker, a clock, and tickets with planned warnings."""

    def __init__(self, kind: str = "jira", tickets: int = 1) -> None:
        self.book, self.tracker, self.clock = Book(), Tracker(), ManualClock()
        self.outbox = self.book.outbox
        options = replace(
            ON,
            channels=kind_named(kind).channels,
            text_field="text" * (kind != "jira"),
            state_field="state" * (kind != "jira"),
        )
        for number in range(tickets):
            target = Target("reg-1", "jira", f"{number}", f"CAPA-{number}", read_at=T0)
            self.outbox.put(plan_ticket(target, [finding()], [], now=T0, options=options).writes)

    def drain(self, killer: Killer | None = None) -> DeliveryReport:
        """Look up unknown writes, then deliver what is due."""
        checkpoint = killer or pass_by
        place: dict[str, Any] = {"outbox": self.outbox, "writer": self.tracker, "clock": self.clock, "stop": Never()}
        found = look_up_due("jira", **place, checkpoint=checkpoint)
        if found.fault is not None:
            return found
        report = deliver_due("jira", **place, checkpoint=checkpoint)
        report.waiting = found.waiting + report.waiting
        return report

    def states(self, ticket: str = "0") -> list[str]:
        """Return the states of a ticket's writes in order."""
        return [write.state.value for write in self.outbox.writes("jira", ticket)]

    def first(self, ticket: str = "0") -> Write:
        """Return a ticket's first write."""
        return self.outbox.writes("jira", ticket)[0]

    def fail(self, fault: Exception, *, applied: bool = False) -> None:
        """Make the next request end in a fault."""
        self.tracker.faults.append((fault, applied))


def test_every_due_write_is_delivered_in_order_and_marked() -> None:
    """Comment, labels and property are delivered in order, ticket by ticket; a second delivery sends nothing."""
    harness = DeliveryHarness(tickets=2)
    report = harness.drain()
    assert harness.tracker.requests == [
        ("0", "comment"), ("1", "comment"), ("0", "labels"), ("1", "labels"), ("0", "property"), ("1", "property"),
    ]  # fmt: skip
    assert len(report.delivered) == 6
    assert harness.states() == ["delivered"] * 3
    assert harness.outbox.remote_comment("jira", "0") == "c1"
    assert harness.drain() == DeliveryReport()
    assert len(harness.tracker.requests) == 6


def test_a_write_is_unknown_before_its_request() -> None:
    """A process that dies in the request leaves `unknown` with one attempt."""
    harness = DeliveryHarness()
    names: list[str] = []

    def die_in_request(name: str) -> None:
        names.append(name)
        if name == "deliver.request.before":
            assert (harness.first().state, harness.first().attempts) == (WriteState.UNKNOWN, 1)
            raise Killed(name)

    with pytest.raises(Killed):
        deliver_due(
            "jira",
            outbox=harness.outbox,
            writer=harness.tracker,
            clock=harness.clock,
            stop=Never(),
            checkpoint=die_in_request,
        )
    assert names == ["deliver.mark_unknown.before", "deliver.mark_unknown.after", "deliver.request.before"]


@pytest.mark.parametrize("kind", ["jira", "servicenow"])
def test_after_a_kill_at_any_step_each_write_is_delivered_exactly_once(kind: str) -> None:
    """It is killed at each call of each checkpoint and runs again: one comment, one note, right labels."""
    passages = Killer()
    DeliveryHarness(kind).drain(passages)
    assert len(passages.names) == (18 if kind == "jira" else 12)
    for step in range(len(passages.names)):
        harness = DeliveryHarness(kind)
        with pytest.raises(Killed):
            harness.drain(Killer(step))
        harness.drain()
        assert set(harness.states()) == {"delivered"}
        assert [len(own) for own in harness.tracker.comments.values()] == ([1] if kind == "jira" else [])
        assert harness.tracker.made <= 1
        assert [len(notes) for notes in harness.tracker.notes.values()] == ([] if kind == "jira" else [1])
        assert harness.tracker.labels == ({"0": {"capa-warning"}} if kind == "jira" else {})


@pytest.mark.parametrize("kind", ["jira", "servicenow"])
@pytest.mark.parametrize("applied", [True, False])
def test_a_lost_answer_is_looked_up_before_anything_is_sent_again(kind: str, applied: bool) -> None:
    """An applied write without an answer is found and not sent twice; one that was not applied is sent."""
    harness = DeliveryHarness(kind)
    harness.fail(DeliveryUnknown("jira", "the answer was lost"), applied=applied)
    assert harness.drain().waiting == [harness.first().id]
    assert (harness.first().state, harness.first().error) == (WriteState.UNKNOWN, "the answer was lost")
    sent = len(harness.tracker.requests)
    harness.clock.at += timedelta(minutes=1)
    harness.drain()
    assert set(harness.states()) == {"delivered"}
    first_kind = harness.first().kind.value
    assert [kind for _, kind in harness.tracker.requests[sent:]].count(first_kind) == (0 if applied else 1)
    assert harness.tracker.made == (1 if kind == "jira" else 0)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("odd", [TypeError("x"), OverflowError("x"), MemoryError(), RecursionError(), KeyError("x")])
def test_whatever_an_answer_raises_leaves_the_write_unknown(odd: Exception, applied: bool) -> None:
    """An unexpected error: the write is looked up, and sent again only if it is not there."""
    harness = DeliveryHarness()
    harness.fail(odd, applied=applied)
    harness.drain()
    assert harness.first().state is WriteState.UNKNOWN
    assert type(odd).__name__ in harness.first().error
    harness.clock.at += timedelta(minutes=1)
    harness.drain()
    assert set(harness.states()) == {"delivered"}
    assert harness.tracker.made == 1


def test_a_fault_while_looking_up_leaves_the_write_unknown() -> None:
    """While the lookup fails, nothing is sent."""
    harness = DeliveryHarness()
    harness.fail(DeliveryUnknown("jira", "the answer was lost"), applied=True)
    harness.drain()
    harness.clock.at += timedelta(minutes=1)

    def fail_to_look_up(write: Write, remote_id: str) -> None:
        raise Retryable("jira", "503", scope="ticket")

    harness.tracker.look_up = fail_to_look_up  # type: ignore[assignment]
    harness.drain()
    assert harness.first().state is WriteState.UNKNOWN
    assert harness.tracker.requests == [("0", "comment")]


@pytest.mark.parametrize(("wish", "expected"), [(timedelta(minutes=90), timedelta(minutes=90)), (None, None)])
def test_a_rate_limit_waits_as_long_as_the_tracker_asks(wish: timedelta | None, expected: timedelta | None) -> None:
    """The rest of the source is not tried, and the wish is passed on; without a wish we back off."""
    harness = DeliveryHarness(tickets=3)
    harness.fail(Retryable("jira", "429", retry_after=wish))
    report = harness.drain()
    assert (report.fault is not None, report.not_before) == (True, expected and T0 + expected)
    assert harness.first().state is WriteState.PENDING
    assert harness.first().not_before == T0 + (expected or wait(harness.first().id, 1))
    assert harness.tracker.requests == [("0", "comment")]


def test_a_blocked_write_delays_its_own_ticket_and_no_other() -> None:
    """A limit on one ticket lets every other ticket through; the blocked ticket keeps its order."""
    harness = DeliveryHarness(tickets=3)
    harness.fail(Retryable("jira", "429", retry_after=timedelta(seconds=30), scope="ticket"))
    report = harness.drain()
    assert (report.fault, harness.states("0")) == (None, ["pending"] * 3)
    assert harness.states("1") == harness.states("2") == ["delivered"] * 3
    harness.clock.at += timedelta(seconds=30)
    harness.drain()
    assert [kind for ticket, kind in harness.tracker.requests if ticket == "0"] == [
        "comment", "comment", "labels", "property",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "state", "stops"),
    [
        (WriteRefused("jira", "no permission"), WriteState.FAILED, False),
        (WriteRefused("jira", "409, conflicting edit", permanent=False), WriteState.PENDING, False),
        (Skippable("jira", "CAPA-0", "gone"), WriteState.FAILED, False),
        (NotBefore("jira", "told to stay away", T0 + timedelta(hours=2)), WriteState.PENDING, True),
        (Authentication("jira", "401"), WriteState.PENDING, True),
        (BadAnswer("jira", "HTML instead of JSON"), WriteState.UNKNOWN, False),
    ],
)
def test_each_fault_has_its_own_result(fault: SourceError, state: WriteState, stops: bool) -> None:
    """Refused is refused, not sent waits, unclear stays unknown; a fault of the whole source stops the source."""
    harness = DeliveryHarness(tickets=2)
    harness.fail(fault)
    report = harness.drain()
    assert (harness.first().state, harness.first().error) == (state, fault.message)
    assert (report.fault is fault, harness.states("1")[0]) == (stops, "pending" if stops else "delivered")


def test_a_tracker_that_says_retry_at_once_is_not_flooded() -> None:
    """Retry-After 0 still waits a second, so that a delivery always ends."""
    harness = DeliveryHarness()
    harness.fail(Retryable("jira", "429", retry_after=timedelta(0), scope="ticket"))
    harness.drain()
    assert harness.first().not_before == T0 + timedelta(seconds=1)


def test_the_stop_signal_is_obeyed_between_two_writes() -> None:
    """At most one more request is sent after the signal."""
    harness = DeliveryHarness(tickets=3)

    class AfterOne:
        """A stop signal that is set after the first check."""

        def is_set(self) -> bool:
            """Return whether to stop."""
            return len(harness.tracker.requests) >= 1

    report = deliver_due("jira", outbox=harness.outbox, writer=harness.tracker, clock=harness.clock, stop=AfterOne())
    assert (report.is_interrupted, len(harness.tracker.requests)) == (True, 1)


def edited(harness: DeliveryHarness, *, is_open: bool = True) -> Write:
    """Store an edit of the comment in the outbox."""
    target = Target("reg-1", "jira", "0", "CAPA-0", read_at=T0, labels=frozenset({"capa-warning"}))
    findings = [finding(), finding("extent-assessed")] if is_open else []
    plan = plan_ticket(target, findings, harness.outbox.writes("jira", "0"), now=T0, options=ON)
    comment = next(write for write in plan.writes if write.kind is WriteKind.COMMENT)
    harness.outbox.put([comment])
    return comment


def test_a_comment_deleted_by_a_person_comes_back_once_and_then_never() -> None:
    """First deletion: written again with the next edit, counted. Second: the write is withheld with the reason."""
    harness = DeliveryHarness()
    harness.drain()
    harness.tracker.delete_comment("0")
    edit = edited(harness)
    harness.drain()
    assert (harness.book.row(edit.id, "0").state, harness.outbox.deletions("jira", "0")) == (WriteState.DELIVERED, 1)
    assert (harness.tracker.made, len(harness.tracker.comments["0"])) == (2, 1)
    harness.tracker.delete_comment("0")
    harness.outbox.put([replace(edit, id="later", hash="other")])
    harness.drain()
    assert (harness.book.row("later", "0").state, harness.book.row("later", "0").error) == (
        WriteState.WITHHELD,
        "left in peace: a person deleted our comment twice",
    )
    assert (harness.tracker.made, harness.tracker.comments["0"]) == (2, {})


def test_an_all_clear_does_not_bring_a_deleted_comment_back() -> None:
    """The all-clear of a deleted comment is withheld: no point is open."""
    harness = DeliveryHarness()
    harness.drain()
    harness.tracker.delete_comment("0")
    edit = edited(harness, is_open=False)
    harness.drain()
    assert harness.book.row(edit.id, "0").state is WriteState.WITHHELD
    assert (harness.tracker.made, harness.outbox.deletions("jira", "0")) == (1, 1)


def test_waits_grow_to_an_hour_and_differ_between_writes() -> None:
    """They double from a few seconds, never shorter than half the step nor longer than an hour."""
    for attempts in range(1, 40):
        step = min(LONGEST, FIRST * 2 ** min(attempts - 1, 20))
        assert step / 2 <= wait("a", attempts) <= step
    assert len({wait(str(number), 3) for number in range(20)}) > 10
    assert wait("a", 3) == wait("a", 3)
