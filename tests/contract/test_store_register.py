"""What any store must show of findings, records, sources and runs: the contract's views, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from capa_sync.model.finding import Finding, FindingState, Mode, Outcome, Severity, Verdict
from capa_sync.model.record import Action, ActionKind, ActionOrigin, FieldChange
from capa_sync.model.site import Account, FieldDef, SiteFacts, StatusDef
from capa_sync.model.ticket import Origin, Presence
from capa_sync.model.values import EMPTY, UNMAPPED, Value, ValueState
from capa_sync.store import Register, open_register
from capa_sync.store.judged_rows import row_hash
from tests.unit.store.fake_parser import DAY, MINUTE, PARSER, SOURCE, T0, FakeTicket, page

RULE = "root-cause-before-action"

# Copied from docs/contract.md 5, in its order.
COLUMNS = {
    "v_register": "register_no, source, ticket_key, ticket_url, track, title, grade, origin, origin_ref, "
    "requirement, "
    "occurred_at, detected_at, location, raised_by, owner, claimed_stage, evidenced_stage, "
    "source_status, correction, corrected_at, consequences, rca_method, root_cause, cause_category, "
    "extent, similar, actions_done, actions_total, action_text, due_at, replans, days_late, "
    "implemented_at, communicated, effectiveness_criterion, effectiveness_due, effectiveness_result, "
    "reviewed_by, reviewed_at, isms_change, risk_update, closed_at, closed_by, reopens, days_open, "
    "warnings_high, warnings_medium, warnings_low, rules, waived, cannot_tell, management_review, "
    "changed_at, synced_at, row_hash",
    "v_findings": "source, ticket_id, ticket_key, rule, clause, severity, state, message, opened_at, cleared_at, "
    "waived_until, rule_set",
    "v_changes": "source, ticket_id, ticket_key, field, from_value, to_value, changed_at, changed_by, origin",
    "v_tickets": "source, ticket_id, ticket_key, presence, updated_at, seen_at, history_complete, quarantine_reason",
    "v_actions": "source, ticket_key, action_key, origin, kind, text, owner, due_at, done_at",
    "v_writes": "source, ticket_id, ticket_key, kind, state, attempts, error, delivered_at, remote_id",
    "v_waivers": "source, ticket_id, ticket_key, rule, result, severity, state, why, until, reason, asked_by, "
    "approved_by, way, recorded_by, asked_at, recorded_at, ended_at, id",
    "v_sources": "source, kind, cursor, as_of, last_success_at, tickets, problem",
}


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Register]:
    """Give a store of each kind with one ticket in it, read whole at T0."""
    with open_register(tmp_path / "register.db", clock_now=T0) as fresh:
        fresh.facts.declare(SOURCE, "jira", "https://paper.example")
        read(fresh, 0, FakeTicket("1", "CAPA-1", {"status": "Open"}))
        yield fresh


def read(store: Register, minute: int, *fakes: FakeTicket) -> None:
    """Do one successful run over a source."""
    at = T0 + minute * MINUTE
    run = store.runs.start(SOURCE, "changes", at)
    store.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fakes)), at, run, PARSER)
    store.runs.finish(run, at, True, counts={"tickets": len(fakes)}, as_of=at)


def only(store: Register, view: str) -> dict[str, Any]:
    """Return the single row of a view."""
    (row,) = store.view(view)
    return row


def filled(data: Any) -> Value:
    """Return a filled canonical value."""
    return Value(ValueState.FILLED, data, str(data))


@pytest.mark.parametrize("view", COLUMNS)
def test_views_have_the_contracts_columns_first_and_in_order(store: Register, tmp_path: Path, view: str) -> None:
    """Other programs may rely on names and order."""
    names = COLUMNS[view].split(", ")
    with open_register(tmp_path / "register.db", clock_now=T0, read_only=True):
        columns = [column.name for column in sqlite_utils.Database(tmp_path / "register.db").view(view).columns]
    assert columns[: len(names)] == names
    assert len(set(columns)) == len(columns)


# --- findings ------------------------------------------------------------------------------------------------------
def finding(state: FindingState = FindingState.OPEN, episode: int = 1, **other: Any) -> Finding:
    """Return an episode of the rule on ticket 1."""
    cleared = T0 + DAY if state is FindingState.CLEARED else None
    return Finding(
        SOURCE, "1", RULE, episode, state, Severity.HIGH, T0, "rules-1", cleared_at=cleared, title="Cause first",
        clause="10.2 b", message="The cause is missing", fix="Fill it", args=(("a", "b"),), mode=Mode.WARN,
        inputs=({"what": "root_cause", "at": "2026-03-02T09:00:00Z"},), number=10, **other,
    )  # fmt: skip


def verdict(outcome: Outcome, **other: Any) -> Verdict:
    """Return a verdict of the rule."""
    return Verdict(RULE, outcome, Severity.HIGH, "Cause first", "10.2 b", Mode.WARN, number=10, **other)


def test_findings_come_back_as_saved_the_latest_episode_of_each_rule(store: Register) -> None:
    """Inputs, arguments and rule set are kept for every episode."""
    first, second = finding(FindingState.CLEARED), finding(FindingState.OPEN, 2, hidden_by="other")
    store.findings.save([first, second, replace(first, rule="due-date-moved", number=22)])
    assert [finding.rule for finding in store.findings.latest(SOURCE, "1")] == [RULE, "due-date-moved"]
    assert store.findings.latest(SOURCE, "1")[0] == second
    assert store.findings.episodes(SOURCE, "1")[:2] == [first, second]


def test_saving_equal_findings_and_verdicts_changes_no_row(store: Register) -> None:
    """An unchanged world leaves the tables as they are."""
    waived = finding(FindingState.WAIVED, waived_until=T0 + DAY, waived_by="ann", waived_reason="agreed")
    verdicts = [verdict(Outcome.BREACH, next_due=T0 + DAY)]
    store.findings.save([waived])
    assert store.findings.save_verdicts(SOURCE, "1", verdicts, T0)
    before = store.changed_rows
    store.findings.save([waived])
    assert not store.findings.save_verdicts(SOURCE, "1", verdicts, T0 + DAY)
    assert store.changed_rows == before
    assert store.findings.latest(SOURCE, "1") == [waived]


@pytest.mark.parametrize(
    ("state", "outcome", "shown"),
    [
        (FindingState.OPEN, Outcome.BREACH, "open"),
        (FindingState.OPEN, Outcome.CANNOT_TELL, "open"),
        (FindingState.WAIVED, Outcome.CANNOT_TELL, "waived"),
        (FindingState.HISTORICAL, Outcome.CANNOT_TELL, "historical"),
        (FindingState.CLEARED, Outcome.CANNOT_TELL, "cannot_tell"),
        (FindingState.CLEARED, Outcome.OK, "cleared"),
        (None, Outcome.CANNOT_TELL, "cannot_tell"),
        (None, Outcome.OK, None),
        (None, Outcome.NOT_APPLICABLE, None),
    ],
)
def test_a_finding_shows_its_live_episode_else_that_the_rule_cannot_tell(
    store: Register, state: FindingState | None, outcome: Outcome, shown: str | None
) -> None:
    """`cannot_tell` shows only where no episode is open; a rule never broken has no row."""
    store.findings.save([finding(state)] if state else [])
    store.findings.save_verdicts(SOURCE, "1", [verdict(outcome, reason="unmapped")], T0)
    rows = list(store.view("v_findings"))
    assert [row["state"] for row in rows] == ([shown] if shown else [])
    for row in rows:
        assert (row["ticket_key"], row["rule"], row["clause"]) == ("CAPA-1", RULE, "10.2 b")


def test_changed_verdicts_add_up_over_time(store: Register) -> None:
    """A first verdict is no change; many small cycles cannot evade a rolling count."""
    for ticket in ("1", "2", "3"):
        store.findings.save_verdicts(SOURCE, ticket, [verdict(Outcome.OK)], T0)
    assert store.findings.changed_since(SOURCE, T0) == 0
    store.findings.save_verdicts(SOURCE, "1", [verdict(Outcome.BREACH)], T0 + MINUTE)
    store.findings.save_verdicts(SOURCE, "2", [verdict(Outcome.BREACH)], T0 + DAY)
    assert store.findings.changed_since(SOURCE, T0) == 2
    assert store.findings.changed_since(SOURCE, T0 + 2 * MINUTE) == 1
    assert store.findings.verdict_counts(SOURCE) == {"tickets": 3, "ok": 1, "breach": 2}


def test_judged_tickets_are_counted_no_further_than_asked(store: Register) -> None:
    """Each ticket with verdicts counts once, those of the source alone, and none beyond the limit is looked at."""
    assert store.findings.judged_tickets(SOURCE, 10) == 0
    rules = [verdict(Outcome.OK), replace(verdict(Outcome.BREACH), rule="another-rule")]
    for ticket in ("1", "2", "3"):
        store.findings.save_verdicts(SOURCE, ticket, rules, T0)
    store.findings.save_verdicts("another", "4", rules, T0)
    store.findings.save_verdicts(SOURCE, "5", [], T0)
    assert [store.findings.judged_tickets(SOURCE, limit) for limit in (1, 2, 3, 4, 100)] == [1, 2, 3, 3, 3]


def _stored(store: Register) -> set[tuple[str, str, str]]:
    return {(row[1], row[2], row[3]) for row in store.rows_by_table()["verdict"]}


def test_verdicts_that_tickets_share_read_as_those_of_each(store: Register) -> None:
    """However they are stored, each ticket has its own; a changed one changes no other ticket."""
    plain = [replace(verdict(Outcome.OK), rule=f"rule-{number}") for number in range(3)]
    breach = replace(verdict(Outcome.BREACH), rule="rule-0")
    for ticket in ("1", "2"):
        store.findings.save_verdicts(SOURCE, ticket, plain, T0)
    assert _stored(store) == {(ticket, shared.rule, "ok") for ticket in ("1", "2") for shared in plain}
    assert store.findings.save_verdicts(SOURCE, "1", [breach, *plain[1:]], T0)
    assert _stored(store) == {
        ("1", "rule-0", "breach"),
        ("1", "rule-1", "ok"),
        ("1", "rule-2", "ok"),
        *(("2", shared.rule, "ok") for shared in plain),
    }
    assert store.findings.outcomes_of(SOURCE, ["1", "2"])["1"] == {
        "rule-0": Outcome.BREACH,
        "rule-1": Outcome.OK,
        "rule-2": Outcome.OK,
    }
    assert store.findings.save_verdicts(SOURCE, "1", plain, T0)
    assert not store.findings.save_verdicts(SOURCE, "1", plain, T0)
    assert store.findings.save_verdicts(SOURCE, "2", [], T0)
    assert _stored(store) == {("1", shared.rule, "ok") for shared in plain}


def test_sets_of_verdicts_that_no_ticket_has_are_deleted(store: Register) -> None:
    """A rule's new title makes new sets; the old ones go, those in use stay."""
    store.findings.save_verdicts(SOURCE, "1", [verdict(Outcome.OK)], T0)
    store.findings.save_verdicts(SOURCE, "1", [replace(verdict(Outcome.OK), title="Another title")], T0)
    before = store.changed_rows
    store.findings.drop_unused_sets()
    assert store.changed_rows == before + 1
    store.findings.drop_unused_sets()
    assert store.changed_rows == before + 1
    assert _stored(store) == {("1", RULE, "ok")}


def test_a_new_due_time_alone_is_no_changed_verdict(store: Register) -> None:
    """Only outcomes and severities count for the brake."""
    store.findings.save_verdicts(SOURCE, "1", [verdict(Outcome.OK, next_due=T0 + DAY)], T0)
    assert not store.findings.save_verdicts(SOURCE, "1", [verdict(Outcome.OK, next_due=T0 + 2 * DAY)], T0)
    assert store.findings.changed_since(SOURCE, T0) == 0


def test_tickets_come_due_by_time(store: Register) -> None:
    """The earliest instant is returned first; none after it was withdrawn."""
    store.findings.next_due(SOURCE, "1", T0 + DAY)
    store.findings.next_due(SOURCE, "2", T0 + MINUTE)
    assert store.findings.due(T0) == []
    assert store.findings.due(T0 + DAY) == [(SOURCE, "2"), (SOURCE, "1")]
    assert store.findings.next_instants(1) == [(T0 + MINUTE, SOURCE, "2")]
    store.findings.next_due(SOURCE, "2", None)
    assert store.findings.due(T0 + DAY) == [(SOURCE, "1")]


# --- the register --------------------------------------------------------------------------------------------------
def test_register_numbers_are_given_once_and_never_again(store: Register) -> None:
    """Numbers count within a year and stay with their ticket, also after it left the register."""
    numbers = store.records
    assert numbers.register_no("jira", "1", 2026) == "NC-2026-0001"
    assert numbers.register_no("snow", "1", 2026) == "NC-2026-0002"
    assert numbers.register_no("jira", "2", 2025) == "NC-2025-0001"
    numbers.remove_row("snow", "1")
    assert numbers.register_no("jira", "3", 2026) == "NC-2026-0003"
    assert numbers.register_no("jira", "1", 2027) == "NC-2026-0001"
    assert numbers.register_no("snow", "1", 2026) == "NC-2026-0002"


def test_days_are_counted_at_the_sources_as_of(store: Register) -> None:
    """Open since detection, late since the end of the due day; nothing in the row changes as they grow."""
    row = {"ticket_key": "CAPA-1", "detected_at": T0, "due_at": date(2026, 3, 3), "actions_done": 1}
    store.records.register_no(SOURCE, "1", 2026)
    store.records.save_row(SOURCE, "1", row)
    shown, hash_before = only(store, "v_register"), only(store, "v_register")["row_hash"]
    assert (shown["days_open"], shown["days_late"], shown["actions_done"]) == (0, 0, 1)
    read(store, 4 * 24 * 60)  # 2026-03-06 09:00: two whole days after the end of 2026-03-03
    before = store.changed_rows
    store.records.save_row(SOURCE, "1", row)
    assert store.changed_rows == before
    later = only(store, "v_register")
    assert (later["days_open"], later["days_late"]) == (4, 2)
    assert (later["register_no"], later["detected_at"], later["due_at"]) == (
        "NC-2026-0001", "2026-03-02T09:00:00Z", "2026-03-03",
    )  # fmt: skip
    assert later["synced_at"] == "2026-03-06T09:00:00Z"
    assert later["row_hash"] == hash_before == row_hash(row)


def test_days_stop_where_the_record_says(store: Register) -> None:
    """Closed and implemented records count no further; explicit instants take precedence."""
    row = {
        "ticket_key": "CAPA-1", "detected_at": T0, "closed_at": T0 + 3 * DAY, "due_at": date(2026, 3, 3),
        "implemented_at": T0 + 10 * DAY,
    }  # fmt: skip
    store.records.save_row(SOURCE, "1", row)
    read(store, 60 * 24 * 60)
    assert (only(store, "v_register")["days_open"], only(store, "v_register")["days_late"]) == (3, 8)
    store.records.save_row(SOURCE, "1", {**row, "open_from": T0 - DAY, "late_from": T0 + 9 * DAY})
    assert (only(store, "v_register")["days_open"], only(store, "v_register")["days_late"]) == (4, 1)


def test_a_row_without_due_date_is_not_late(store: Register) -> None:
    """No due date, no days late; and a row whose source was never read counts no days."""
    store.records.save_row(SOURCE, "1", {"ticket_key": "CAPA-1", "detected_at": T0})
    assert only(store, "v_register")["days_late"] is None
    store.records.remove_row(SOURCE, "1")
    store.records.save_row("never-read", "1", {"ticket_key": "X-1", "detected_at": T0, "due_at": T0})
    assert (only(store, "v_register")["days_open"], only(store, "v_register")["days_late"]) == (None, None)


def test_an_unknown_column_is_refused(store: Register) -> None:
    """A misspelt column is a mistake of ours, not an empty cell."""
    with pytest.raises(ValueError, match="titel"):
        store.records.save_row(SOURCE, "1", {"titel": "x"})


def test_the_hash_covers_the_record_and_nothing_of_its_freshness() -> None:
    """Another title is another hash; confidentiality is not part of the record's content."""
    assert row_hash({"title": "a"}) != row_hash({"title": "b"})
    assert row_hash({"title": "a", "grade": ""}) == row_hash({"title": "a", "confidential": "yes"})


def test_actions_are_shown_with_their_owner_and_dates(store: Register) -> None:
    """`v_actions` has one row an action, of whatever origin."""
    action = Action(
        "field:corrective_action", "CAPA-1", ActionOrigin.FIELD, ActionKind.CORRECTIVE, filled("Train"),
        filled("ann"), filled(date(2026, 4, 1)), done_at=T0,
    )  # fmt: skip
    bare = replace(
        action, id="77", key="CAPA-7", origin=ActionOrigin.SUBTASK, owner=EMPTY, due_at=UNMAPPED, done_at=None
    )
    store.records.save_actions(SOURCE, "1", [action, bare])
    before = store.changed_rows
    store.records.save_actions(SOURCE, "1", [bare, action])
    assert store.changed_rows == before
    shown = {row["action_key"]: row for row in store.view("v_actions")}
    assert [shown["CAPA-1"][name] for name in ("origin", "kind", "text", "owner", "due_at", "done_at")] == [
        "field", "corrective", "Train", "ann", "2026-04-01", "2026-03-02T09:00:00Z",
    ]  # fmt: skip
    assert (shown["CAPA-7"]["owner"], shown["CAPA-7"]["due_at"], shown["CAPA-7"]["ticket_key"]) == (
        "",
        None,
        "CAPA-1",
    )


def test_birth_rows_join_the_changes_and_confidential_tickets_are_marked(store: Register) -> None:
    """What a field held when the ticket was made is a change of origin `birth`."""
    birth = FieldChange(T0, 0, "grade", EMPTY, filled("minor"), "ann", True, Origin.BIRTH, "", "Severity")
    edit = replace(birth, origin=Origin.HISTORY, group=1, new=filled("major"))
    store.records.save_births(SOURCE, "1", [birth, edit])
    store.records.save_row(SOURCE, "1", {"ticket_key": "CAPA-1", "confidential": "yes"})
    row = only(store, "v_changes")
    assert [row[name] for name in ("field", "field_id", "from_value", "to_value", "origin", "changed_by")] == [
        "Severity", "grade", "", "minor", "birth", "ann",
    ]  # fmt: skip
    assert row["confidential"] == only(store, "v_register")["confidential"] == "yes"


def test_changes_show_the_person_behind_an_account(store: Register) -> None:
    """By what is known of the source's accounts; one that nobody listed is a person of that source."""
    fake = FakeTicket("1", "CAPA-1", {"status": "Open"})
    fake.edit(T0 + MINUTE, by="acc-lee", status="Closed")
    read(store, 1, fake)
    assert only(store, "v_changes")["changed_by"] == f"{SOURCE}:acc-lee"
    store.facts.know_persons(SOURCE, {"acc-lee": "lee"})
    store.facts.know_persons("other", {"acc-lee": "somebody else"})
    assert only(store, "v_changes")["changed_by"] == "lee"
    before = store.changed_rows
    store.facts.know_persons(SOURCE, {"acc-lee": "lee"})
    assert store.changed_rows == before
    store.facts.know_persons(SOURCE, {})
    assert only(store, "v_changes")["changed_by"] == f"{SOURCE}:acc-lee"


def test_a_move_between_two_values_that_read_alike_is_visible(store: Register) -> None:
    """Two accounts of one name, and two options of one name, are shown with their ids; nothing else is."""
    fake = FakeTicket(
        "1", "CAPA-1", {"owner": ["557058:a", "Will Jones"], "site": ["10", "Main"], "status": ["1", "Open"]}
    )
    fake.edit(T0 + MINUTE, owner=["712020:b", "Will Jones"])
    fake.edit(T0 + 2 * MINUTE, site=["11", "Main"], status=["2", "Closed"])
    read(store, 1, fake)
    changes = [(row["from_value"], row["to_value"]) for row in store.view("v_changes")]
    assert changes == [
        ("Will Jones (557058:a)", "Will Jones (712020:b)"),
        ("Main (10)", "Main (11)"),
        ("Open", "Closed"),
    ]


def test_joined_tickets_find_each_other_by_key_old_or_new(store: Register) -> None:
    """The link is found whichever side names the other, also after a move."""
    store.records.save_join("snow", "sys1", SOURCE, "CAPA-1")
    assert store.records.joined("snow", "sys1") == [(SOURCE, "1")]
    assert store.records.joined(SOURCE, "1") == [("snow", "sys1")]
    read(store, 1, FakeTicket("1", "MOVED-1", {"status": "Open"}))
    assert store.records.joined("snow", "sys1") == [(SOURCE, "1")]
    assert store.records.joined(SOURCE, "1") == [("snow", "sys1")]
    store.records.save_join("snow", "sys1", SOURCE, "")
    assert (store.records.joined("snow", "sys1"), store.records.joined(SOURCE, "1")) == ([], [])


# --- sources and runs ----------------------------------------------------------------------------------------------
def test_a_source_shows_its_freshness_and_its_problem(store: Register) -> None:
    """A failed run says why and moves neither `as_of` nor the last success; a good one of its kind clears it."""
    run = store.runs.start(SOURCE, "census", T0 + MINUTE)
    store.runs.finish(run, T0 + 2 * MINUTE, False, "401 from the tracker")
    row = only(store, "v_sources")
    assert [row[name] for name in COLUMNS["v_sources"].split(", ")] == [
        SOURCE, "jira", '{"position":""}', "2026-03-02T09:00:00Z", "2026-03-02T09:00:00Z", 1, "401 from the tracker",
    ]  # fmt: skip
    read(store, 3)
    assert store.runs.problem(SOURCE) == "401 from the tracker"
    store.runs.finish(store.runs.start(SOURCE, "census", T0 + DAY), T0 + DAY, True, as_of=T0 + DAY)
    assert (store.runs.problem(SOURCE), store.runs.as_of(SOURCE)) == ("", T0 + DAY)
    assert (store.runs.last_success(SOURCE), store.runs.cycles(SOURCE)) == (T0 + DAY, 4)
    assert (store.runs.as_of("other"), store.runs.last_success("other"), store.runs.cycles("other")) == (
        None,
        None,
        0,
    )


def test_a_killed_run_is_closed_as_interrupted_by_the_next(store: Register) -> None:
    """A run that never ended is no success and is reported as interrupted."""
    store.runs.start(SOURCE, "changes", T0 + MINUTE)
    last = store.runs.last(SOURCE, "changes")
    assert last is not None
    assert (last.finished_at, last.ok) == (None, False)
    store.runs.start(SOURCE, "changes", T0 + DAY)
    assert store.runs.problem(SOURCE) == "interrupted"
    assert store.runs.as_of(SOURCE) == T0


def test_uneventful_runs_fold_into_one_and_eventful_ones_stay(store: Register) -> None:
    """A year of polling is a few rows; every run counts, and what each stored keeps its run."""
    for minute in range(1, 50):
        read(store, minute)
    assert (store.runs.cycles(SOURCE), store.runs.as_of(SOURCE)) == (50, T0 + 49 * MINUTE)
    read(store, 50, FakeTicket("2", "CAPA-2"))
    for minute in (51, 52):
        run = store.runs.start(SOURCE, "changes", T0 + minute * MINUTE)
        store.runs.finish(run, T0 + minute * MINUTE, False, "503")
    last = store.runs.last(SOURCE, "changes")
    assert last is not None
    assert (last.ok, last.problem, store.runs.cycles(SOURCE)) == (False, "503", 53)
    ledger = store.runs.all(SOURCE)
    assert [(run.ok, run.repeats, run.since) for run in ledger] == [
        (True, 1, T0),
        (True, 49, T0 + MINUTE),
        (True, 1, T0 + 50 * MINUTE),
        (False, 2, T0 + 51 * MINUTE),
    ]
    assert {row[6] for row in store.rows_by_table()["part"]} <= {run.id for run in ledger}


def test_a_present_ticket_is_seen_by_every_good_run_a_vanished_one_no_more(store: Register) -> None:
    """`seen_at` comes from the ledger alone."""
    read(store, 5)
    assert only(store, "v_tickets")["seen_at"] == "2026-03-02T09:05:00Z"
    store.tickets.set_presence(SOURCE, "1", Presence.DELETED_OR_HIDDEN, "404", T0 + 6 * MINUTE)
    read(store, 10)
    assert only(store, "v_tickets")["seen_at"] == "2026-03-02T09:05:00Z"


def test_a_not_before_instant_outlives_a_restart(tmp_path: Path) -> None:
    """The tracker's Retry-After is stored."""
    with open_register(tmp_path / "r.db", clock_now=T0) as store:
        store.runs.set_not_before("jira", T0 + timedelta(hours=2), "429")
    with open_register(tmp_path / "r.db", clock_now=T0) as store:
        assert store.runs.not_before("jira") == T0 + timedelta(hours=2)
        assert store.runs.not_before("snow") is None
        store.runs.set_not_before("jira", None)
        assert store.runs.not_before("jira") is None


def test_facts_of_a_tracker_are_kept_and_equal_ones_change_no_row(store: Register) -> None:
    """The tracker's time of day is no fact; accounts once seen are kept."""
    facts = SiteFacts(
        fields=(FieldDef("b", "B", options=(("1", "One"),)), FieldDef("a", "A", "text", True, False)),
        statuses=(StatusDef("1", "Open", "new"),),
        me=Account("me", "capa-sync"),
        accounts=(Account("x", "Xenia", True, ("xen",)),),
        server_time=T0,
    )
    assert store.facts.save(SOURCE, facts, T0)
    before = store.changed_rows
    assert not store.facts.save(SOURCE, replace(facts, server_time=T0 + DAY, fields=facts.fields[::-1]), T0)
    assert not store.facts.save(SOURCE, replace(facts, accounts=()), T0)
    assert store.changed_rows == before
    assert store.facts.save(SOURCE, replace(facts, accounts=(Account("y", "Yan"),)), T0)
    held = store.facts.load(SOURCE)
    assert held is not None
    assert [account.id for account in held.accounts] == ["x", "y"]
    assert held.fields == facts.fields[::-1]
    assert store.facts.load("other") is None


def test_a_pinned_field_keeps_its_id_until_it_is_pinned_anew(store: Register) -> None:
    """Drift is reported as long as nobody accepts it."""
    assert store.facts.pin(SOURCE, "root_cause", "customfield_1") is None
    assert store.facts.pin(SOURCE, "root_cause", "customfield_2") == "customfield_1"
    assert store.facts.pin(SOURCE, "root_cause", "customfield_2") == "customfield_1"
    store.facts.repin(SOURCE, "root_cause", "customfield_2")
    assert store.facts.pins(SOURCE) == {"root_cause": "customfield_2"}
    assert store.facts.sources() == {SOURCE: "jira"}
