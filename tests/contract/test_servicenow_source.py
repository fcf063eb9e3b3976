"""The ServiceNow source reads everything once over real HTTP: backfill, changes, ties, children, history, census."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from capa_sync.errors import AccessDenied, Authentication
from capa_sync.model.ticket import Role
from capa_sync.sandbox.messages import Reply, Request
from tests.unit.sources.servicenow.source_harness import LISTS, START, SourceHarness, source_harness


@pytest.fixture
def sn() -> Iterator[SourceHarness]:
    """Three old issues of lee's, the first with an action."""
    with source_harness() as made:
        made.issues = [made.insert(short_description=name, state="10") for name in ("one", "two", "three")]  # type: ignore[attr-defined]
        made.task = made.insert("sn_grc_task", short_description="act", issue=made.issues[0])  # type: ignore[attr-defined]
        made.later(hours=1)
        yield made


def same_as_tracker(sn: SourceHarness, table: str = "sn_grc_issue") -> bool:
    """Whether the mirror holds every row of a table with its newest update time, count of changes and notes."""
    for row in sn.tracker.rows(table):
        ticket = sn.ticket(row["sys_id"])
        audit = sn.tracker.rows("sys_audit", f"documentkey={row['sys_id']}^fieldnameNOT INwork_notes,comments")
        notes = sn.tracker.rows("sys_journal_field", f"element_id={row['sys_id']}")
        assert ticket.updated_at.strftime("%Y-%m-%d %H:%M:%S") == row["sys_updated_on"]
        assert {change.entry for change in ticket.changes} == {entry["sys_id"] for entry in audit}
        assert {comment.id for comment in ticket.comments} == {note["sys_id"] for note in notes}
    return True


def test_says_who_we_are_and_what_the_instance_has(sn: SourceHarness) -> None:
    """Identify returns our account with both its names, the fields with their audit flags, statuses and rights."""
    facts = sn.source.identify()
    assert (facts.me.name, facts.me.aliases, facts.time_zone) == ("capa-sync integration", ("capa_sync",), "GMT")
    assert facts.server_time == START + timedelta(hours=1)
    assert facts.history_readable
    assert not facts.absent_is_empty
    assert {"10": "New", "3": "Closed Complete"}.items() <= {s.id: s.name for s in facts.statuses}.items()
    fields = {field.id: field for field in facts.fields}
    assert fields["u_root_cause"].custom
    assert fields["u_root_cause"].audited
    assert ("10", "New") in fields["state"].options
    assert {"Lee Wong", "Kim Roy"} <= {account.name for account in facts.accounts}


def test_first_fill_brings_records_children_history_and_notes(sn: SourceHarness) -> None:
    """After one cycle the mirror equals the tracker, children included."""
    lee = sn.tracker.accounts.caller("lee").sys_id
    sn.edit(sn.issues[0], state="11", u_root_cause="no review", assigned_to=lee)
    sn.tracker.as_user("kim").work_note("sn_grc_issue", sn.issues[0], "asked lee")
    sn.sync()
    ticket = sn.ticket(sn.issues[0])
    assert same_as_tracker(sn)
    assert same_as_tracker(sn, "sn_grc_task")
    assert ticket.history_complete
    assert ticket.history_from is None
    assert {change.field_name for change in ticket.changes} == {"State", "Root cause", "Assigned to"}
    assert {change.by for change in ticket.changes} == {lee}
    assert ticket.values["assigned_to"].names == ("Lee Wong",)
    assert [(c.text, c.internal) for c in ticket.comments] == [("asked lee", True)]
    assert sn.ticket(sn.task).parent == sn.issues[0]
    assert sn.mirror.readings[sn.task].role is Role.ACTION


def test_nothing_changed_costs_two_requests_a_table_and_moves_nothing(sn: SourceHarness) -> None:
    """An idle poll sends two requests for each mirrored table, reads nothing and leaves the cursor as it was."""
    sn.sync()
    before = sn.mirror.cursor
    sn.sent()
    for _ in range(3):
        assert sn.sync() == []
        assert [e.path.rpartition("/")[2] for e in sn.sent()] == ["sn_grc_issue"] * 2 + ["sn_grc_task"] * 2
        assert sn.mirror.cursor == before


def test_a_change_is_read_with_its_history_and_only_that(sn: SourceHarness) -> None:
    """One edited record among many is read alone, at once, and not again at the next poll."""
    sn.sync()
    sn.later(minutes=1)
    sn.edit(sn.issues[1], state="11")
    assert sn.sync() == [sn.issues[1]]
    assert sn.sync() == []
    assert same_as_tracker(sn)


def test_a_note_alone_is_a_change(sn: SourceHarness) -> None:
    """A work note changes no column of the record and is read all the same."""
    sn.sync()
    sn.tracker.as_user("kim").work_note("sn_grc_issue", sn.issues[2], "seen")
    assert sn.sync() == [sn.issues[2]]
    assert [comment.text for comment in sn.ticket(sn.issues[2]).comments] == ["seen"]


def test_a_row_committed_late_is_found(sn: SourceHarness) -> None:
    """A row with an earlier update time than one already read, and visible only later, is read at the next poll."""
    sn.sync()
    sn.later(minutes=2)
    sn.edit(sn.issues[0], state="11")
    assert sn.sync() == [sn.issues[0]]
    sn.tracker.settings.commit_late_s = 90
    sn.edit(sn.issues[1], state="11")
    assert sn.sync() == [sn.issues[1]]
    assert same_as_tracker(sn)


@pytest.mark.slow
def test_thousands_of_rows_of_one_second_come_whole() -> None:
    """2,050 of 2,601 rows share one second, read in pages of 100: none is lost, none doubled."""
    with source_harness(page_size=100, children=()) as sn:
        ids = [sn.insert(short_description=str(number)) for number in range(2601)]
        sn.later(hours=1)
        assert sorted(sn.sync()) == sorted(ids)
        for sys_id in ids[:2050]:
            sn.edit(sys_id, state="11")
        read = sn.sync()
        assert sorted(read) == sorted(ids[:2050])
        sn.later(hours=1)
        assert sn.sync() == []
        sn.sent()
        sn.sync()
        assert len(sn.sent()) == 2
        assert same_as_tracker(sn)


@pytest.mark.parametrize("is_fill", [True, False])
def test_rows_touched_between_pages_are_not_lost(is_fill: bool) -> None:
    """Rows edited while pages are being read are mirrored as they are now after that cycle or the next."""
    with source_harness(page_size=50, children=()) as sn:
        ids = [sn.insert(short_description=str(number)) for number in range(300)]
        if not is_fill:
            sn.later(hours=1)
            sn.sync()
            for sys_id in ids:
                sn.edit(sys_id, state="11")
        left = iter(ids)

        def touch(request: Request, reply: Reply) -> None:
            if request.path == LISTS:
                for sys_id in islice(left, 20):
                    sn.edit(sys_id, user="kim", state="12")

        sn.server.after.append(touch)
        sn.sync()
        sn.server.after.clear()
        sn.sync()
        assert same_as_tracker(sn)


@pytest.mark.parametrize("hidden", ["short_descriptionLIKE7", "short_descriptionSTARTSWITH1"])
def test_short_and_empty_pages_in_mid_table_end_nothing(hidden: str) -> None:
    """Rows hidden by an access rule leave pages short or empty; every visible row is read all the same."""
    with source_harness(page_size=20, children=()) as sn:
        for number in range(400):
            sn.insert(short_description=str(number))
        everything = {row["sys_id"] for row in sn.tracker.rows("sn_grc_issue")}
        closed = {row["sys_id"] for row in sn.tracker.rows("sn_grc_issue", hidden)}
        sn.tracker.settings.hidden_matching = {"sn_grc_issue": hidden}
        sn.later(hours=1)
        assert set(sn.sync()) == everything - closed
        for sys_id in everything:
            sn.edit(sys_id, state="11")
        assert set(sn.sync()) == everything - closed
        assert sn.source.take_census().ids == everything - closed


def test_a_wholly_hidden_stretch_is_stepped_over() -> None:
    """Whole pages of hidden rows before and between visible ones are skipped, not taken for the end."""
    with source_harness(page_size=20, children=()) as sn:
        ids = sorted(sn.insert(short_description=str(number)) for number in range(200))
        sn.tracker.settings.hidden_rows = [*ids[:70], *ids[90:180]]
        sn.later(hours=1)
        assert sn.sync() == [*ids[70:90], *ids[180:]]


@pytest.mark.parametrize("setting", [{"page_cap": 7}, {"unstable_ties": True}, {"compresses": False}])
def test_a_page_smaller_or_otherwise_sorted_than_asked_for_loses_nothing(setting: dict[str, object]) -> None:
    """The instance may cap pages and shuffle equal keys: everything is read."""
    with source_harness(page_size=50, children=()) as sn:
        ids = [sn.insert(short_description=str(number)) for number in range(60)]
        sn.later(hours=1)
        for name, value in setting.items():
            setattr(sn.tracker.settings, name, value)
        sn.sync()
        for sys_id in ids[:40]:
            sn.edit(sys_id, state="11")
        sn.sync()
        assert same_as_tracker(sn)


def test_a_killed_fill_goes_on_where_it_stopped() -> None:
    """A backfill stopped after any page is finished by the next cycle without reading earlier pages again."""
    with source_harness(page_size=10, children=()) as sn:
        ids = sorted(sn.insert(short_description=str(number)) for number in range(45))
        sn.later(hours=1)
        for page in islice(sn.source.read_changes(sn.mirror.cursor), 2):
            sn.mirror.commit(page)
        assert sorted(sn.mirror.parts) == ids[:20]
        sn.edit(ids[0], state="11")
        assert sn.again().sync() == [*ids[20:], ids[0]]
        assert same_as_tracker(sn)


def test_a_full_sweep_finds_what_left_no_update_time(sn: SourceHarness) -> None:
    """An edit by a script that keeps the update time is invisible to a poll and found by the full sweep."""
    sn.sync()
    sn.tracker.as_user("lee").update("sn_grc_issue", sn.issues[0], {"state": "13"}, auto_sys_fields=False)
    assert sn.sync() == []
    before = sn.mirror.cursor
    assert sorted(sn.sync(full=True)) == sorted([*sn.issues, sn.task])
    assert sn.ticket(sn.issues[0]).values["state"].ids == ("13",)
    assert sn.mirror.cursor == before


def test_a_full_sweep_that_was_stopped_goes_on(sn: SourceHarness) -> None:
    """After a stopped sweep polls continue, and the next full read reads the rest of it."""
    made = sn.again(page_size=1)
    made.sync()
    for page in islice(made.source.read_changes(made.mirror.cursor, full=True), 1):
        made.mirror.commit(page)
    assert made.sync() == []
    rest = []
    for page in made.source.read_changes(made.mirror.cursor, full=True):
        rest += [reading.ticket.id for reading in page.readings]
        made.mirror.commit(page)
    assert sorted(rest) == sorted([*sorted(sn.issues)[1:], sn.task])


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu"])
def test_our_profile_s_zone_changes_nothing(sn: SourceHarness, zone: str) -> None:
    """Whatever the zone of the API user's profile, the mirror is the same to the byte."""
    sn.edit(sn.issues[0], due_date="2026-03-09 12:00:00", state="11", u_root_cause="x")
    sn.tracker.as_user("kim").work_note("sn_grc_issue", sn.issues[0], "asked lee")
    sn.sync()
    kept = sn.mirror.bodies()
    sn.tracker.settings.user_time_zone = zone
    other = sn.again()
    other.mirror.cursor = type(other.mirror.cursor)()
    other.sync()
    assert other.mirror.bodies() == kept
    assert other.ticket(sn.issues[0]).values["due_date"].text == "2026-03-09T12:00:00Z"


@pytest.mark.parametrize("skew", [600, -600])
def test_a_clock_ahead_or_behind_loses_nothing(sn: SourceHarness, skew: float) -> None:
    """Ten minutes between the instance's clock and ours change nothing: only its own clock is used."""
    sn.tracker.settings.clock_skew_s = skew
    sn.sync()
    sn.edit(sn.issues[0], state="11")
    assert sn.sync() == [sn.issues[0]]
    sn.later(minutes=3)
    sn.edit(sn.issues[1], state="11")
    sn.sync()
    assert same_as_tracker(sn)


# --- children --------------------------------------------------------------------------------------------------


def test_a_new_child_and_a_child_taken_away_are_noticed(sn: SourceHarness) -> None:
    """A new child is read; one whose reference is emptied is read too, with no parent."""
    sn.sync()
    fresh = sn.insert("sn_grc_task", short_description="new", issue=sn.issues[1])
    sn.edit(sn.task, "sn_grc_task", issue="")
    assert sorted(sn.sync()) == sorted([fresh, sn.task])
    assert sn.ticket(fresh).parent == sn.issues[1]
    assert sn.ticket(sn.task).parent == ""


def test_children_of_records_out_of_scope_are_left_alone() -> None:
    """Only children of records in scope are mirrored; when a record comes into scope its children come with it."""
    with source_harness(query="active=true^state!=3") as sn:
        inside, out_of_scope = sn.insert(state="10"), sn.insert(state="3", active="true")
        child, stray = sn.insert("sn_grc_task", issue=inside), sn.insert("sn_grc_task", issue=out_of_scope)
        sn.later(hours=1)
        assert sorted(sn.sync()) == sorted([inside, child])
        sn.edit(stray, "sn_grc_task", short_description="still nobody's")
        assert sn.sync() == []
        sn.later(hours=1)
        sn.edit(out_of_scope, state="10")
        assert sorted(sn.sync()) == sorted([out_of_scope, stray])
        assert sn.sync() == []


def test_a_dropped_filter_through_a_reference_brings_no_strangers() -> None:
    """When the instance drops the filter on the record's columns, children of other records are left out by us."""
    with source_harness(query="state=10") as sn:
        inside, out_of_scope = sn.insert(state="10"), sn.insert(state="3")
        child, _ = sn.insert("sn_grc_task", issue=inside), sn.insert("sn_grc_task", issue=out_of_scope)
        sn.tracker.settings.dropped_fields = ["issue.state"]
        assert sorted(sn.sync()) == sorted([inside, child])
        assert any("issue.state" in part for part in map(str, sn.tracker.ignored_parts))


def test_tickets_are_read_by_id_with_their_children(sn: SourceHarness) -> None:
    """Reading by id works for records and actions; one that is gone is not yielded."""
    found = {reading.ticket.id: reading.role for reading in sn.source.read_tickets([sn.issues[0], "0" * 32, "x^y"])}
    assert found == {sn.issues[0]: Role.RECORD, sn.task: Role.ACTION}
    assert [r.ticket.id for r in sn.source.read_tickets([sn.task])] == [sn.task]


# --- history ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("denied", ["forbidden", "empty"])
def test_without_audit_rights_history_counts_from_the_first_sight(sn: SourceHarness, denied: str) -> None:
    """Without a right to sys_audit the history is marked incomplete, and counts from the first read on."""
    sn.tracker.settings.audit_readable = False
    sn.tracker.settings.audit_denied_as = denied
    sn.edit(sn.issues[0], state="11")
    first = START + timedelta(hours=1)
    assert not sn.source.identify().history_readable
    sn.sync()
    sn.later(hours=1)
    sn.edit(sn.issues[0], state="12")
    sn.sync()
    ticket = sn.ticket(sn.issues[0])
    assert not ticket.history_complete
    assert ticket.history_from == first
    assert ticket.changes == ()
    assert ticket.values["state"].ids == ("12",)


def test_a_table_that_is_not_audited_has_no_history(sn: SourceHarness) -> None:
    """The audit flag of the record's own class decides, not its parent's."""
    sn.tracker.set_audit("sn_grc_issue", audited=False)
    sn.sync()
    assert sn.ticket(sn.issues[0]).history_from == START + timedelta(hours=1)
    assert not sn.ticket(sn.issues[0]).history_complete
    assert sn.ticket(sn.task).history_complete
    assert not sn.source.identify().history_readable


def test_hidden_history_rows_concern_their_ticket_alone(sn: SourceHarness) -> None:
    """Where the count is not reached, only the ticket with the hidden rows is incomplete."""
    for sys_id in sn.issues:
        sn.edit(sys_id, state="11")
    sn.tracker.settings.hidden_matching = {"sys_audit": f"documentkey={sn.issues[1]}"}
    sn.sync()
    assert [sn.ticket(sys_id).history_complete for sys_id in sn.issues] == [True, False, True]


def test_updates_of_one_second_keep_their_order(sn: SourceHarness) -> None:
    """Five updates in one second come out in the order in which they were made, each a group of its own."""
    for state in ("11", "12", "13", "11", "3"):
        sn.edit(sn.issues[0], state=state, u_root_cause=f"in {state}")
    sn.sync()
    changes = sn.ticket(sn.issues[0]).changes
    assert [c.new.ids[0] for c in changes if c.field_id == "state"] == ["11", "12", "13", "11", "3"]
    groups = [{c.field_id for c in changes if c.order == order} for order in sorted({c.order for c in changes})]
    assert groups[:4] == [{"state", "u_root_cause"}] * 4


def test_a_long_history_comes_whole(sn: SourceHarness) -> None:
    """A record with 2,500 changes has them all, in order."""
    for number in range(1250):
        sn.edit(sn.issues[0], state=("11", "12")[number % 2], u_root_cause=f"{number}")
    sn.sync()
    texts = [c.new.text for c in sn.ticket(sn.issues[0]).changes if c.field_id == "u_root_cause"]
    assert texts == [str(number) for number in range(1250)]


def test_a_record_edited_while_its_history_is_read_is_read_again(sn: SourceHarness) -> None:
    """Values and history of a reading belong together."""
    done: list[int] = []

    def touch(request: Request, reply: Reply) -> None:
        if request.path == LISTS and not done and not request.parameter("sysparm_fields"):
            done.append(1)
            sn.later(seconds=2)
            sn.edit(sn.issues[0], state="13")

    sn.server.after.append(touch)
    page = next(iter(sn.source.read_changes(sn.mirror.cursor)))
    ticket = next(r.ticket for r in page.readings if r.ticket.id == sn.issues[0])
    assert ticket.values["state"].ids == ("13",)
    assert ticket.changes[-1].new.ids == ("13",)


def test_a_reclassified_record_keeps_its_id_and_history() -> None:
    """A record of a child class, read through its parent's table, changes class and stays the same ticket."""
    with source_harness() as sn:
        made = sn.again(table="task", children=(), query="sys_class_nameINincident,problem")
        sys_id = sn.insert("incident", short_description="down", state="1")
        sn.edit(sys_id, "incident", state="2")
        made.sync()
        assert made.ticket(sys_id).kind == "incident"
        assert made.ticket(sys_id).changes[0].new.names == ("In Progress",)
        sn.later(minutes=1)
        sn.edit(sys_id, "incident", sys_class_name="problem")
        assert made.sync() == [sys_id]
        assert (made.ticket(sys_id).kind, made.ticket(sys_id).container) == ("problem", "task")
        assert len(made.ticket(sys_id).changes) >= 1


# --- sentinel and census ---------------------------------------------------------------------------------------


def test_the_last_known_row_gone_makes_us_ask_who_we_are(sn: SourceHarness) -> None:
    """A missing last row is believed only after the sign-in is proven; the next polls are cheap again."""
    sn.sync()
    last = sn.mirror.cursor.state["tables"]["sn_grc_issue"]["at"][1]
    sn.tracker.as_user("lee").delete("sn_grc_issue", last)
    sn.sent()
    assert sn.sync() == []
    assert [e.path.rpartition("/")[2] for e in sn.sent()].count("sys_user") == 1
    sn.sync()
    assert len(sn.sent()) == 4


def test_an_answer_for_somebody_else_is_not_believed(sn: SourceHarness) -> None:
    """When the last row is missing and our account is another than before, nothing is believed."""
    sn.sync()
    sn.tracker.settings.hidden_tables = ["sn_grc_issue"]
    sn.tracker.settings.hidden_rows = [sn.tracker.accounts.caller("capa_sync").sys_id]
    before = sn.mirror.cursor
    with pytest.raises(Authentication, match="who we are"):
        sn.sync()
    assert sn.mirror.cursor == before


def test_census_proves_deletions_and_names_what_is_open(sn: SourceHarness) -> None:
    """Ids in scope, open tables, the instance's own count, and a proof for each deletion it remembers."""
    sn.sync()
    gone, silently = sn.issues[:2]
    sn.tracker.as_user("kim").delete("sn_grc_issue", gone)
    sn.tracker.as_user("kim").delete("sn_grc_issue", silently, workflow=False)
    census = sn.source.take_census()
    assert census.ids == {sn.issues[2]} | ({sn.task} if sn.tracker.find("sn_grc_task", sn.task) else set()) - {
        sn.task
    }
    assert census.containers == {"sn_grc_issue": "live", "sn_grc_task": "live"}
    assert census.count == 1
    proofs = sn.source.deletions([gone, silently])
    assert "by kim" in proofs[gone]
    assert silently not in proofs
    tables = dict.fromkeys((gone, silently, sn.issues[2]), "sn_grc_issue")
    assert sn.source.prove_gone(tables) == {gone, silently}
    located = sn.source.locate(tables, frozenset(), census)
    assert (located.in_scope, located.elsewhere) == ({sn.issues[2]}, set())


def test_a_child_is_in_scope_with_the_record_that_a_page_of_the_census_left_out(sn: SourceHarness) -> None:
    """Record and child are found by their own requests: the child is no ticket out of scope."""
    sn.sync()
    census, parent = sn.source.take_census(), sn.issues[0]
    assert {parent, sn.task} <= census.ids
    cut = replace(census, ids=census.ids - {parent, sn.task})
    located = sn.source.locate({parent: "sn_grc_issue", sn.task: "sn_grc_task"}, frozenset(), cut)
    assert (located.in_scope, located.elsewhere) == ({parent, sn.task}, set())


def test_census_finds_deletions_under_the_real_class() -> None:
    """A table's deletions are filed under the classes that extend it; pruned ones prove nothing any more."""
    with source_harness() as sn:
        made = sn.again(table="task", children=())
        old, new = sn.insert("incident"), sn.insert("problem")
        sn.tracker.as_user("lee").delete("incident", old)
        sn.later(days=2)
        sn.tracker.as_user("lee").delete("problem", new)
        assert set(made.source.deletions([old, new])) == {old, new}
        sn.tracker.prune_deletions(datetime(2026, 3, 2, tzinfo=UTC))
        assert set(made.source.deletions([old, new])) == {new}


@pytest.mark.parametrize("how", ["forbidden_tables", "unlicensed_tables", "hidden_tables"])
def test_a_table_closed_to_us_is_no_container(sn: SourceHarness, how: str) -> None:
    """A lost right to a table is distinguished from an empty table."""
    sn.sync()
    setattr(sn.tracker.settings, how, ["sn_grc_issue"])
    census = sn.source.take_census()
    assert census.containers == {"sn_grc_task": "live"}
    assert not census.ids


def test_a_closed_table_stops_the_source_with_its_reason(sn: SourceHarness) -> None:
    """A table that answers 403 ends the cycle with the words of the instance."""
    sn.tracker.settings.forbidden_tables = ["sn_grc_task"]
    with pytest.raises(AccessDenied, match="sn_grc_task"):
        sn.sync()
