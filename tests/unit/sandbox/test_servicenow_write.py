"""Writing on the sandbox ServiceNow: update times, numbers, audit, journals, deletions, classes, state rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from capa_sync.sandbox.clock import SandboxClock
from capa_sync.sandbox.servicenow import ServiceNowTracker

START = datetime(2026, 3, 1, 9, 0, 0, 700_000, tzinfo=UTC)


@pytest.fixture
def tracker() -> ServiceNowTracker:
    """Return a frozen tracker with one person."""
    found = ServiceNowTracker(SandboxClock(START, ticking=False))
    found.add_account("lee", name="Lee Wong", password=None)
    return found


def audit_of(tracker: ServiceNowTracker, sys_id: str) -> list[tuple[str, str, str]]:
    """Return (field, old, new) of a record's audit rows, sorted."""
    rows = tracker.rows("sys_audit", f"documentkey={sys_id}")
    return sorted((row["fieldname"], row.get("oldvalue", ""), row.get("newvalue", "")) for row in rows)


def stored(tracker: ServiceNowTracker, table: str, sys_id: str) -> dict[str, str]:
    """Return a record that must exist."""
    found = tracker.find(table, sys_id)
    assert found is not None
    return found


def test_an_insert_gets_number_class_and_times_of_whole_seconds(tracker: ServiceNowTracker) -> None:
    """The platform's own columns are filled; times have whole seconds; creation leaves no audit row."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"short_description": "x"})
    assert made["number"].startswith("ISS")
    assert (made["sys_class_name"], made["sys_mod_count"], made["state"]) == ("sn_grc_issue", "0", "10")
    assert made["sys_created_on"] == made["sys_updated_on"] == made["opened_at"] == "2026-03-01 09:00:00"
    assert made["sys_created_by"] == "lee"
    assert audit_of(tracker, made["sys_id"]) == []


def test_numbers_rise_and_skip_those_taken(tracker: ServiceNowTracker) -> None:
    """A loaded record's number is not given twice."""
    tracker.load([{"kind": "ticket", "table": "sn_grc_issue", "record": {"sys_id": "a", "number": "ISS0010001"}}])
    assert tracker.as_user("lee").insert("sn_grc_issue", {})["number"] == "ISS0010002"


def test_inserts_are_audited_only_where_the_property_says_so(tracker: ServiceNowTracker) -> None:
    """`glide.sys.audit_inserts` is off on a new instance."""
    tracker.set_property("glide.sys.audit_inserts", "true")
    made = tracker.as_user("lee").insert("sn_grc_issue", {"u_grade": "minor"})
    assert ("u_grade", "", "minor") in audit_of(tracker, made["sys_id"])


def test_an_update_dates_counts_and_audits_what_changed(tracker: ServiceNowTracker) -> None:
    """Changed columns get an audit row with old and new value, equal ones none."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"u_grade": "minor", "u_impact": "none"})
    tracker.clock.advance(timedelta(hours=1))
    tracker.as_user("admin").update("sn_grc_issue", made["sys_id"], {"u_grade": "major", "u_impact": "none"})
    row = stored(tracker, "sn_grc_issue", made["sys_id"])
    assert (row["sys_updated_on"], row["sys_updated_by"], row["sys_mod_count"]) == (
        "2026-03-01 10:00:00",
        "admin",
        "1",
    )
    assert audit_of(tracker, made["sys_id"]) == [("u_grade", "minor", "major")]
    assert tracker.rows("sys_audit")[0]["user"] == "admin"


def test_an_update_that_changes_nothing_writes_nothing(tracker: ServiceNowTracker) -> None:
    """Setting a column to its present value moves neither the update time nor the count."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"u_grade": "minor"})
    tracker.clock.advance(timedelta(hours=1))
    tracker.as_user("lee").update("sn_grc_issue", made["sys_id"], {"u_grade": "minor"})
    assert stored(tracker, "sn_grc_issue", made["sys_id"]) == made


def test_auto_sys_fields_false_keeps_the_update_time_but_audits(tracker: ServiceNowTracker) -> None:
    """Such an edit is invisible to a cursor on sys_updated_on (docs/servicenow.md 2.1)."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"u_grade": "minor"})
    tracker.clock.advance(timedelta(hours=1))
    tracker.as_user("admin").update("sn_grc_issue", made["sys_id"], {"u_grade": "major"}, auto_sys_fields=False)
    row = stored(tracker, "sn_grc_issue", made["sys_id"])
    assert row == {**made, "u_grade": "major"}
    assert audit_of(tracker, made["sys_id"]) == [("u_grade", "minor", "major")]


def test_workflow_false_leaves_no_history(tracker: ServiceNowTracker) -> None:
    """`setWorkflow(false)` skips auditing and business rules; the update time still moves."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    tracker.as_user("admin").update("sn_grc_issue", made["sys_id"], {"state": "3"}, workflow=False)
    row = stored(tracker, "sn_grc_issue", made["sys_id"])
    assert (row["sys_mod_count"], row["active"], row.get("closed_at", "")) == ("1", "true", "")
    assert audit_of(tracker, made["sys_id"]) == []


def test_a_note_goes_to_the_journal_and_not_into_the_record(tracker: ServiceNowTracker) -> None:
    """Journal columns stay empty; each write is one entry and moves the record's update time."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    tracker.as_user("lee").work_note("sn_grc_issue", made["sys_id"], "looked at it")
    row = stored(tracker, "sn_grc_issue", made["sys_id"])
    (entry,) = tracker.rows("sys_journal_field", f"element_id={made['sys_id']}")
    assert "work_notes" not in row
    assert row["sys_mod_count"] == "1"
    assert (entry["name"], entry["element"], entry["value"]) == ("sn_grc_issue", "work_notes", "looked at it")
    assert entry["sys_created_by"] == "lee"


def test_journals_are_kept_where_the_table_is_not_audited(tracker: ServiceNowTracker) -> None:
    """sys_journal_field is written whatever the audit flag; sys_audit only with it."""
    tracker.set_audit("sn_grc_issue", audited=False)
    made = tracker.as_user("lee").insert("sn_grc_issue", {"comments": "hi"})
    tracker.as_user("lee").update("sn_grc_issue", made["sys_id"], {"u_grade": "minor"})
    assert len(tracker.rows("sys_journal_field")) == 1
    assert tracker.rows("sys_audit") == []


def test_the_audit_flag_is_not_inherited(tracker: ServiceNowTracker) -> None:
    """Auditing task does not audit the classes that extend it."""
    tracker.set_audit("sn_grc_issue", audited=False)
    tracker.set_audit("task", audited=True)
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    tracker.as_user("lee").update("task", made["sys_id"], {"short_description": "new"})
    assert audit_of(tracker, made["sys_id"]) == []


def test_a_column_can_opt_out_of_audit(tracker: ServiceNowTracker) -> None:
    """The attribute `no_audit` keeps a column out of sys_audit."""
    (entry,) = tracker.rows("sys_dictionary", "name=sn_grc_issue^element=u_grade")
    tracker.as_user("admin").update("sys_dictionary", entry["sys_id"], {"attributes": "no_audit,x=1"})
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    tracker.as_user("lee").update("sn_grc_issue", made["sys_id"], {"u_grade": "minor", "u_impact": "none"})
    assert audit_of(tracker, made["sys_id"]) == [("u_impact", "", "none")]


def test_a_deletion_is_filed_under_the_real_class(tracker: ServiceNowTracker) -> None:
    """Deleting through task leaves a row for sn_grc_issue; audit and journal of the record stay."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"work_notes": "x"})
    tracker.as_user("lee").delete("task", made["sys_id"])
    (row,) = tracker.rows("sys_audit_delete")
    assert (row["tablename"], row["documentkey"], row["sys_created_by"]) == ("sn_grc_issue", made["sys_id"], "lee")
    assert row["display_value"] == made["number"]
    assert tracker.find("task", made["sys_id"]) is None
    assert len(tracker.rows("sys_journal_field")) == 1


@pytest.mark.parametrize("how", ["not audited", "no_audit_delete", "no workflow"])
def test_some_deletions_leave_no_trace(tracker: ServiceNowTracker, how: str) -> None:
    """Neither an unaudited table nor an opt-out nor a script without workflow leaves a trace of a deletion."""
    (entry,) = tracker.rows("sys_dictionary", "name=sn_grc_issue^elementISEMPTY")
    changes = {"not audited": {"audit": "false"}, "no_audit_delete": {"attributes": "no_audit_delete"}}.get(how, {})
    tracker.as_user("admin").update("sys_dictionary", entry["sys_id"], changes)
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    tracker.as_user("lee").delete("sn_grc_issue", made["sys_id"], workflow=how != "no workflow")
    assert tracker.rows("sys_audit_delete") == []


def test_old_deletions_can_be_pruned(tracker: ServiceNowTracker) -> None:
    """Retention removes the oldest rows of sys_audit_delete."""
    for _ in range(2):
        made = tracker.as_user("lee").insert("sn_grc_issue", {})
        tracker.as_user("lee").delete("sn_grc_issue", made["sys_id"])
        tracker.clock.advance(timedelta(days=10))
    tracker.prune_deletions(START + timedelta(days=5))
    assert [row["documentkey"] for row in tracker.rows("sys_audit_delete")] == [made["sys_id"]]


def test_closing_and_reopening_follow_the_state(tracker: ServiceNowTracker) -> None:
    """The platform's business rule sets active, closed_at and closed_by, and its changes are audited."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    closed = tracker.as_user("lee").update("sn_grc_issue", made["sys_id"], {"state": "3"})
    assert (closed["active"], closed["closed_at"]) == ("false", "2026-03-01 09:00:00")
    assert closed["closed_by"] == tracker.accounts.caller("lee").sys_id
    reopened = tracker.as_user("lee").update("sn_grc_issue", made["sys_id"], {"state": "12"})
    assert reopened["active"] == "true"
    assert "closed_at" not in reopened
    assert ("closed_at", "", "2026-03-01 09:00:00") in audit_of(tracker, made["sys_id"])


def test_a_problem_is_resolved_before_it_is_closed(tracker: ServiceNowTracker) -> None:
    """State 106 sets resolved_at and resolved_by, 107 closes; problem_state follows state."""
    made = tracker.as_user("lee").insert("problem", {})
    resolved = tracker.as_user("lee").update("problem", made["sys_id"], {"state": "106"})
    assert resolved["resolved_at"] == "2026-03-01 09:00:00"
    assert (resolved["problem_state"], resolved["active"]) == ("106", "true")
    assert tracker.as_user("lee").update("problem", made["sys_id"], {"state": "107"})["active"] == "false"


def test_a_time_set_by_the_writer_wins_over_the_rule(tracker: ServiceNowTracker) -> None:
    """An import that brings its own closed_at keeps it."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"state": "3", "closed_at": "2025-01-01 00:00:00"})
    assert (made["closed_at"], made["active"]) == ("2025-01-01 00:00:00", "false")


def test_a_parent_table_shows_the_rows_of_its_classes(tracker: ServiceNowTracker) -> None:
    """A query on task returns issues and problems with their real class."""
    tracker.as_user("lee").insert("sn_grc_issue", {})
    tracker.as_user("lee").insert("problem", {})
    assert sorted(row["sys_class_name"] for row in tracker.rows("task")) == ["problem", "sn_grc_issue"]
    assert len(tracker.rows("problem")) == 1


def test_a_record_can_change_its_class(tracker: ServiceNowTracker) -> None:
    """A reclassified record keeps its sys_id and leaves its old table."""
    made = tracker.as_user("lee").insert("incident", {})
    tracker.as_user("lee").update("incident", made["sys_id"], {"sys_class_name": "problem"})
    assert tracker.find("incident", made["sys_id"]) is None
    assert stored(tracker, "problem", made["sys_id"])["number"] == made["number"]


def test_unknown_columns_and_system_columns_are_ignored(tracker: ServiceNowTracker) -> None:
    """A write to an unknown column, or to one that the writer may not set, is silently dropped."""
    made = tracker.as_user("lee").insert("sn_grc_issue", {"nonsense": "x", "sys_created_by": "someone"})
    assert "nonsense" not in made
    assert made["sys_created_by"] == "lee"


def test_long_text_is_cut_to_the_columns_length(tracker: ServiceNowTracker) -> None:
    """The database truncates silently; only reading the value back shows it."""
    made = tracker.as_user("lee").insert(
        "sn_grc_issue", {"short_description": "x" * 500, "u_capa_sync_text": "y" * 9000}
    )
    assert len(made["short_description"]) == 160
    assert len(made["u_capa_sync_text"]) == 8000


def test_choices_are_not_validated(tracker: ServiceNowTracker) -> None:
    """A choice column accepts any text."""
    assert tracker.as_user("lee").insert("sn_grc_issue", {"u_grade": "no such grade"})["u_grade"] == "no such grade"


def test_a_late_commit_has_an_old_update_time(tracker: ServiceNowTracker) -> None:
    """A row with update time T can become visible after T has been read (docs/servicenow.md 2.3)."""
    tracker.settings.commit_late_s = 5
    made = tracker.as_user("lee").insert("sn_grc_issue", {})
    assert made["sys_updated_on"] == "2026-03-01 08:59:55"


def test_an_unknown_person_table_or_record_is_refused(tracker: ServiceNowTracker) -> None:
    """A mistake in a story is an error, not a wrong row."""
    with pytest.raises(KeyError):
        tracker.as_user("nobody").insert("sn_grc_issue", {})
    with pytest.raises(KeyError):
        tracker.as_user("lee").insert("sn_grc_isue", {})
    with pytest.raises(KeyError):
        tracker.as_user("lee").update("sn_grc_issue", "none", {})
