"""What a ticket has reported, read from its writes; and the desired state that is compared with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from capa_sync.model.finding import Finding, FindingState, Mode, Outcome, Severity
from capa_sync.model.write import Paragraph, Span, WarningText, Write, WriteKind, WriteState
from capa_sync.writeback.desired_state import Calm, DesiredState, desired_state_of, fingerprint
from capa_sync.writeback.reported import IN_PEACE, NOT_MISSED, REPLACED, ReportedWrites, says_the_facts
from tests.unit.writeback.harness import DAY, HOUR, T0, finding

COMMENT, LABELS, NOTE, FIELDS = WriteKind.COMMENT, WriteKind.LABELS, WriteKind.WORK_NOTE, WriteKind.FIELDS
TEXT = WarningText((Paragraph((Span("words"),)),))


def write(number: int, kind: WriteKind = COMMENT, state: WriteState = WriteState.DELIVERED, **more: object) -> Write:
    """Return a write with a text; its id, digest and sequence follow the number."""
    given: dict[str, object] = {
        "id": f"w{number}",
        "source": "jira",
        "ticket_id": "10001",
        "ticket_key": "CAPA-1",
        "kind": kind,
        "hash": f"h{number}",
        "created_at": T0 + number * HOUR,
        "text": TEXT,
        "state": state,
        "seq": number,
        "facts": {},
    }
    return Write(**(given | more))  # type: ignore[arg-type]


def ids(*writes: Write | None) -> list[str | None]:
    """Return the ids of some writes."""
    return [found and found.id for found in writes]


WAITS, LOST, REFUSED, HELD = WriteState.PENDING, WriteState.UNKNOWN, WriteState.FAILED, WriteState.WITHHELD
REMOVAL = write(3, text=None)


@pytest.mark.parametrize(
    ("state", "remote_id", "may_be_there"),
    [
        (WriteState.DELIVERED, "", True),
        (LOST, "", True),
        (WAITS, "", False),
        (REFUSED, "", False),
        (HELD, "", False),
        (HELD, "c1", True),
    ],
)
def test_a_write_may_be_on_the_ticket_if_it_arrived_is_unknown_or_was_found_there(
    state: WriteState, remote_id: str, may_be_there: bool
) -> None:
    """What was never sent, or refused, reported nothing."""
    first = write(1, state=state, remote_id=remote_id, points={"a": "high"}, notifies=True)
    reported = ReportedWrites([first])
    assert reported.is_touched is may_be_there
    assert (reported.reached(COMMENT) is first) is may_be_there
    assert (reported.last_reached(COMMENT) is first) is may_be_there
    assert reported.points == ({"a": "high"} if may_be_there else {})
    assert (reported.last_notified_at() is not None) is may_be_there


def test_the_newest_write_of_a_kind_counts() -> None:
    """Other kinds do not matter; each question has its own newest write."""
    writes = [write(1), write(2, NOTE), write(3, state=LOST), write(4, state=WAITS), write(5, LABELS)]
    reported = ReportedWrites(writes)
    assert ids(reported.newest(COMMENT), reported.reached(COMMENT), reported.delivered(COMMENT)) == ["w4", "w3", "w1"]
    assert ids(reported.newest(FIELDS), reported.reached(FIELDS), reported.delivered(FIELDS)) == [None] * 3
    assert ids(reported.last_reached(NOTE), reported.carried(NOTE), reported.carried(COMMENT)) == ["w2", "w2", None]


def test_what_was_removed_reported_nothing() -> None:
    """Only writes after the last delivered removal count; a removal that waits or is unknown removed nothing yet."""
    before, after = write(1, points={"a": "high"}, remote_id="c1"), write(4, NOTE, points={"b": "low"})
    removed = ReportedWrites([before, REMOVAL])
    assert (removed.current, removed.is_touched, removed.points, removed.has_comment) == ([], False, {}, False)
    assert ids(removed.reached(COMMENT), removed.last_reached(COMMENT)) == [None, "w3"]
    assert ids(*ReportedWrites([REMOVAL, before, REMOVAL, after]).current) == ["w4"]
    assert ReportedWrites([REMOVAL, after]).points == {"b": "low"}
    waiting = ReportedWrites([before, replace(REMOVAL, state=WAITS)])
    assert (len(waiting.current), waiting.points, waiting.has_comment) == (2, {"a": "high"}, True)


def test_the_points_are_those_of_the_newest_text() -> None:
    """Labels and the property have no points; a text that never arrived reported none."""
    writes = [
        write(1, points={"a": "high"}),
        write(2, FIELDS, points={"b": "low"}),
        write(3, LABELS, points={"c": "low"}),
        write(4, NOTE, state=WAITS, points={"d": "low"}),
    ]
    assert ReportedWrites(writes).points == {"b": "low"}
    assert ReportedWrites(writes[:1]).points == {"a": "high"}
    assert ReportedWrites([*writes[:3], write(4, NOTE, points={"d": "low"})]).points == {"d": "low"}
    assert ReportedWrites([]).points == {}


@pytest.mark.parametrize(
    ("writes", "has_comment"),
    [
        ([write(1)], True),
        ([write(1, state=LOST)], False),
        ([write(1, state=LOST, remote_id="c1")], True),
        ([write(1, NOTE, remote_id="n1")], False),
        ([write(1), write(2, state=WAITS)], True),
        ([write(1), write(2, state=HELD, error=NOT_MISSED)], False),
        ([write(1), write(2, state=HELD, error=REPLACED)], True),
        ([], False),
    ],
)
def test_a_comment_is_edited_if_it_was_delivered_and_is_not_known_to_be_deleted(
    writes: list[Write], has_comment: bool
) -> None:
    """Otherwise the next write creates one."""
    assert ReportedWrites(writes).has_comment is has_comment


@pytest.mark.parametrize(
    ("newest", "is_under_way"),
    [
        (write(2, state=WAITS), True),
        (write(2, state=LOST), True),
        (write(2, state=REFUSED), True),
        (write(2), False),
        (write(2, state=HELD), False),
        (write(2, state=HELD, error=REPLACED), False),
        (write(2, state=HELD, error=IN_PEACE), True),
        (write(2, state=HELD, error=NOT_MISSED), True),
    ],
)
def test_a_content_is_under_way_if_its_newest_write_waits_or_was_refused(newest: Write, is_under_way: bool) -> None:
    """Another content, or an older write, is not; a content on the ticket needs no write either."""
    reported = ReportedWrites([write(1), newest])
    assert reported.is_under_way(COMMENT, "h2") is is_under_way
    assert not reported.is_under_way(COMMENT, "h1")
    assert not reported.is_under_way(NOTE, "h2")
    assert reported.needs_no_write(COMMENT, "h2") is (is_under_way or newest.state is WriteState.DELIVERED)
    assert reported.needs_no_write(COMMENT, "h1") is (newest.state not in (WriteState.DELIVERED, LOST))
    assert not reported.needs_no_write(COMMENT, "h3")


def test_idle_writes_are_unsent_and_of_another_content() -> None:
    """What is on its way, or known to be unwanted, stays as it is."""
    writes = [
        write(1),
        write(2, state=WAITS),
        write(3, state=REFUSED),
        write(4, state=HELD, error="brake"),
        write(5, state=HELD, error=REPLACED),
        write(6, state=HELD, error=IN_PEACE),
        write(7, state=LOST),
        write(8, NOTE, state=WAITS),
    ]
    assert ReportedWrites(writes).idle(COMMENT, "h3") == ["w2", "w4"]
    assert ReportedWrites(writes).idle(COMMENT, "") == ["w2", "w3", "w4"]


def test_an_intention_that_was_withheld_is_taken_up_again() -> None:
    """Any other is a new one after the newest write of its kind."""
    held = ReportedWrites([write(1), write(2, state=HELD)])
    assert held.intention(COMMENT, "h2") == "w2"
    assert held.intention(COMMENT, "h1") == 2
    assert ReportedWrites([write(1), write(2)]).intention(COMMENT, "h2") == 2
    assert held.intention(NOTE, "h2") == 0


def test_a_content_keeps_its_digest_while_no_fact_differs() -> None:
    """That of the newest write, else of the one on the ticket; other facts, or a removed text, give a new one."""
    old, new = write(1, facts={"a": "1"}), write(2, state=REFUSED, facts={"a": "2"})
    reported = ReportedWrites([old, new])
    assert reported.content(COMMENT, {"a": "2", "b": "1"}) == "h2"
    assert reported.content(COMMENT, {"a": "1", "b": "1"}) == "h1"
    assert reported.content(COMMENT, {"b": "2", "a": "3"}) == fingerprint([("a", "3"), ("b", "2")])
    assert ReportedWrites([replace(REMOVAL, facts={"a": "1"})]).content(COMMENT, {"a": "1"}) != "h3"
    assert ReportedWrites([]).content(COMMENT, {}) == fingerprint([])


def test_our_labels_are_those_read_and_changed_by_our_writes_since_then() -> None:
    """Foreign labels do not count; a write in the instant of the read, or later, does."""
    later = write(1, LABELS, delivered_at=T0, labels_add=("capa-overdue",), labels_remove=("capa-warning",))
    read = {"capa-warning", "capa-waived", "urgent"}
    assert ReportedWrites([later]).labels(read, T0) == {"capa-waived", "capa-overdue"}
    assert ReportedWrites([later]).labels(read, T0 + HOUR) == {"capa-warning", "capa-waived"}
    waiting = replace(later, delivered_at=None)
    other = replace(later, kind=FIELDS)
    assert ReportedWrites([waiting, other]).labels(read, T0) == {"capa-warning", "capa-waived"}


def test_the_last_notification_is_the_latest_that_may_have_arrived() -> None:
    """By its delivery, else by its plan; an unknown one keeps the ticket in doubt."""
    delivered = write(1, notifies=True, delivered_at=T0 + 9 * HOUR)
    unknown = write(2, NOTE, state=LOST, notifies=True)
    assert ReportedWrites([delivered, unknown]).last_notified_at() == T0 + 9 * HOUR
    assert ReportedWrites([unknown, write(5)]).last_notified_at() == T0 + 2 * HOUR
    assert ReportedWrites([write(5)]).last_notified_at() is None
    assert ReportedWrites([delivered, unknown]).has_unknown_notification
    assert not ReportedWrites([delivered, write(2, state=LOST)]).has_unknown_notification


@pytest.mark.parametrize(
    ("points", "opened_at", "is_known"),
    [
        ({"a": "medium"}, T0, True),
        ({"a": "high"}, T0, True),
        ({"a": "low"}, T0, False),
        ({"a": "fixed"}, T0, False),
        ({"b": "high"}, T0, False),
        ({"a": "medium"}, T0 + HOUR, True),
        ({"a": "medium"}, T0 + 2 * HOUR, False),
    ],
)
def test_a_note_reported_an_episode_that_began_before_it_at_its_severity(
    points: dict[str, str], opened_at: datetime, is_known: bool
) -> None:
    """A worse, a fixed or a later point is news."""
    found = finding("a", severity=Severity.MEDIUM, opened_at=opened_at)
    reported = ReportedWrites([])
    assert reported.knows(found, write(1, NOTE, points=points)) is is_known
    assert not reported.knows(found, None)


@pytest.mark.parametrize(
    ("old", "facts", "is_said"),
    [
        (write(1, facts={"a": "1", "gone": "x"}), {"a": "1", "new": "y"}, True),
        (write(1, facts={"a": "1"}), {"a": "2"}, False),
        (write(1, facts={}), {"a": "2"}, True),
        (
            write(1, facts=None, points={"a": "high", "b": "unsure", "c": "fixed"}),
            {"shown": "a=high", "unsure": "b"},
            True,
        ),
        (write(1, facts=None, points={"a": "high"}), {"shown": "a=low", "unsure": ""}, False),
        (write(1, facts=None, points={"a": "high"}), {"shown": "a=high", "unsure": "b"}, False),
        (write(1, facts=None, points={}), {}, True),
        (write(1, facts=None, points={"b": "unsure"}), {}, False),
        (write(1, WriteKind.PROPERTY, fields={"state": "clear"}), {"state": "clear"}, True),
        (write(1, WriteKind.PROPERTY, fields={"state": "clear"}), {"state": "warning"}, False),
        (write(1, WriteKind.PROPERTY, fields={"state": "clear"}), {"state": "clear", "rules": ""}, False),
    ],
)
def test_a_text_says_the_facts_if_no_fact_of_both_differs(old: Write, facts: dict[str, str], is_said: bool) -> None:
    """A write of an older version has points alone; a property is compared whole."""
    assert says_the_facts(old, facts) is is_said


A, B = finding("a", severity=Severity.LOW, number=2), finding("b", severity=Severity.HIGH, number=3)
C = finding("c", severity=Severity.HIGH, number=1)


def shown(*findings: Finding) -> list[str]:
    """Return the rules that a ticket should show."""
    return [found.rule for found in desired_state_of(findings, {}).shown]


def test_the_worst_points_come_first() -> None:
    """By severity, then by number, then by id."""
    assert shown(A, B, C) == ["c", "b", "a"]
    assert shown(replace(B, number=1), C) == ["b", "c"]
    waived = [replace(found, state=FindingState.WAIVED) for found in (A, B, C)]
    assert [found.rule for found in desired_state_of(waived, {}).waived] == ["c", "b", "a"]


def test_only_warnings_above_info_are_shown_or_waived() -> None:
    """Quiet rules stay in the register."""
    for found in (replace(A, mode=Mode.QUIET), replace(A, severity=Severity.INFO)):
        state = desired_state_of([found, replace(found, state=FindingState.WAIVED)], {})
        assert (state.shown, state.waived, state.points, state.state) == ((), (), {}, "clear")


@pytest.mark.parametrize(
    ("state", "outcome", "point"),
    [
        (FindingState.OPEN, None, "aside"),
        (FindingState.WAIVED, None, "waived"),
        (FindingState.CANNOT_TELL, None, "unsure"),
        (FindingState.CLEARED, None, "fixed"),
        (FindingState.HISTORICAL, None, "fixed"),
        (FindingState.CLEARED, Outcome.OK, "fixed"),
        (FindingState.CLEARED, Outcome.NOT_APPLICABLE, "lapsed"),
        (FindingState.CLEARED, Outcome.CANNOT_TELL, "unsure"),
        (FindingState.HISTORICAL, Outcome.CANNOT_TELL, "fixed"),
        (FindingState.OPEN, Outcome.OK, "aside"),
    ],
)
def test_a_point_that_was_shown_becomes_what_its_episode_and_its_verdict_say(
    state: FindingState, outcome: Outcome | None, point: str
) -> None:
    """Without verdicts, an ended episode counts as fixed."""
    hidden = replace(A, state=state, hidden_by="b")
    outcomes = None if outcome is None else {"a": outcome}
    desired = desired_state_of([hidden, B], {"a": "low", "b": "high"}, outcomes)
    assert desired.points == {"a": point, "b": "high"}


def test_a_point_whose_episode_is_gone_is_fixed_or_lapsed_and_stays_so() -> None:
    """What the ticket said once is not said otherwise later."""
    assert desired_state_of([], {"a": "low"}).points == {"a": "fixed"}
    assert desired_state_of([], {"a": "low"}, {}).points == {"a": "lapsed"}
    assert desired_state_of([], {"a": "fixed", "b": "lapsed"}, {"b": Outcome.OK}).points == {
        "a": "fixed",
        "b": "lapsed",
    }


@pytest.mark.parametrize(
    ("reported", "points"),
    [
        ({"b": "fixed"}, {"a": "low"}),
        ({"b": "waived", "c": "lapsed"}, {"a": "low"}),
        ({"b": "fixed", "c": "high"}, {"a": "low", "b": "fixed", "c": "fixed"}),
        ({"b": "fixed", "c": "aside"}, {"a": "low", "b": "fixed", "c": "fixed"}),
        ({"b": "fixed", "c": "unsure"}, {"a": "low", "b": "fixed", "c": "fixed"}),
    ],
)
def test_a_new_round_of_warnings_begins_after_an_all_clear(reported: dict[str, str], points: dict[str, str]) -> None:
    """Then the points of the round before are not counted again."""
    assert desired_state_of([A], reported).points == points
    without = desired_state_of([], reported)
    assert set(without.points) == set(reported)


@pytest.mark.parametrize(
    ("findings", "outcomes", "state", "calm"),
    [
        ([], {"a": Outcome.OK}, "clear", Calm.CLEAR),
        ([], None, "clear", Calm.CLEAR),
        ([], {"a": Outcome.NOT_APPLICABLE}, "clear", Calm.LAPSED),
        ([], {}, "clear", Calm.LAPSED),
        ([], {"a": Outcome.CANNOT_TELL}, "clear", Calm.UNCHECKED),
        ([], {"a": Outcome.CANNOT_TELL, "b": Outcome.OK}, "clear", Calm.SO_FAR),
        ([replace(A, state=FindingState.WAIVED)], {"a": Outcome.BREACH}, "waived", Calm.SO_FAR),
        ([replace(A, state=FindingState.WAIVED)], {"a": Outcome.CANNOT_TELL}, "waived", Calm.SO_FAR),
        ([replace(A, state=FindingState.WAIVED)], {}, "waived", Calm.SO_FAR),
        ([], {"a": Outcome.HISTORICAL}, "clear", Calm.CLEAR),
    ],
)
def test_why_nothing_is_open_is_said_as_it_is(
    findings: list[Finding], outcomes: dict[str, Outcome] | None, state: str, calm: Calm
) -> None:
    """All checks made, some of them, none, or none that applies."""
    desired = desired_state_of(findings, {}, outcomes)
    assert (desired.state, desired.calm, desired.facts["calm"]) == (state, calm, calm.value)


STATE = DesiredState(shown=(B, A), waived=(C,), points={"d": "unsure", "e": "fixed", "f": "lapsed"}, is_overdue=False)


def test_the_state_of_a_ticket_gives_its_labels_and_its_facts() -> None:
    """Facts are independent of wording: rules, severities, ends of waivers and stable arguments."""
    assert (STATE.state, STATE.fixed, STATE.lapsed, STATE.unsure) == ("warning", 1, 1, ("d",))
    assert STATE.labels == {"capa-warning", "capa-waived"}
    overdue = replace(STATE, is_overdue=True)
    assert (overdue.state, overdue.labels) == ("overdue", {"capa-warning", "capa-overdue", "capa-waived"})
    dated = replace(
        STATE,
        shown=(replace(B, args=(("due", "2025"),)), A),
        waived=(replace(C, waived_until=T0 + DAY), replace(A, rule="z")),
    )
    assert dated.facts == {
        "state": "warning",
        "shown": "a=low b=high",
        "waived": f"c={(T0 + DAY).isoformat()} z=",
        "unsure": "d",
        "b: due": "2025",
    }
    assert not STATE.is_all_clear
    assert not replace(STATE, shown=()).is_all_clear
    assert replace(STATE, shown=(), points={}).is_all_clear


@pytest.mark.parametrize("parts", [("a", "b"), ("a",), ({"b": 1, "a": "ü"},), ("\ud800",)])
def test_a_fingerprint_is_stable_and_of_its_parts(parts: tuple[object, ...]) -> None:
    """Equal parts have one fingerprint, whatever the order of their keys; others have another."""
    turned = tuple(dict(reversed(part.items())) if isinstance(part, dict) else part for part in parts)
    assert fingerprint(*parts) == fingerprint(*turned)
    assert len(fingerprint(*parts)) == 64
    assert fingerprint(*parts, "c") != fingerprint(*parts)
