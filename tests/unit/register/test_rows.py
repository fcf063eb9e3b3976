"""The register's row of the nonconformity of docs/clause10.md 6, computed by hand, and of records that differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from capa_sync.model.finding import Finding, FindingState, Outcome, Severity, Verdict
from capa_sync.model.record import Action, ActionKind, ActionOrigin, CapaRecord, Stage
from capa_sync.model.register_columns import STORED
from capa_sync.model.settings import JudgeOptions
from capa_sync.model.values import EMPTY, UNMAPPED, Value, ValueState
from capa_sync.register import action_rows, birth_rows, evidenced_stage, register_row
from tests.unit.mapping.life import CAUSE, at, life_record

LONDON = JudgeOptions(timezone="Europe/London")
CLOSED_DAY = at(8, 1, 18)


def row(record: CapaRecord, findings: tuple[Finding, ...] = (), verdicts: tuple[Verdict, ...] = ()) -> dict[str, Any]:
    """Return a record's row in London."""
    return dict(register_row(record, findings, verdicts, LONDON))


def filled(data: Any, text: str = "") -> Value:
    """Return a filled value."""
    return Value(ValueState.FILLED, data, text or str(data))


def with_fields(record: CapaRecord, **fields: Value) -> CapaRecord:
    """Return the record with other values in some fields."""
    return replace(record, fields={**record.fields, **fields})


def finding(rule: str, severity: Severity = Severity.HIGH, **changes: Any) -> Finding:
    """Return an open finding."""
    attributes = {"state": FindingState.OPEN, "opened_at": at(5, 7), "rule_set": "x", **changes}
    return Finding("jira", "10001", rule, 1, severity=severity, **attributes)


def test_on_the_day_of_closure_the_row_is_the_hand_computed_one() -> None:
    """It is claimed closed, evidenced contained because the extent is missing, with one re-plan and 91 days."""
    found = row(life_record(CLOSED_DAY))
    assert {name: found[name] for name in ("claimed_stage", "evidenced_stage", "evidence_missing")} == {
        "claimed_stage": "closed",
        "evidenced_stage": "contained",
        "evidence_missing": "Extent result",
    }
    assert (found["replans"], found["reopens"]) == (1, 0)
    assert (found["actions_done"], found["actions_total"]) == (1, 1)
    assert found["action_text"] == "Name deputy in AC-03, reminder in shared mailbox"
    assert (found["closed_at"], found["closed_by"], found["reviewed_by"]) == (at(8, 1), "Lee", "Lee")
    assert (found["implemented_at"], found["due_at"]) == (at(7, 25), date(2025, 7, 31))
    assert found["caused_at"] == at(5, 12)
    assert (found["open_until"] - found["open_from"]).days == 91
    assert (found["implemented_at"] - found["open_from"]).days == 84
    assert found["late_from"] == datetime(2025, 7, 31, 23, tzinfo=UTC)
    assert found["late_until"] == at(7, 25)


def test_the_row_shows_words_that_people_read() -> None:
    """The row holds names of persons, our words for options, the text of lists, and dates as dates."""
    found = row(life_record(CLOSED_DAY))
    assert (found["owner"], found["raised_by"], found["grade"], found["origin"]) == (
        "Lee",
        "Lee",
        "minor",
        "internal_audit",
    )
    assert (found["requirement"], found["origin_ref"], found["detected_at"]) == (
        "A.5.18",
        "IA-03/2",
        date(2025, 5, 2),
    )
    assert (found["root_cause"], found["rca_method"], found["cause_category"]) == (CAUSE, "five_whys", "ownership")
    assert (found["ticket_key"], found["source_status"], found["confidential"]) == ("CAPA-1", "Closed", "no")
    assert (found["communicated"], found["extent"], found["isms_change"]) == ("", "", "")


@pytest.mark.parametrize(
    ("day", "stage", "label"),
    [
        (at(5, 5, 9), "identified", "Correction"),
        (at(5, 7, 10), "identified", "Correction"),
        (at(5, 9), "contained", "RCA method"),
        (at(5, 13), "contained", "Extent result"),
    ],
)
def test_the_evidenced_stage_follows_the_fields(day: datetime, stage: str, label: str) -> None:
    """It rises with the fields and names the first missing one by the tracker's label."""
    found = evidenced_stage(life_record(day))
    assert found.stage is not None
    assert (found.stage.value, found.label) == (stage, label)


def test_an_open_record_has_open_spans_and_no_closure() -> None:
    """The spans stay open; the view ends them at the source's as-of."""
    found = row(life_record(at(7, 4, 12)))
    assert (found["open_until"], found["late_until"], found["closed_at"], found["closed_by"]) == (
        None,
        None,
        None,
        "",
    )
    assert found["late_from"] == datetime(2025, 7, 31, 23, tzinfo=UTC)
    assert (found["actions_done"], found["changed_at"]) == (0, at(7, 4, 8))


def test_findings_are_counted_by_severity_and_hidden_ones_left_out() -> None:
    """Open findings count; waived ones are listed with their end; historical and cleared ones are neither."""
    findings = (
        finding("extent-assessed", number=16),
        finding("effectiveness-evidence", number=28),
        finding("communicated", Severity.LOW, number=25),
        finding("grade-set", Severity.MEDIUM, number=5, hidden_by="what-when-where"),
        finding("root-cause-before-action", state=FindingState.HISTORICAL),
        finding("action-overdue", state=FindingState.CLEARED),
        finding("rca-method", Severity.MEDIUM, state=FindingState.WAIVED, waived_until=at(12, 31)),
    )
    found = row(life_record(CLOSED_DAY), findings)
    assert (found["warnings_high"], found["warnings_medium"], found["warnings_low"]) == (2, 0, 1)
    assert found["rules"] == "extent-assessed, effectiveness-evidence, communicated"
    assert found["waived"] == "rca-method until 2025-12-31"


def test_cannot_tell_lists_rules_without_an_open_episode() -> None:
    """An open finding stays open while its rule cannot tell."""
    verdicts = tuple(
        Verdict(rule, outcome, Severity.HIGH)
        for rule, outcome in (
            ("owner-active", Outcome.CANNOT_TELL),
            ("extent-assessed", Outcome.CANNOT_TELL),
            ("grade-set", Outcome.OK),
        )
    )
    assert row(life_record(CLOSED_DAY), (finding("extent-assessed"),), verdicts)["cannot_tell"] == "owner-active"


def test_unreadable_and_wrong_values_are_shown_as_the_tracker_has_them() -> None:
    """A placeholder and an unlisted option show their text; an unreadable field shows nothing."""
    record = with_fields(
        life_record(CLOSED_DAY),
        root_cause=Value(ValueState.PLACEHOLDER, None, "TBD"),
        grade=Value(ValueState.ERROR, None, "Critical", reason="not listed"),
        correction=Value(ValueState.UNREADABLE, reason="hidden"),
        consequences=UNMAPPED,
    )
    found = row(record)
    assert [found[name] for name in ("root_cause", "grade", "correction", "consequences")] == [
        "TBD",
        "Critical",
        "",
        "",
    ]


def test_an_unmapped_field_blocks_the_evidence_and_says_why() -> None:
    """An unmapped field can never be evidenced; the label says that the mapping lacks it."""
    found = evidenced_stage(with_fields(life_record(CLOSED_DAY), requirement_ref=UNMAPPED))
    assert (found.stage, found.missing, found.label) == (None, "requirement_ref", "Requirement (not mapped)")


def complete(record: CapaRecord) -> CapaRecord:
    """Return the closed record with everything that evidence needs."""
    return with_fields(
        record,
        extent_result=filled("none_found"),
        communicated_to=filled("All line managers"),
        isms_change=filled("procedure"),
    )


def test_a_complete_record_is_evidenced_as_closed() -> None:
    """Nothing is missing then."""
    found = evidenced_stage(complete(life_record(CLOSED_DAY)))
    assert (found.stage, found.missing) == (Stage.CLOSED, "")


@pytest.mark.parametrize(
    ("fields", "profile", "reached", "missing"),
    [
        ({"grade": filled("major")}, "standard", Stage.ANALYSED, "plan_approved_by"),
        ({}, "iso9001", Stage.VERIFIED, "risk_update"),
        ({"training_needed": filled("yes")}, "standard", Stage.PLANNED, "training_ref"),
        ({"extent_result": filled("not_checked")}, "standard", Stage.CONTAINED, "extent_result"),
        ({"source_ref": EMPTY}, "standard", None, "source_ref"),
        ({"source_ref": EMPTY, "source": filled("monitoring")}, "standard", Stage.CLOSED, ""),
        ({"effectiveness_result": EMPTY}, "standard", Stage.IMPLEMENTED, "effectiveness_result"),
    ],
)
def test_grade_profile_and_origin_decide_what_is_needed(
    fields: dict[str, Value], profile: str, reached: Stage | None, missing: str
) -> None:
    """A major needs more than a minor, an audit finding needs its reference, ISO 9001 needs the risk update."""
    found = evidenced_stage(with_fields(complete(life_record(CLOSED_DAY)), **fields), profile)
    assert (found.stage, found.missing) == (reached, missing)


def test_a_reasoned_decision_against_action_needs_no_cause_and_no_effectiveness() -> None:
    """A correction alone may be enough, if somebody decided so and says why."""
    record = replace(complete(life_record(CLOSED_DAY)), actions=())
    emptied = dict.fromkeys(("root_cause", "rca_method", "cause_category", "effectiveness_result"), EMPTY)
    record = with_fields(record, action_needed=filled("no"), **emptied)
    assert evidenced_stage(record).missing == "no_action_reason"
    record = with_fields(record, no_action_reason=filled("One-off, cost"), no_action_approver=filled("roy"))
    assert evidenced_stage(record).stage is Stage.CLOSED


def test_an_improvement_has_a_ladder_of_its_own() -> None:
    """An improvement needs no root cause."""
    record = with_fields(life_record(at(5, 6)), track=filled("improvement"), benefit=filled("Faster resets"))
    found = evidenced_stage(record)
    assert (found.stage, found.missing) == (Stage.ANALYSED, "decision")


def child(name: str, **changes: Any) -> Action:
    """Return a corrective action that is a sub-task."""
    attributes = {
        "text": filled(name),
        "owner": filled("jira:kim", "Kim"),
        "due_at": filled(date(2025, 6, 1)),
        **changes,
    }
    return Action(
        name,
        name,
        ActionOrigin.SUBTASK,
        changes.pop("kind", ActionKind.CORRECTIVE),
        **{key: value for key, value in attributes.items() if key != "kind"},
    )


def test_corrections_and_cancelled_actions_are_not_counted() -> None:
    """Only corrective and preventive actions that are not cancelled count."""
    actions = (
        child("A-1", done_at=at(6, 1)),
        child("A-2"),
        child("A-3", cancelled=True),
        child("A-4", kind=ActionKind.CORRECTION),
    )
    found = row(replace(life_record(at(7, 4)), actions=actions))
    assert (found["actions_done"], found["actions_total"], found["implemented_at"]) == (1, 2, None)
    assert found["action_text"] == "A-1; A-2"


def test_action_rows_name_people_and_leave_out_invalid_actions() -> None:
    """A correction is shown too; an emptied field and a cancelled action are not."""
    record = replace(
        life_record(at(7, 4)),
        people_names={"jira:kim": "Kim Ito"},
        actions=(child("A-1"), child("A-2", cancelled=True), child("A-3", kind=ActionKind.CORRECTION)),
    )
    assert [(action.key, action.owner.data) for action in action_rows(record)] == [
        ("A-1", "Kim Ito"),
        ("A-3", "Kim Ito"),
    ]


def test_birth_rows_are_the_trackers_fields_at_creation() -> None:
    """People in them are shown by name; the derived stage and later values are not birth rows."""
    births = {birth.field: birth for birth in birth_rows(life_record(CLOSED_DAY))}
    assert births["owner"].new.data == "Lee"
    assert births["source_status"].new.data == "Open"
    assert births["title"].by == "jira:acc-lee"
    assert not births.keys() & {"stage", "root_cause", "actions", "due_at"}


def test_without_a_due_date_the_latest_of_the_actions_counts() -> None:
    """The record is late when its last action is late."""
    actions = (child("A-1"), child("A-2", due_at=filled(date(2025, 8, 1))))
    record = with_fields(replace(life_record(at(7, 4)), actions=actions), due_at=EMPTY)
    assert row(record)["due_at"] == date(2025, 8, 1)


def test_a_reopened_record_counts_its_reopening() -> None:
    """A return to a working stage is a reopening; a move on to a side state is not."""
    record = life_record(CLOSED_DAY)
    last = [change for change in record.timeline if change.field == "stage"][-1]
    back = replace(last, at=at(8, 2), group=99, old=last.new, new=filled("planned"))
    side = replace(last, at=at(8, 2), group=99, old=last.new, new=filled("rejected"))
    assert row(replace(record, timeline=(*record.timeline, back), stage=Stage.PLANNED))["reopens"] == 1
    assert row(replace(record, timeline=(*record.timeline, side), stage=Stage.REJECTED))["reopens"] == 0


def test_the_same_record_makes_the_same_row_whenever_it_was_read() -> None:
    """`as_of` is no part of the row, so that an unchanged world changes no row."""
    record = life_record(CLOSED_DAY)
    assert row(record) == row(replace(record, as_of=at(12, 1)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (filled("yes"), "yes"),
        (filled("no"), "no"),
        (Value(ValueState.EMPTY), "no"),
        (Value(ValueState.UNMAPPED), "no"),
        (Value(ValueState.UNREADABLE, reason="hidden"), "yes"),
        (Value(ValueState.ERROR, text="Perhaps"), "yes"),
    ],
)
def test_a_confidential_mark_that_cannot_be_read_hides_the_texts(value: Value, shown: str) -> None:
    """The cautious reading wins: the page does not show what may be confidential."""
    assert row(with_fields(life_record(CLOSED_DAY), confidential=value))["confidential"] == shown


def test_the_row_has_every_declared_column_and_no_other() -> None:
    """A column that is declared as stored and not filled, or the reverse, is a mistake; the store makes the hash."""
    assert set(row(life_record(CLOSED_DAY))) == set(STORED) - {"row_hash"}
