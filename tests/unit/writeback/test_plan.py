"""What is planned for one ticket, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType

import pytest

from capa_sync.kinds import kind_named
from capa_sync.model.finding import Finding, FindingState, Mode, Outcome, Severity
from capa_sync.model.note import NoteMark
from capa_sync.model.record import CapaRecord, FieldChange, Stage
from capa_sync.model.settings import WriteOptions
from capa_sync.model.ticket import Origin, Presence
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.model.waiver import RequestAnswer
from capa_sync.model.write import TICKET_GONE, Wording, Write, WriteKind, WriteState
from capa_sync.writeback.baseline import is_before_baseline
from capa_sync.writeback.plan import IN_DOUBT, NOTIFIED, SETTLING, plan_ticket
from capa_sync.writeback.reported import NOT_MISSED, REPLACED
from capa_sync.writeback.ticket_plan import Target, TicketPlan
from capa_sync.writeback.withdrawal import plan_withdrawal
from tests.unit.writeback.harness import DAY, HOUR, ON, T0, Book, finding

NOTES = replace(ON, channels=kind_named("servicenow").channels)
SNOW = replace(NOTES, text_field="u_capa_sync_text", state_field="u_capa_sync_state")
TARGET = Target("reg-1", "jira", "10001", "CAPA-1", read_at=T0)
CAUSE, EXTENT = finding(), finding("extent-assessed", severity=Severity.MEDIUM)
CLEARED = replace(CAUSE, state=FindingState.CLEARED, cleared_at=T0)


@dataclass
class Ticket:
    """A ticket over several cycles: plans with an outbox and, by default, delivers at once."""

    options: WriteOptions = ON
    target: Target = TARGET
    book: Book = field(default_factory=Book)

    def plan(
        self,
        findings: list[Finding],
        now: datetime = T0,
        hold: str = "",
        outcomes: Mapping[str, Outcome] | None = None,
        **target: object,
    ) -> TicketPlan:
        """Plan and store in the outbox, withheld by a brake if one is named."""
        where = replace(self.target, **target)  # type: ignore[arg-type]
        plan = plan_ticket(where, findings, self.book.rows("10001"), now=now, options=self.options, outcomes=outcomes)
        self.book.outbox.learn({rule: tuple(learned) for rule, learned in plan.learned.items()})  # type: ignore[misc]
        for gone in plan.withdraw:
            self.book.outbox.mark(gone, WriteState.WITHHELD, at=now, error=REPLACED)
        state = WriteState.WITHHELD if hold else WriteState.PENDING
        self.book.outbox.put(replace(write, state=state, error=hold) for write in plan.writes)
        return plan

    def deliver(self, now: datetime = T0) -> None:
        """Deliver everything that waits."""
        for write in self.book.rows():
            if write.state is WriteState.PENDING:
                self.book.outbox.mark(write.id, WriteState.DELIVERED, at=now, remote_id="c1")

    def cycle(self, findings: list[Finding], now: datetime = T0, **target: object) -> list[WriteKind]:
        """Plan, deliver, and return the kinds written."""
        plan = self.plan(findings, now, **target)
        self.deliver(now)
        return [write.kind for write in plan.writes]


def by_kind(plan: TicketPlan) -> dict[WriteKind, Write]:
    """Sort a plan's writes by kind."""
    return {write.kind: write for write in plan.writes}


def test_a_first_warning_in_jira_is_a_comment_our_labels_and_the_property() -> None:
    """One comment with text and identity, the right label, the state in the property, and one notification."""
    plan = Ticket().plan([CAUSE, EXTENT])
    assert [write.kind for write in plan.writes] == [WriteKind.COMMENT, WriteKind.LABELS, WriteKind.PROPERTY]
    comment, labels, prop = plan.writes
    assert comment.text is not None
    assert comment.text.plain().startswith("Clause 10 check - 2 things to fix")
    assert (comment.marker, comment.notifies) == ("reg-1 10001", True)
    assert comment.points == {"root-cause-before-action": "high", "extent-assessed": "medium"}
    assert (labels.labels_add, labels.labels_remove) == (("capa-warning",), ())
    assert prop.fields == {"state": "warning", "rules": "root-cause-before-action extent-assessed"}
    assert (plan.state, plan.withheld, plan.next_due_at) == ("warning", "", None)


@pytest.mark.parametrize("options", [ON, SNOW, NOTES])
def test_nothing_changed_means_nothing_written(options: WriteOptions) -> None:
    """A hundred cycles with the same points, later each time, write once and leave the register unchanged."""
    ticket = Ticket(options)
    assert ticket.cycle([CAUSE])
    labels = frozenset({"capa-warning"})
    for days in range(1, 100):
        assert ticket.plan([CAUSE], T0 + days * DAY, labels=labels) == TicketPlan(state="warning")


@pytest.mark.parametrize("options", [ON, SNOW])
def test_other_words_for_the_same_facts_write_nothing_and_are_counted(options: WriteOptions) -> None:
    """Another message, title, label or name writes nothing; the register records once that the words are older."""
    ticket = Ticket(options, replace(TARGET, owner="Anna Lee", owner_id="anna"))
    labels = frozenset({"capa-warning"})
    ticket.cycle([replace(CAUSE, args=(("missing", "extent"),))])
    other = replace(CAUSE, args=(("missing", "extent"), ("due_at", "2025-06-30")), message="Other words", title="New")
    for hours in range(1, 4):
        plan = ticket.plan([other], T0 + hours * HOUR, labels=labels, owner="Anna Lee-Roy")
        assert (plan.writes, plan.withdraw, len(plan.learned)) == ((), (), int(hours == 1))
    assert ticket.book.outbox.older_wording() == {"jira": 1}
    other_place = replace(other, number=99)  # for example, in another order than before
    assert ticket.plan([other_place], T0 + 4 * HOUR, labels=labels).is_quiet
    back = ticket.plan([replace(CAUSE, args=(("missing", "extent"),))], T0 + 4 * HOUR, labels=labels)
    assert (back.writes, len(back.learned), ticket.book.outbox.older_wording()) == ((), 1, {})


@pytest.mark.parametrize(
    ("finding_now", "owner"),
    [
        (replace(CAUSE, args=(("missing", "note"), ("due_at", "2025-06-30"))), "anna"),
        (replace(CAUSE, args=(("missing", "extent"),), severity=Severity.LOW), "anna"),
        (replace(CAUSE, args=(("missing", "extent"),)), "bo"),
    ],
)
def test_another_fact_is_written_in_the_words_of_now(finding_now: Finding, owner: str) -> None:
    """A fact of both the old and the new words has changed: the comment is edited and gets the new wording."""
    ticket = Ticket(target=replace(TARGET, owner="Anna Lee", owner_id="anna"))
    ticket.cycle([replace(CAUSE, args=(("missing", "extent"),))])
    now = replace(finding_now, message="Other words")
    comment = by_kind(ticket.plan([now], T0 + HOUR, owner_id=owner))[WriteKind.COMMENT]
    assert comment.text is not None
    assert ("Other words" in comment.text.plain(), comment.notifies) == (True, False)


def older_version(ticket: Ticket, findings: list[Finding], hash_: str = "as the older version made it") -> None:
    """Leave the ticket as an older version without facts left it, with its own hash and its own words."""
    for write in ticket.plan(findings).writes:
        ticket.book.register._db.execute(
            "UPDATE write_out SET facts = NULL, hash = ?, text = replace(text, 'broken', 'old') WHERE id = ?",
            (hash_, write.id),
        )
    ticket.deliver()


@pytest.mark.parametrize("options", [ON, SNOW, NOTES])
def test_an_upgrade_alone_writes_nothing(options: WriteOptions) -> None:
    """What an older version wrote stays; from then on only a changed fact is written."""
    ticket, labels = Ticket(options), frozenset({"capa-warning"})
    older_version(ticket, [CAUSE, EXTENT])
    earlier = [replace(base, args=(("missing", "extent"),)) for base in (CAUSE, EXTENT)]
    first, second = (ticket.plan(earlier, T0 + hours * HOUR, labels=labels) for hours in (1, 2))
    assert (first.writes, first.withdraw, second) == ((), (), TicketPlan(state="warning"))
    assert ticket.book.outbox.older_wording() == ({"jira": 1} if options != NOTES else {})
    other = [replace(CAUSE, args=(("missing", "note"),)), earlier[1]]
    kinds = {write.kind for write in ticket.plan(other, T0 + 3 * HOUR, labels=labels).writes}
    assert kinds == ({WriteKind.COMMENT} if options is ON else {WriteKind.FIELDS} if options is SNOW else set())


@pytest.mark.parametrize("options", [ON, SNOW])
def test_an_upgrade_hides_no_point_that_was_fixed_or_came_meanwhile(options: WriteOptions) -> None:
    """Fewer, other or graver points than the older version wrote are written at once."""
    content = WriteKind.COMMENT if options is ON else WriteKind.FIELDS
    for now in ([CAUSE], [CLEARED], [CAUSE, replace(EXTENT, severity=Severity.HIGH)], [CAUSE, EXTENT, finding("x")]):
        ticket = Ticket(options)
        older_version(ticket, [CAUSE, EXTENT])
        assert content in by_kind(ticket.plan(now, T0 + DAY, labels=frozenset({"capa-warning"})))


@pytest.mark.parametrize("options", [ON, SNOW])
def test_a_refresh_edits_older_words_once_and_notifies_nobody(options: WriteOptions) -> None:
    """Only requested tickets are refreshed, as an edit of the text alone, and never a second time."""
    ticket, labels = Ticket(options), frozenset({"capa-warning"})
    content = WriteKind.COMMENT if options is ON else WriteKind.FIELDS
    ticket.cycle([CAUSE])
    other, outbox = replace(CAUSE, message="Other words"), ticket.book.outbox
    ticket.plan([other], T0 + HOUR, labels=labels)
    outbox.ask_refresh("jira", 5, T0)
    assert outbox.take_refresh("jira") == ["10001"]
    assert outbox.take_refresh("jira") == []
    plan = ticket.plan([other], T0 + HOUR, labels=labels)
    assert [(write.kind, write.notifies) for write in plan.writes] == [(content, False)]
    assert ticket.plan([other], T0 + HOUR, labels=labels).is_quiet
    ticket.deliver(T0 + HOUR)
    assert (ticket.plan([other], T0 + 2 * HOUR, labels=labels).is_quiet, outbox.older_wording()) == (True, {})


def test_a_refused_write_is_not_tried_again_for_other_words() -> None:
    """A permanent refusal stays in force while only the wording changes."""
    ticket = Ticket()
    comment = by_kind(ticket.plan([CAUSE]))[WriteKind.COMMENT]
    ticket.book.outbox.mark(comment.id, WriteState.FAILED, at=T0, error="no permission")
    assert ticket.plan([replace(CAUSE, message="Other words")]).is_quiet


def test_a_ticket_to_which_nothing_applies_any_more_says_so_and_loses_its_labels() -> None:
    """A rejected ticket gets a text of its own without fixed points, state clear; later it may get an all-clear."""
    ticket, snow = Ticket(), Ticket(SNOW)
    gone = dict.fromkeys((CAUSE.rule, EXTENT.rule), Outcome.NOT_APPLICABLE)
    for warned in (ticket, snow):
        warned.cycle([CAUSE])
    plan = ticket.plan([CLEARED], T0 + HOUR, outcomes=gone, labels=frozenset({"capa-warning"}))
    comment, labels, prop = plan.writes
    assert comment.text is not None
    assert comment.text.plain().startswith("Clause 10 check - these checks no longer apply to this ticket (as of")
    assert "fixed" not in comment.text.plain()
    assert (labels.labels_remove, prop.fields["state"], comment.notifies) == (("capa-warning",), "clear", False)
    fields, note = snow.plan([CLEARED], T0 + HOUR, outcomes=gone).writes
    assert fields.fields == {"u_capa_sync_state": "clear"}
    assert note.text == fields.text
    ticket.deliver(T0 + HOUR)
    assert ticket.plan([CLEARED], T0 + 2 * HOUR, outcomes=gone).is_quiet
    clear = ticket.plan([CLEARED], T0 + 3 * HOUR, outcomes=dict.fromkeys(gone, Outcome.OK)).writes[0]
    assert clear.text is not None
    assert clear.text.plain().startswith("All Clause 10 checks on this ticket are clear")


def test_a_ticket_never_warned_gets_nothing() -> None:
    """A ticket that never had a warning gets no all-clear, no waiver line and no label."""
    waived = replace(CAUSE, state=FindingState.WAIVED, waived_until=T0 + DAY)
    for options in (ON, SNOW):
        assert Ticket(options).plan([CLEARED]).writes == ()
        assert Ticket(options).plan([waived]).writes == ()


@pytest.mark.parametrize(
    "quiet",
    [
        replace(CAUSE, mode=Mode.QUIET),
        replace(CAUSE, severity=Severity.INFO),
        replace(CAUSE, state=FindingState.HISTORICAL),
        replace(CAUSE, state=FindingState.CANNOT_TELL),
    ],
)
def test_only_open_findings_of_warn_mode_above_info_are_written(quiet: Finding) -> None:
    """Findings of quiet rules, info, historical and cannot tell stay in the register."""
    assert Ticket().plan([quiet]).writes == ()


def test_a_hidden_finding_is_not_listed_while_its_hider_is_shown() -> None:
    """A finding hidden by a shown finding is not listed; one hidden by a finding that nobody sees there is listed."""
    echo = replace(EXTENT, hidden_by=CAUSE.rule)
    assert by_kind(Ticket().plan([CAUSE, echo]))[WriteKind.COMMENT].points == {CAUSE.rule: "high"}
    unseen = replace(CAUSE, mode=Mode.QUIET)
    assert by_kind(Ticket().plan([unseen, echo]))[WriteKind.COMMENT].points == {EXTENT.rule: "medium"}


@pytest.mark.parametrize(
    "rule", ["correction-recorded", "rca-on-time", "action-overdue", "implement-on-time", "effectiveness-overdue"]
)
def test_the_five_deadline_rules_make_a_ticket_overdue(rule: str) -> None:
    """Rules 7, 15, 21, 23 and 30 set `capa-overdue` and the state `overdue`."""
    plan = Ticket().plan([finding(rule)])
    assert by_kind(plan)[WriteKind.LABELS].labels_add == ("capa-overdue", "capa-warning")
    assert by_kind(Ticket(SNOW).plan([finding(rule)]))[WriteKind.FIELDS].fields == {"u_capa_sync_state": "overdue"}


def test_a_fixed_point_is_withdrawn_by_an_edit_and_its_labels_go() -> None:
    """For the all-clear the comment is edited, only our own labels are removed, nobody is notified."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    plan = ticket.plan([CLEARED], T0 + HOUR, labels=frozenset({"capa-warning", "urgent"}), read_at=T0 + HOUR)
    written = by_kind(plan)
    assert written[WriteKind.COMMENT].text is not None
    assert "1 earlier point was fixed" in written[WriteKind.COMMENT].text.plain()
    assert (written[WriteKind.LABELS].labels_add, written[WriteKind.LABELS].labels_remove) == ((), ("capa-warning",))
    assert (plan.notifies, plan.state) == (False, "clear")


def test_fixed_points_are_counted_over_the_whole_round_and_not_the_one_before() -> None:
    """Two points fixed one after the other count as two; after an all-clear a new warning starts with zero."""
    ticket = Ticket()
    ticket.cycle([CAUSE, EXTENT])
    ticket.cycle([CLEARED, EXTENT])
    fixed = [CLEARED, replace(EXTENT, state=FindingState.CLEARED)]
    text = by_kind(ticket.plan(fixed))[WriteKind.COMMENT].text
    assert text is not None
    assert "2 earlier points were fixed" in text.plain()
    ticket.deliver()
    again = by_kind(ticket.plan([CLEARED, replace(EXTENT, episode=2)]))[WriteKind.COMMENT]
    assert again.points == {EXTENT.rule: "medium"}


def test_labels_removed_by_a_person_come_back_and_foreign_ones_are_never_touched() -> None:
    """The difference is computed from the ticket's own labels, read after our last write."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    later = T0 + HOUR
    assert ticket.plan([CAUSE], later, labels=frozenset({"capa-warning", "capa-x"}), read_at=later).writes == ()
    (labels,) = ticket.plan([CAUSE], later, labels=frozenset({"capa-x", "capa-waived"}), read_at=later).writes
    assert (labels.labels_add, labels.labels_remove) == (("capa-warning",), ("capa-waived",))


def test_labels_are_not_written_again_before_the_ticket_was_read_again() -> None:
    """A reading older than our own write does not count against the write."""
    ticket = Ticket()
    ticket.cycle([CAUSE], T0 + HOUR)
    assert ticket.plan([CAUSE], T0 + 2 * HOUR, labels=frozenset(), read_at=T0).writes == ()


def test_nothing_is_written_while_people_are_editing() -> None:
    """Settle counts by the tracker's clock; the plan's next due instant is by our clock."""
    ticket = Ticket(replace(ON, settle=timedelta(minutes=30)))
    tracker_now = T0 - timedelta(minutes=10)
    busy = ticket.plan([CAUSE], last_human_at=tracker_now - timedelta(minutes=20), tracker_now=tracker_now)
    assert (busy.writes, busy.withheld) == ((), "a person edited the ticket a moment ago")
    assert busy.next_due_at == T0 + timedelta(minutes=10)
    calm = ticket.plan([CAUSE], last_human_at=tracker_now - timedelta(minutes=30), tracker_now=tracker_now)
    assert next(write.kind for write in calm.writes) is WriteKind.COMMENT


def test_a_waiting_warning_that_is_no_longer_true_is_withdrawn() -> None:
    """A write that was never sent and is not wanted any more is withdrawn, also while people are editing."""
    ticket = Ticket(replace(ON, settle=timedelta(minutes=30)))
    waiting = ticket.plan([CAUSE])
    plan = ticket.plan([CLEARED], T0 + HOUR, last_human_at=T0 + HOUR)
    assert set(plan.withdraw) == {write.id for write in waiting.writes}
    assert plan.writes == ()


def test_a_waiting_edit_is_withdrawn_when_the_ticket_already_has_the_right_text() -> None:
    """The ticket already has the right text before the edit was sent: no write at all."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    labels = frozenset({"capa-warning"})
    edit = ticket.plan([CAUSE, EXTENT], labels=labels)
    back = ticket.plan([CAUSE], labels=labels)
    assert (set(back.withdraw), back.writes) == ({write.id for write in edit.writes}, ())


def test_the_same_intention_has_the_same_id_and_a_return_is_a_new_one() -> None:
    """Planning twice from one state gives equal ids; A, B, A gives three; one that was never sent is used again."""
    ticket = Ticket()
    first = by_kind(plan_ticket(TARGET, [CAUSE], [], now=T0, options=ON))[WriteKind.COMMENT]
    assert by_kind(ticket.plan([CAUSE], T0 + HOUR))[WriteKind.COMMENT].id == first.id
    ticket.deliver()
    second = by_kind(ticket.plan([CAUSE, EXTENT]))[WriteKind.COMMENT]
    ticket.deliver()
    third = by_kind(ticket.plan([CAUSE]))[WriteKind.COMMENT]
    assert third.hash == first.hash
    assert len({first.id, second.id, third.id}) == 3
    assert ticket.plan([CAUSE, EXTENT]).writes == ()
    assert ticket.book.row(third.id).state is WriteState.WITHHELD
    fourth = by_kind(ticket.plan([CAUSE]))[WriteKind.COMMENT]
    assert (fourth.id, ticket.book.row(third.id).state) == (third.id, WriteState.PENDING)


def test_a_refused_write_is_not_planned_again_until_something_changes() -> None:
    """A permanent refusal stays in force for this content; another content is tried."""
    ticket = Ticket()
    comment = by_kind(ticket.plan([CAUSE]))[WriteKind.COMMENT]
    ticket.book.outbox.mark(comment.id, WriteState.FAILED, at=T0, error="no permission")
    labels = frozenset({"capa-warning"})
    assert ticket.plan([CAUSE], labels=labels).writes == ()
    assert WriteKind.COMMENT in by_kind(ticket.plan([CAUSE, EXTENT], labels=labels))


def test_a_write_withheld_by_a_brake_is_the_same_intention_every_cycle() -> None:
    """Withheld and planned again: one row, the same id. Released: delivered. Fixed meanwhile: withdrawn."""
    ticket = Ticket()
    for hours in range(3):
        plan = ticket.plan([CAUSE], T0 + hours * HOUR, hold="brake")
        assert plan.withdraw == ()
    assert [(row.state, row.error) for row in ticket.book.rows()] == [(WriteState.WITHHELD, "brake")] * 3
    gone = ticket.plan([CLEARED])
    assert (len(gone.withdraw), {row.error for row in ticket.book.rows()}) == (3, {REPLACED})
    assert ticket.plan([CLEARED]).withdraw == ()
    assert ticket.cycle([CAUSE]) == [WriteKind.COMMENT, WriteKind.LABELS, WriteKind.PROPERTY]
    assert len(ticket.book.rows()) == 3


def test_a_refused_write_that_is_no_longer_wanted_blocks_nobody() -> None:
    """A label that may not be set fails; once it is not wanted, the failed write is withdrawn."""
    ticket = Ticket()
    labels = by_kind(ticket.plan([CAUSE]))[WriteKind.LABELS]
    ticket.book.outbox.mark(labels.id, WriteState.FAILED, at=T0, error="no permission")
    ticket.deliver()
    plan = ticket.plan([CLEARED], T0 + HOUR)
    assert labels.id in plan.withdraw
    assert WriteKind.LABELS not in by_kind(plan)


def test_a_write_that_was_refused_while_the_ticket_was_hidden_is_planned_again() -> None:
    """It blocks no later write of the ticket; one that was refused for another reason waits for a person."""
    ticket = Ticket()
    labels = by_kind(ticket.plan([CAUSE]))[WriteKind.LABELS]
    ticket.book.outbox.mark(labels.id, WriteState.FAILED, at=T0, error=f"NC-1: the ticket {TICKET_GONE}")
    ticket.deliver()
    soon = ticket.plan([CAUSE], T0 + HOUR / 2)
    assert (soon.writes, soon.next_due_at) == ((), T0 + HOUR), "at once it would be refused again"
    again = ticket.plan([CAUSE], T0 + HOUR)
    assert [(write.kind, write.labels_add) for write in again.writes] == [(WriteKind.LABELS, labels.labels_add)]
    assert [write.id for write in ticket.book.rows() if write.state is WriteState.FAILED] == []
    ticket.book.outbox.mark(again.writes[0].id, WriteState.FAILED, at=T0 + HOUR, error="no permission")
    assert ticket.plan([CAUSE], T0 + DAY).writes == ()


def test_a_removal_that_was_refused_while_the_ticket_was_hidden_is_tried_each_hour() -> None:
    """Until a census notices that it is hidden; one that was refused for another reason waits for a person."""
    ticket = Ticket()
    ticket.cycle([CAUSE])

    def withdraw(hours: int, presence: Presence = Presence.PRESENT) -> list[WriteKind]:
        where = replace(ticket.target, labels=frozenset({"capa-warning"}), presence=presence)
        now = T0 + hours * HOUR
        plan = plan_withdrawal(where, ticket.book.rows("10001"), now=now, options=ticket.options)
        ticket.book.outbox.put(plan.writes)
        error = "no permission" if hours > 2 else f"NC-1: the ticket {TICKET_GONE}"
        for write in plan.writes:
            ticket.book.outbox.mark(write.id, WriteState.FAILED, at=now, error=error)
        return [write.kind for write in plan.writes]

    kinds = [WriteKind.COMMENT, WriteKind.LABELS, WriteKind.PROPERTY]
    assert (withdraw(1), withdraw(1), withdraw(2, Presence.DELETED_OR_HIDDEN)) == (kinds, [], [])
    assert (withdraw(2), withdraw(3), withdraw(99)) == (kinds, kinds, [])
    failed = [write.kind for write in ticket.book.rows() if write.state is WriteState.FAILED]
    assert failed == kinds, "those before are replaced"


def test_a_withheld_all_clear_is_not_planned_again() -> None:
    """Once withheld because the comment is gone, the all-clear is not planned again; a new point is a new comment."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    clear = by_kind(ticket.plan([CLEARED], T0 + HOUR))[WriteKind.COMMENT]
    ticket.book.outbox.mark(clear.id, WriteState.WITHHELD, at=T0, error=NOT_MISSED)
    ticket.deliver(T0 + HOUR)
    assert ticket.plan([CLEARED], T0 + 2 * HOUR) == TicketPlan()
    back = by_kind(ticket.plan([CLEARED, EXTENT], T0 + 2 * DAY))[WriteKind.COMMENT]
    assert back.notifies


@pytest.mark.parametrize("presence", [presence for presence in Presence if presence is not Presence.PRESENT])
def test_only_present_tickets_are_written_to(presence: Presence) -> None:
    """Gone, hidden, out of scope, archived or unobserved tickets get nothing, with the reason."""
    plan = Ticket().plan([CAUSE], presence=presence)
    assert (plan.writes, plan.withheld) == ((), f"the ticket is {presence.value.replace('_', ' ')}")


def test_tickets_closed_before_the_baseline_are_never_written_to() -> None:
    """They are judged and shown, not written to."""
    plan = Ticket().plan([CAUSE], is_before_baseline=True)
    assert (plan.writes, plan.withheld) == ((), "the ticket was closed before the baseline date")


def test_the_duplicate_gets_no_warning_and_an_old_warning_on_it_is_withdrawn() -> None:
    """Never warned: nothing. Warned before it was joined: its comment says where the points are now."""
    assert Ticket().plan([CAUSE], joined_to="CAPA-7").writes == ()
    ticket = Ticket()
    ticket.cycle([CAUSE])
    labels = frozenset({"capa-warning"})
    written = by_kind(ticket.plan([CAUSE], labels=labels, joined_to="CAPA-7"))
    assert written[WriteKind.COMMENT].text is not None
    assert "judged together with CAPA-7" in written[WriteKind.COMMENT].text.plain()
    assert written[WriteKind.LABELS].labels_remove == ("capa-warning",)
    ticket.deliver()
    assert ticket.plan([CAUSE], joined_to="CAPA-7").writes == ()


def test_a_deleted_comment_is_written_again_once_and_a_day_later() -> None:
    """Seen missing: a new comment, counted as a notification, so not within a day; never a third time."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    labels = frozenset({"capa-warning"})
    soon = ticket.plan([CAUSE], T0 + HOUR, labels=labels, read_at=T0 + HOUR, is_comment_gone=True)
    assert (soon.writes, soon.withheld) == ((), "people were notified within the last day")
    assert soon.next_due_at == T0 + DAY
    (again,) = ticket.plan([CAUSE], T0 + DAY, labels=labels, read_at=T0 + DAY, is_comment_gone=True).writes
    assert (again.kind, again.notifies) == (WriteKind.COMMENT, True)
    ticket.deliver(T0 + DAY)
    assert ticket.plan([CAUSE], T0 + DAY, labels=labels, read_at=T0 + HOUR, is_comment_gone=True).writes == ()
    peace = ticket.plan([CAUSE, EXTENT], T0 + 9 * DAY, labels=labels, deletions=2)
    assert (peace.writes, peace.withheld) == ((), "a person deleted our comment twice")


def test_an_all_clear_does_not_write_a_deleted_comment_again() -> None:
    """A person who deleted the warning and fixed the point gets no further comment."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    plan = ticket.plan([CLEARED], T0 + 2 * DAY, read_at=T0 + 2 * DAY, is_comment_gone=True)
    assert [write.kind for write in plan.writes] == [WriteKind.PROPERTY]


def test_servicenow_gets_text_state_and_one_work_note() -> None:
    """The fields have text and state; the note notifies once and has its marker line."""
    fields, note = Ticket(SNOW).plan([CAUSE]).writes
    assert (fields.kind, fields.fields, fields.notifies) == (
        WriteKind.FIELDS,
        {"u_capa_sync_state": "warning"},
        False,
    )
    mark = NoteMark.of("10001", note.id, {CAUSE.rule: Severity.HIGH})
    assert (note.kind, note.notifies, note.marker) == (WriteKind.WORK_NOTE, True, mark.line)


def test_a_work_note_is_written_for_new_and_worse_and_all_clear_only() -> None:
    """Better, fixed in part: fields alone. New, worse, reopened: a note too. All clear: an uncounted note."""
    ticket = Ticket(SNOW)
    note, fields = WriteKind.WORK_NOTE, WriteKind.FIELDS
    assert ticket.cycle([EXTENT]) == [fields, note]
    low = replace(EXTENT, severity=Severity.LOW)
    high = replace(EXTENT, severity=Severity.HIGH)
    assert ticket.cycle([low], T0 + DAY) == [fields]
    assert ticket.cycle([high], T0 + 2 * DAY) == [fields, note]
    assert ticket.cycle([high, replace(CAUSE, opened_at=T0 + 3 * DAY)], T0 + 3 * DAY) == [fields, note]
    assert ticket.cycle([high, CLEARED], T0 + 4 * DAY) == [fields]
    back = replace(CAUSE, episode=2, opened_at=T0 + 5 * DAY)
    assert ticket.cycle([high, back], T0 + 5 * DAY) == [fields, note]
    done = [replace(EXTENT, state=FindingState.CLEARED), CLEARED]
    plan = ticket.plan(done, T0 + 5 * DAY + HOUR)
    assert [(write.kind, write.notifies) for write in plan.writes] == [(fields, False), (note, False)]
    ticket.deliver(T0 + 5 * DAY + HOUR)
    assert ticket.cycle(done, T0 + 6 * DAY) == []


def test_a_second_notification_within_a_day_waits_and_is_then_sent() -> None:
    """The fields follow at once, the note after 24 hours; points fixed meanwhile are not in it."""
    ticket = Ticket(SNOW)
    ticket.cycle([EXTENT])
    later = replace(CAUSE, opened_at=T0 + HOUR)
    delayed = ticket.plan([EXTENT, later], T0 + HOUR)
    ticket.deliver(T0 + HOUR)
    assert [write.kind for write in delayed.writes] == [WriteKind.FIELDS]
    assert (delayed.withheld, delayed.next_due_at) == ("people were notified within the last day", T0 + DAY)
    (note,) = ticket.plan([EXTENT, later], T0 + DAY).writes
    assert (note.kind, note.points) == (WriteKind.WORK_NOTE, {EXTENT.rule: "medium", CAUSE.rule: "high"})
    other = Ticket(SNOW)
    other.cycle([EXTENT])
    other.cycle([EXTENT, later], T0 + HOUR)
    assert other.cycle([EXTENT], T0 + 2 * HOUR) == [WriteKind.FIELDS]
    assert other.cycle([EXTENT], T0 + DAY) == []


def test_a_note_that_waits_in_the_outbox_is_replaced_by_a_corrected_note() -> None:
    """A point fixed before the note was sent is not in the note; the other point still is."""
    ticket = Ticket(NOTES)
    ticket.plan([CAUSE, EXTENT])
    (note,) = ticket.plan([CLEARED, EXTENT]).writes
    assert note.points == {EXTENT.rule: "medium"}
    states = [write.state for write in ticket.book.rows()]
    assert states == [WriteState.WITHHELD, WriteState.PENDING]


def test_work_notes_alone_report_a_point_that_came_back() -> None:
    """Without fields nobody saw the fix; the new episode of the same rule is still written."""
    ticket = Ticket(NOTES)
    assert ticket.cycle([CAUSE, EXTENT]) == [WriteKind.WORK_NOTE]
    assert ticket.cycle([CLEARED, EXTENT], T0 + DAY) == []
    back = replace(CAUSE, episode=2, opened_at=T0 + 2 * DAY)
    assert ticket.cycle([back, EXTENT], T0 + 2 * DAY) == [WriteKind.WORK_NOTE]


def test_no_work_notes_when_they_are_switched_off() -> None:
    """With `work_notes = false` only the fields are written."""
    assert Ticket(replace(SNOW, work_notes=False)).cycle([CAUSE]) == [WriteKind.FIELDS]


@pytest.mark.parametrize("field", ["text_field", "state_field"])
def test_one_field_that_is_configured_is_written(field: str) -> None:
    """A text without a state, or a state without a text."""
    (fields,) = Ticket(replace(NOTES, work_notes=False, **{field: "u_own"})).plan([CAUSE]).writes  # type: ignore[arg-type]
    assert (fields.kind, dict(fields.fields)) == (
        WriteKind.FIELDS,
        {"u_own": "warning"} if field == "state_field" else {},
    )


@pytest.mark.parametrize("shown", [[], [replace(EXTENT, severity=Severity.LOW)]])
def test_a_work_note_reports_each_answer_to_a_request_once(shown: list[Finding]) -> None:
    """Also beside a point that was reported before. A note of a version that kept no facts is not repeated."""
    first, second = (RequestAnswer(key, "owner-active", "Mara Roy", "no such person") for key in ("k1", "k2"))
    ticket = Ticket(NOTES)
    assert ticket.cycle(shown, answers=()) == ([WriteKind.WORK_NOTE] if shown else [])
    assert ticket.cycle(shown, T0 + DAY, answers=(first,)) == [WriteKind.WORK_NOTE]
    assert ticket.cycle(shown, T0 + 2 * DAY, answers=(first,)) == []
    assert ticket.cycle(shown, T0 + 3 * DAY, answers=(first, second)) == [WriteKind.WORK_NOTE]
    assert ticket.cycle(shown, T0 + 4 * DAY, answers=(first, second)) == []
    old = [replace(row, facts=None) for row in ticket.book.rows()]
    plan = plan_ticket(replace(TARGET, answers=(first,)), shown, old, now=T0 + 5 * DAY, options=NOTES)
    assert plan.writes == ()


def test_labels_under_way_hold_back_no_other_labels() -> None:
    """A change of labels that waits is replaced when other labels are wanted, and not planned twice."""
    ticket = Ticket()
    ticket.plan([CAUSE])
    overdue = finding("rca-on-time")
    assert WriteKind.LABELS not in by_kind(ticket.plan([CAUSE]))
    labels = by_kind(ticket.plan([CAUSE, overdue]))[WriteKind.LABELS]
    assert labels.labels_add == ("capa-overdue", "capa-warning")


def test_a_comment_under_way_is_not_written_a_second_time() -> None:
    """Neither one that is missing on the ticket nor one whose words a person asked to renew."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    where = {"labels": frozenset({"capa-warning"}), "read_at": T0 + 2 * DAY}
    again = ticket.plan([CAUSE], T0 + 2 * DAY, is_comment_gone=True, **where)
    assert [write.kind for write in again.writes] == [WriteKind.COMMENT]
    assert ticket.plan([CAUSE], T0 + 2 * DAY, is_comment_gone=True, **where).writes == ()
    ticket.deliver(T0 + 2 * DAY)
    comment = ticket.book.rows()[-1]
    waiting = replace(comment, id="next", seq=comment.seq + 1, state=WriteState.PENDING)
    other = replace(CAUSE, message="Other words")
    for rows, kinds in (([comment], [WriteKind.COMMENT]), ([comment, waiting], [])):
        asked = [replace(rows[0], wording=Wording.REFRESH), *rows[1:]]
        target = replace(TARGET, labels=frozenset({"capa-warning"}))
        plan = plan_ticket(
            target, [other], asked, now=T0 + 3 * DAY, options=replace(ON, channels=(WriteKind.COMMENT,))
        )
        assert [write.kind for write in plan.writes] == kinds


def test_a_text_keeps_the_facts_that_it_was_written_with() -> None:
    """A fact that only an earlier version had stays with the text; a note has the episodes that it reports."""
    ticket = Ticket(NOTES)
    ticket.cycle([CAUSE, replace(EXTENT, episode=3)])
    (note,) = ticket.book.rows()
    assert note.facts is not None
    assert note.facts["episodes"] == "1 3"
    earlier = [replace(note, facts={**note.facts, "earlier": "x"})]
    plan = plan_ticket(TARGET, [CAUSE, replace(EXTENT, episode=3)], earlier, now=T0 + DAY, options=NOTES)
    assert (plan.writes, plan.learned) == ((), {})
    comment = Ticket()
    comment.cycle([CAUSE])
    rows = [replace(row, facts={**(row.facts or {}), "earlier": "x"}) for row in comment.book.rows()]
    assert plan_ticket(TARGET, [CAUSE], rows[:1], now=T0 + DAY, options=ON).learned == {}


def test_the_facts_of_a_text_have_the_names_that_are_stored() -> None:
    """Texts of earlier versions are compared by these names: another name would make every text another one."""
    answers = tuple(RequestAnswer(key, "owner-active", "Mara Roy", "no such person") for key in ("k1", "k2"))
    waived = replace(CAUSE, state=FindingState.WAIVED, waived_until=T0 + DAY)
    target = replace(TARGET, owner="Anna Lee", owner_id="anna", answers=answers)
    warned = by_kind(plan_ticket(target, [EXTENT, waived], [], now=T0, options=ON))[WriteKind.COMMENT]
    assert warned.facts == {
        "joined": "",
        "state": "warning",
        "shown": "extent-assessed=medium",
        "waived": f"{CAUSE.rule}={(T0 + DAY).isoformat()} asked:k1 asked:k2",
        "unsure": "",
        "owner": "anna",
    }
    calm = by_kind(plan_ticket(target, [], [], now=T0, options=ON))[WriteKind.COMMENT]
    assert calm.facts == {"joined": "", "state": "clear", "shown": "", "waived": "asked:k1 asked:k2"} | {
        "unsure": "",
        "calm": "clear",
    }
    moved = replace(target, is_action=True, action_of=("A-1", "A-2"), answers=())
    action = by_kind(plan_ticket(moved, [], [replace(warned, state=WriteState.DELIVERED)], now=T0, options=ON))
    assert action[WriteKind.COMMENT].facts == {"joined": "an action of A-1 A-2"}


def test_each_intention_has_an_id_of_its_own() -> None:
    """Register, source, ticket, channel and content distinguish writes; the same plan made again has the same ids."""

    def ids(findings: list[Finding], **changes: object) -> set[str]:
        target = replace(TARGET, **changes)  # type: ignore[arg-type]
        return {write.id for write in plan_ticket(target, findings, [], now=T0, options=ON).writes}

    made = [
        ids([CAUSE]),
        ids([EXTENT]),
        ids([CAUSE], register="reg-2"),
        ids([CAUSE], source="other"),
        ids([CAUSE], ticket_id="10002"),
    ]
    assert [len(found) for found in made] == [3] * 5
    labels = by_kind(plan_ticket(TARGET, [CAUSE], [], now=T0, options=ON))[WriteKind.LABELS].id
    assert made[0] & made[1] == {labels}  # both points ask for the same label
    assert len(set().union(*made)) == 14
    assert ids([CAUSE]) == made[0]


def test_a_text_names_the_owner_the_answers_and_the_records_of_an_action() -> None:
    """Each appears in what people read on the ticket; a write without a text has no points."""
    answers = (RequestAnswer("k1", "owner-active", "Mara Roy", "no such person"),)
    target = replace(TARGET, owner="Anna Lee", owner_id="anna", answers=answers)
    writes = by_kind(plan_ticket(target, [EXTENT], [], now=T0, options=ON))
    comment = writes[WriteKind.COMMENT]
    assert comment.text is not None
    for words in ("Anna Lee", "Mara Roy", "no such person"):
        assert words in comment.text.plain()
    assert (comment.points, writes[WriteKind.PROPERTY].points) == ({EXTENT.rule: "medium"}, {})
    moved = replace(target, is_action=True, action_of=("A-1", "A-2"), answers=())
    written = [replace(comment, state=WriteState.DELIVERED)]
    action = by_kind(plan_ticket(moved, [], written, now=T0, options=ON))[WriteKind.COMMENT]
    assert action.text is not None
    assert "A-1" in action.text.plain()
    assert "A-2" in action.text.plain()


def test_a_ticket_on_which_nothing_may_be_written_still_has_a_state() -> None:
    """What waits is withdrawn, and the register learns what it may about the text that is there."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    ticket.plan([CAUSE, EXTENT], T0 + DAY)
    waiting = [row.id for row in ticket.book.rows() if row.state is WriteState.PENDING]
    rows = [
        replace(row, wording=Wording.OLDER) if row.kind is WriteKind.COMMENT else row for row in ticket.book.rows()
    ]
    target = replace(TARGET, is_before_baseline=True)
    plan = plan_ticket(target, [CAUSE], rows, now=T0 + DAY, options=ON)
    assert (plan.writes, plan.state, set(plan.withdraw)) == ((), "warning", set(waiting))
    assert plan.withheld == "the ticket was closed before the baseline date"
    assert {rule: learned.wording for rule, learned in plan.learned.items()} == {rows[0].id: Wording.CURRENT}


def test_a_ticket_with_nothing_to_write_waits_for_nobody() -> None:
    """A person who edited it a moment ago holds back writes, and there is none."""
    ticket = Ticket()
    ticket.cycle([CAUSE])
    settling = replace(ON, settle=HOUR)
    target = replace(TARGET, labels=frozenset({"capa-warning"}), last_human_at=T0 + DAY)
    for findings, reason in (([CAUSE], ""), ([CAUSE, EXTENT], SETTLING)):
        plan = plan_ticket(target, findings, ticket.book.rows(), now=T0 + DAY, options=settling)
        assert (plan.writes, plan.withheld) == ((), reason)


def test_known_answers_make_no_note_of_their_own() -> None:
    """A point that became better is no news, with or without answers that a note has reported."""
    answers = (RequestAnswer("k1", "owner-active", "Mara Roy", "no such person"),)
    ticket = Ticket(NOTES)
    assert ticket.cycle([EXTENT], answers=answers) == [WriteKind.WORK_NOTE]
    better = replace(EXTENT, severity=Severity.LOW)
    assert ticket.cycle([better], T0 + 2 * DAY, answers=answers) == []


def test_a_notification_in_doubt_says_why_the_next_one_waits() -> None:
    """Within the day and after it, until it is known whether it arrived."""
    ticket = Ticket(NOTES)
    ticket.plan([EXTENT])
    (note,) = ticket.book.rows()
    for state, reason in ((WriteState.UNKNOWN, IN_DOUBT), (WriteState.DELIVERED, NOTIFIED)):
        rows = [replace(note, state=state)]
        plan = plan_ticket(TARGET, [EXTENT, replace(CAUSE, opened_at=T0 + HOUR)], rows, now=T0 + HOUR, options=NOTES)
        assert (plan.writes, plan.withheld) == ((), reason)


def test_cannot_tell_gives_no_all_clear() -> None:
    """An earlier point that cannot be judged: text without a claim, the state field unchanged, no note."""
    ticket = Ticket(SNOW)
    ticket.cycle([CAUSE, EXTENT])
    ticket.cycle([CAUSE, replace(EXTENT, state=FindingState.CLEARED)], T0 + DAY)
    (fields,) = ticket.plan([CLEARED, replace(EXTENT, state=FindingState.CANNOT_TELL)], T0 + 2 * DAY).writes
    assert (fields.kind, fields.fields) == (WriteKind.FIELDS, {})
    again = ticket.plan(
        [CLEARED, replace(EXTENT, state=FindingState.CLEARED)],
        T0 + 2 * DAY,
        outcomes={CAUSE.rule: Outcome.OK, EXTENT.rule: Outcome.CANNOT_TELL},
    )
    assert (again.writes, again.withdraw) == ((), ())


def test_a_waived_ticket_says_so() -> None:
    """Label and state become waived if nothing else is open."""
    waived = replace(CAUSE, state=FindingState.WAIVED, waived_until=T0 + 30 * DAY)
    jira, snow = Ticket(), Ticket(SNOW)
    jira.cycle([CAUSE])
    snow.cycle([CAUSE])
    written = by_kind(jira.plan([waived], labels=frozenset({"capa-warning"})))
    labels = written[WriteKind.LABELS]
    assert (labels.labels_add, labels.labels_remove) == (("capa-waived",), ("capa-warning",))
    assert by_kind(snow.plan([waived], T0 + HOUR))[WriteKind.FIELDS].fields == {"u_capa_sync_state": "waived"}


def closed_record(stage: Stage, *entries: tuple[datetime, Stage]) -> CapaRecord:
    """Make a record with a history of stages."""
    history = tuple(
        FieldChange(at, n, "stage", EMPTY, Value(ValueState.FILLED, word.value), None, True, Origin.HISTORY, str(n))
        for n, (at, word) in enumerate(entries)
    )
    return CapaRecord(
        source="jira",
        ticket_id="1",
        ticket_key="CAPA-1",
        ticket_url="",
        fields=MappingProxyType({}),
        labels=MappingProxyType({}),
        stage=stage,
        source_status="x",
        timeline=history,
        created_at=T0 - 90 * DAY,
        updated_at=T0,
        as_of=T0,
    )


def test_the_baseline_counts_the_last_closure_in_local_time() -> None:
    """A ticket closed before, and still closed, counts; one reopened or closed again later does not."""
    line = date(2025, 6, 1)
    old, new = (
        datetime.fromisoformat("2025-05-31T22:59:00+00:00"),
        datetime.fromisoformat("2025-05-31T23:01:00+00:00"),
    )
    closed = closed_record(Stage.CLOSED, (old, Stage.CLOSED))
    assert is_before_baseline(closed, line, "Europe/London")
    assert not is_before_baseline(closed, None, "Europe/London")
    assert not is_before_baseline(
        closed_record(Stage.CLOSED, (old, Stage.CLOSED), (new, Stage.CLOSED)), line, "Europe/London"
    )
    assert not is_before_baseline(closed_record(Stage.PLANNED, (old, Stage.CLOSED)), line, "Europe/London")
    assert is_before_baseline(closed_record(Stage.REJECTED), line, "Europe/London")


def test_the_time_without_writes_is_never_longer_than_settle() -> None:
    """A human edit dated in the future, by a clock that is ahead, does not silence the ticket for that long."""
    ticket = Ticket(replace(ON, settle=timedelta(minutes=30)))
    plan = ticket.plan([CAUSE], last_human_at=T0 + 5 * HOUR, tracker_now=T0)
    assert (plan.writes, plan.next_due_at) == ((), T0 + timedelta(minutes=30))


def test_a_reading_of_the_instant_of_our_write_does_not_make_the_comment_again() -> None:
    """Both have the same instant: the reading may have come first, and a second comment is worse than a late one."""
    ticket = Ticket()
    ticket.cycle([CAUSE], T0)
    labels = frozenset({"capa-warning"})
    assert ticket.plan([CAUSE], T0 + DAY, labels=labels, read_at=T0, is_comment_gone=True).writes == ()
    later = T0 + timedelta(seconds=1)
    (again,) = ticket.plan([CAUSE], T0 + DAY, labels=labels, read_at=later, is_comment_gone=True).writes
    assert again.kind is WriteKind.COMMENT
