"""Any order of edits, faults, kills, brakes and deletions ends with the one comment that the ticket should have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from capa_sync.errors import (
    Authentication,
    BadAnswer,
    DeliveryUnknown,
    NotBefore,
    Retryable,
    SourceError,
    WriteRefused,
)
from capa_sync.kinds import kind_named
from capa_sync.model.finding import Finding, Severity
from capa_sync.model.write import WriteKind, WriteState
from capa_sync.writeback.deliver import DeliveryReport, deliver_due, look_up_due
from capa_sync.writeback.desired_state import DEADLINE_RULES
from capa_sync.writeback.plan import plan_ticket
from capa_sync.writeback.reported import REPLACED
from capa_sync.writeback.ticket_plan import Target, TicketPlan
from tests.unit.writeback.harness import DAY, HOUR, ON, T0, Book, Killed, Killer, ManualClock, Never, Tracker, judged

RULES = ("action-overdue", "extent-assessed", "root-cause-before-action")
SETTLE = timedelta(minutes=30)
TICKET = "10001"
LOST = (DeliveryUnknown("jira", "lost"), BadAnswer("jira", "HTML"))
REFUSED = (
    Retryable("jira", "429", timedelta(hours=2)),
    Retryable("jira", "503", scope="ticket"),
    Authentication("jira", "401"),
    NotBefore("jira", "stay away", T0 + 2 * HOUR),
    WriteRefused("jira", "409", permanent=False),
)
TROUBLE = st.one_of(
    st.none(),
    st.integers(0, 20),
    st.tuples(st.sampled_from(LOST), st.booleans()),
    st.tuples(st.sampled_from(REFUSED), st.just(False)),
)
"""No fault, a kill at that step, or a fault of the first request and whether the request was applied."""


class OneTicket(RuleBasedStateMachine):
    """A ticket, its findings, its outbox in a real register, its tracker, and people."""

    def __init__(self) -> None:
        super().__init__()
        self.book, self.tracker, self.clock = Book(), Tracker(), ManualClock()
        self.broken: dict[str, Severity] = {}
        self.findings: Sequence[Finding] = ()
        self.human_at: datetime | None = None
        self.notified: list[datetime] = []

    @initialize(kind=st.sampled_from(["jira", "servicenow", "notes only"]))
    def begin(self, kind: str) -> None:
        """Choose the tracker."""
        has_fields = kind == "servicenow"
        self.kind = kind
        self.options = replace(
            ON,
            channels=kind_named("jira" if kind == "jira" else "servicenow").channels,
            settle=SETTLE,
            text_field="text" * has_fields,
            state_field="state" * has_fields,
        )

    @rule(broken=st.dictionaries(st.sampled_from(RULES), st.sampled_from(list(Severity)[1:])))
    def people_edit(self, broken: dict[str, Severity]) -> None:
        """A human edit breaks and repairs rules."""
        self.broken, self.human_at = broken, self.clock.at

    @rule(broken=st.dictionaries(st.sampled_from(RULES), st.sampled_from(list(Severity)[1:])))
    def time_breaks(self, broken: dict[str, Severity]) -> None:
        """Rules change while nobody touches the ticket."""
        self.broken = broken

    @rule(minutes=st.sampled_from([10, 30, 60, 600, 24 * 60]))
    def time_passes(self, minutes: int) -> None:
        """The clock moves on."""
        self.clock.at += timedelta(minutes=minutes)

    @precondition(lambda self: self.tracker.comments.get(TICKET) and self.deletions == 0)
    @rule()
    def a_person_deletes_our_comment(self) -> None:
        """The first time, it is written again while a point is open."""
        self.tracker.delete_comment(TICKET)

    @rule(label=st.sampled_from(["capa-warning", "capa-overdue", "capa-waived", "urgent"]))
    def a_person_changes_labels(self, label: str) -> None:
        """Our own labels are corrected, other labels stay as they are."""
        self.tracker.labels.setdefault(TICKET, set()).symmetric_difference_update({label})

    @rule(brake=st.integers(0, 4), trouble=TROUBLE)
    def cycle(self, brake: int, trouble: int | tuple[SourceError, bool] | None) -> None:
        """Read, look up lost answers, plan, store (a brake may withhold), deliver; with or without faults.

        Whatever is sent says what is true now.
        """
        killer = Killer(trouble if isinstance(trouble, int) else -1)
        if not self._step(look_up_due, killer):
            return
        self._plan("brake" if brake == 0 else "")
        if isinstance(trouble, tuple):
            self.tracker.faults = [trouble]
        sent = len(self.tracker.sent)
        self._drain(killer)
        self.tracker.faults = []
        for write in self.tracker.sent[sent:]:
            shown = {name for name, point in write.points.items() if point in list(Severity)}
            assert write.text is None or shown == set(self.broken)
            assert write.kind is not WriteKind.PROPERTY or bool(self.broken) == (write.fields["state"] != "clear")

    @invariant()
    def never_two_comments_and_no_note_twice(self) -> None:
        """This holds at any instant."""
        assert len(self.tracker.comments.get(TICKET, {})) <= 1
        notes = self.tracker.notes.get(TICKET, [])
        assert len(notes) == len(set(notes))

    @invariant()
    def at_most_one_notification_a_day(self) -> None:
        """Notifications are counted that reached the tracker and count."""
        made = sorted(self.notified)
        assert all(later - earlier >= DAY for earlier, later in pairwise(made))

    def teardown(self) -> None:
        """After days of calm cycles the ticket says exactly what is true, and then nothing more is written."""
        for _ in range(8):
            self.clock.at += DAY
            self._step(look_up_due, Killer())
            self._plan("")
            self._drain(Killer())
        self._check()
        sent = len(self.tracker.requests)
        for _ in range(3):
            self.clock.at += DAY
            assert self._plan("").writes == ()
            self._drain(Killer())
        assert len(self.tracker.requests) == sent
        self.book.close()

    @property
    def deletions(self) -> int:
        """Return how often our comment was found deleted."""
        return self.book.outbox.deletions("jira", TICKET)

    def _plan(self, hold: str) -> TicketPlan:
        result = judged(self.findings, self.broken, self.clock.at)
        self.findings = result.current
        plan = plan_ticket(self._target(), self.findings, self.book.rows(), now=self.clock.at, options=self.options)
        for gone in plan.withdraw:
            self.book.outbox.mark(gone, WriteState.WITHHELD, at=self.clock.at, error=REPLACED)
        state = WriteState.WITHHELD if hold else WriteState.PENDING
        self.book.outbox.put(replace(write, state=state, error=hold) for write in plan.writes)
        return plan

    def _target(self) -> Target:
        stored = self.book.outbox.remote_comment("jira", TICKET)
        own = self.tracker.comments.get(TICKET, {})
        return Target(
            register="reg-1",
            source="jira",
            ticket_id=TICKET,
            ticket_key="CAPA-1",
            read_at=self.clock.at,
            labels=frozenset(self.tracker.labels.get(TICKET, ())),
            last_human_at=self.human_at,
            deletions=self.deletions,
            is_comment_gone=bool(stored) and stored not in own,
        )

    def _drain(self, killer: Killer) -> None:
        before = len(self.tracker.notes.get(TICKET, []))
        pending = {write.marker: write.notifies for write in self.book.rows()}
        self._step(deliver_due, killer)
        new_notes = self.tracker.notes.get(TICKET, [])[before:]
        self.notified += [self.clock.at for note in new_notes if pending[note]]

    def _step(self, step: Callable[..., DeliveryReport], killer: Killer) -> bool:
        """Run one step of the delivery; return whether the process survived."""
        with suppress(Killed):
            step(
                "jira",
                outbox=self.book.outbox,
                writer=self.tracker,
                clock=self.clock,
                stop=Never(),
                checkpoint=killer,
            )
            return True
        return False

    def _check(self) -> None:
        open_rules = set(self.broken)
        own = list(self.tracker.comments.get(TICKET, {}).values())
        if self.kind == "jira":
            expected = {"capa-warning"} if open_rules else set()
            expected |= {"capa-overdue"} if open_rules & DEADLINE_RULES else set()
            is_silent = not any(row.state is WriteState.DELIVERED for row in self.book.rows())
            have = self.tracker.labels.get(TICKET, set()) - {"urgent"}
            assert have == expected or (is_silent and not open_rules)
            assert bool(own) or not open_rules
        if self.kind == "servicenow" and self.tracker.fields:
            state = "overdue" if open_rules & DEADLINE_RULES else "warning" if open_rules else "clear"
            assert self.tracker.fields[TICKET] == {"state": state}
        for text in own:
            named = {name for name in RULES if f"{name} is broken" in text}
            assert named == open_rules
            assert bool(open_rules) != text.startswith("All Clause 10 checks on this ticket are clear")


OneTicket.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
test_one_ticket_over_any_life = OneTicket.TestCase


@pytest.mark.parametrize("kind", ["jira", "servicenow", "notes only"])
@pytest.mark.parametrize("is_applied", [True, False])
@pytest.mark.parametrize("is_refused_first", [True, False])
def test_no_notification_is_planned_while_the_last_one_may_still_arrive(
    kind: str, is_applied: bool, is_refused_first: bool
) -> None:
    """A notification planned a day ago may have been sent an hour ago, or be sent at the next attempt."""
    life = OneTicket()
    life.begin(kind)
    life.people_edit({"extent-assessed": Severity.LOW})
    life.time_passes(60)
    if is_refused_first:
        life.cycle(1, (REFUSED[0], False))
        life.time_passes(24 * 60)
    for _ in range(2):  # the first request of ServiceNow's fields, then that of the note
        life.cycle(1, (LOST[0], is_applied))
        life.time_passes(10)
    life.time_passes(60 if is_refused_first else 24 * 60)
    life.people_edit({"extent-assessed": Severity.HIGH})
    life.time_passes(60)
    life.cycle(1, None)
    life.never_two_comments_and_no_note_twice()
    life.at_most_one_notification_a_day()
    life.teardown()
    life.at_most_one_notification_a_day()
