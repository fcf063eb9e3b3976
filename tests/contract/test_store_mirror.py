"""What any store must do with the mirror: pages complete or not at all, nothing stored twice, nothing lost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capa_sync.model.ticket import Cursor, Origin, Presence, Reading, Role, Scope, Skip
from capa_sync.store import Register, open_register
from tests.unit.store.fake_parser import DAY, MINUTE, PARSER, SOURCE, T0, FakeTicket, page

Opener = Callable[[Path], AbstractContextManager[Register]]


def sqlite(folder: Path) -> AbstractContextManager[Register]:
    """Open the embedded store."""
    return open_register(folder / "register.db", clock_now=T0)


@pytest.fixture(params=[sqlite])
def opener(request: pytest.FixtureRequest) -> Opener:
    """Open each store that must fulfil the contract."""
    opener: Opener = request.param
    return opener


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[Register]:
    """Open a fresh store."""
    with opener(tmp_path) as fresh:
        yield fresh


def commit(store: Register, *readings: Reading, position: str = "p", minute: int = 0) -> list[str]:
    """Commit one page as one run would."""
    at = T0 + minute * MINUTE
    run = store.runs.start(SOURCE, "changes", at)
    changed = store.tickets.commit_page(SOURCE, page(*readings, position=position), at, run, PARSER)
    store.runs.finish(run, at, True, as_of=at)
    return changed


def rows(store: Register, view: str, *names: str) -> list[tuple[Any, ...]]:
    """Return some columns of a view's rows."""
    return [tuple(row[name] for name in names) for row in store.view(view)]


def test_new_tickets_are_reported_and_read_back_as_they_were(store: Register) -> None:
    """What was committed comes back as the same parse."""
    fake = FakeTicket("1", "CAPA-1", {"status": "Open"})
    fake.edit(T0 + MINUTE, status="Closed")
    fake.comment(T0 + 2 * MINUTE, "done")
    assert commit(store, fake.reading()) == ["1"]
    assert store.tickets.ticket(SOURCE, "1", PARSER) == fake.reading().ticket
    assert store.tickets.ticket(SOURCE, "2", PARSER) is None


def test_the_same_page_again_changes_no_row(store: Register) -> None:
    """Known content with a known cursor leaves every table as it is, and no ticket is returned as changed."""
    fakes = [FakeTicket(str(n), f"CAPA-{n}", {"status": "Open"}) for n in range(5)]
    commit(store, *(fake.reading() for fake in fakes))
    before, dump = store.changed_rows, store.rows_by_table()
    run = store.runs.start(SOURCE, "changes", T0)
    ledger_only = store.changed_rows
    readings = [fake.reading() for fake in fakes]
    assert store.tickets.commit_page(SOURCE, page(*readings, position="p"), T0 + DAY, run, PARSER) == []
    assert store.changed_rows == ledger_only
    assert ledger_only - before == 1
    assert store.rows_by_table() == dump


def test_only_changed_tickets_are_reported(store: Register) -> None:
    """Of a page, the tickets with new content are returned, in the page's order."""
    fakes = [FakeTicket(str(n), f"CAPA-{n}", {"status": "Open"}) for n in range(4)]
    commit(store, *(fake.reading() for fake in fakes))
    fakes[2].edit(T0 + MINUTE, status="Closed")
    fakes[1].comment(T0 + MINUTE, "looked at it")
    assert commit(store, *(fake.reading() for fake in reversed(fakes))) == ["2", "1"]


def test_a_page_of_a_thousand_tickets_takes_little_more_memory_than_one_of_two_hundred(store: Register) -> None:
    """New or changed, they are stored some at a time, in one transaction, and returned in the order of the page."""

    def held(count: int, first: int) -> list[int]:
        fakes = [FakeTicket(str(n), f"CAPA-{n}", {"text": "x" * 500}) for n in range(first + count, first, -1)]
        peaks = []
        for turn in range(2):
            for fake in fakes:
                fake.edit(T0 + (turn + 1) * MINUTE, status=f"Step {turn}", owner=f"Person {turn}")
            readings = [fake.reading() for fake in fakes]
            tracemalloc.start()
            try:
                assert commit(store, *readings, minute=turn) == [fake.id for fake in fakes]
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
        return peaks

    few, many = held(200, 0), held(1000, 1000)
    assert all(large < 2 * small for small, large in zip(few, many, strict=True)), (few, many)


def test_a_ticket_at_both_ends_of_a_large_page_counts_once(store: Register) -> None:
    """What the query returned stays in it, however many tickets lie between the two readings."""
    fake = FakeTicket("1", "CAPA-1", {"status": "Open"})
    others = [FakeTicket(str(n), f"CAPA-{n}", {"status": "Open"}).reading() for n in range(2, 502)]
    first = fake.reading(Role.RECORD)
    fake.edit(T0 + MINUTE, status="Closed")
    assert commit(store, first, *others, fake.reading(Role.ACTION))[0] == "1"
    assert store.tickets.ticket(SOURCE, "1", PARSER) == fake.reading().ticket
    place = store.roles.places(SOURCE, ["1"])["1"]
    assert (place.role, place.scope) == (Role.RECORD, Scope.IN)


def test_volatile_addresses_change_nothing(store: Register) -> None:
    """A value that names another object address at every read leaves every row alone."""
    fake = FakeTicket("1", "CAPA-1", {"sla": "com.acme.Sla@1a2b"})
    commit(store, fake.reading())
    dump = store.rows_by_table()
    fake.fields["sla"] = "com.acme.Sla@77ff"
    assert commit(store, fake.reading()) == []
    assert store.rows_by_table() == dump
    fake.edit(T0 + MINUTE, status="Open")
    commit(store, fake.reading())
    assert rows(store, "v_changes", "field_id", "origin") == [("status", "history")]


def test_a_ticket_twice_in_a_page_counts_once_in_its_last_state(store: Register) -> None:
    """An edit while pages are being read brings the same ticket again."""
    fake = FakeTicket("1", "CAPA-1", {"status": "Open"})
    first = fake.reading(Role.RECORD)
    fake.edit(T0 + MINUTE, status="Closed")
    assert commit(store, first, fake.reading(Role.ACTION)) == ["1"]
    assert store.tickets.ticket(SOURCE, "1", PARSER) == fake.reading().ticket
    assert store.tickets.roles(SOURCE) == {"1": Role.RECORD}


def test_history_is_stored_entry_by_entry(store: Register) -> None:
    """A hundred edits, each read, store each history entry once."""
    fake = FakeTicket("1", "CAPA-1", {"n": "0"})
    for n in range(1, 101):
        fake.edit(T0 + n * MINUTE, n=str(n))
        commit(store, fake.reading(), minute=n)
    stored = [row for row in store.rows_by_table()["part"] if "history" in row]
    entries = sum(body.count(b'"by"') for row in stored for body in row if isinstance(body, bytes))
    assert entries == 100
    ticket = store.tickets.ticket(SOURCE, "1", PARSER)
    assert ticket == fake.reading().ticket


def test_a_silent_change_becomes_an_observed_one_and_stays(store: Register) -> None:
    """What changed without a history entry is dated by our read, merged into the changes, and shown."""
    fake = FakeTicket("1", "CAPA-1", {"owner": "ann", "status": "Open"})
    commit(store, fake.reading())
    fake.fields["owner"] = "ben"
    assert commit(store, fake.reading(), minute=10) == ["1"]
    fake.edit(T0 + 20 * MINUTE, status="Closed")
    commit(store, fake.reading(), minute=30)
    ticket = store.tickets.ticket(SOURCE, "1", PARSER)
    assert ticket is not None
    assert [(change.field_id, change.origin, change.order) for change in ticket.changes] == [
        ("owner", Origin.OBSERVED, 1),
        ("status", Origin.HISTORY, 2),
    ]
    assert rows(store, "v_changes", "field_id", "from_value", "to_value", "changed_at", "origin") == [
        ("owner", "ann", "ben", "2026-03-02T09:10:00Z", "observed"),
        ("status", "Open", "Closed", "2026-03-02T09:20:00Z", "history"),
    ]


def test_a_field_missing_from_a_later_answer_is_lost_not_empty(store: Register) -> None:
    """A key that earlier answers held is named as lost until it is there again."""
    fake = FakeTicket("1", "CAPA-1", {"cause": "x", "owner": "ann"})
    commit(store, fake.reading())
    del fake.fields["cause"]
    commit(store, fake.reading(), minute=1)
    fake.edit(T0 + MINUTE, owner="ben")
    commit(store, fake.reading(), minute=2)
    lost = store.tickets.ticket(SOURCE, "1", PARSER)
    assert lost is not None
    assert lost.lost == {"cause"}
    fake.fields["cause"] = "x"
    commit(store, fake.reading(), minute=3)
    found = store.tickets.ticket(SOURCE, "1", PARSER)
    assert found is not None
    assert found.lost == frozenset()


def test_a_field_that_the_history_says_was_emptied_is_not_lost(store: Register) -> None:
    """Jira leaves out what is empty: the history shows the difference."""
    fake = FakeTicket("1", "CAPA-1", {"cause": "x"})
    commit(store, fake.reading())
    fake.edit(T0 + MINUTE, cause=None)
    del fake.fields["cause"]
    commit(store, fake.reading(), minute=1)
    ticket = store.tickets.ticket(SOURCE, "1", PARSER)
    assert ticket is not None
    assert ticket.lost == frozenset()


def test_a_moved_ticket_is_found_by_old_and_new_key(store: Register) -> None:
    """Keys change, ids do not; where two tickets share a key both are returned."""
    fake = FakeTicket("1", "OLD-1")
    commit(store, fake.reading())
    fake.key = "NEW-7"
    commit(store, fake.reading(), FakeTicket("2", "NEW-8").reading())
    for name in ("OLD-1", "NEW-7", "paper:OLD-1", "paper:NEW-7", "1"):
        assert store.tickets.find(name) == [(SOURCE, "1")], name
    assert store.tickets.find("other:NEW-7") == []
    ticket = store.tickets.ticket(SOURCE, "1", PARSER)
    assert ticket is not None
    assert ticket.old_keys == ("OLD-1",)
    fake.key = "OLD-1"
    commit(store, fake.reading())
    assert (store.tickets.find("NEW-7"), store.tickets.find("OLD-1")) == ([(SOURCE, "1")], [(SOURCE, "1")])


def owners(store: Register, ticket_id: str) -> list[str]:
    """Ids of tickets that name this one, or that it names (or once named) as its parent."""
    return [naming.owner for naming in store.roles.naming(SOURCE, [ticket_id])]


def test_children_and_parents_find_each_other(store: Register) -> None:
    """By id or key as the parent names them, or by the parent that the child names, now or before."""
    parent = FakeTicket("1", "CAPA-1", children=[["2", "CAPA-2", "subtask", ""], ["", "CAPA-3", "link", "solved by"]])
    by_id, by_key, own = FakeTicket("2", "CAPA-2"), FakeTicket("3", "CAPA-3"), FakeTicket("4", "CAPA-4", parent="1")
    actions = [fake.reading(Role.ACTION) for fake in (by_id, by_key, own)]
    commit(store, parent.reading(), *actions)
    assert store.tickets.children_of(SOURCE, "1") == ["2", "3", "4"]
    assert [owners(store, child) for child in "234"] == [["1"], ["1"], ["1"]]
    assert store.tickets.action_ids(SOURCE) == ["2", "3", "4"]
    own.parent = "9"
    commit(store, own.reading(Role.ACTION))
    assert owners(store, "4") == ["1", "9"]


def test_whether_the_query_names_a_ticket_is_kept_and_its_role_is_left_to_others(store: Register) -> None:
    """It was read for a record, then the query names it, then it does not; the same again changes nothing."""
    fake = FakeTicket("1", "CAPA-1")
    seen = []
    for role in (Role.ACTION, Role.ACTION, Role.RECORD, Role.RECORD, Role.ACTION, Role.ACTION):
        changed = commit(store, fake.reading(role))
        [place] = store.roles.places(SOURCE, ["1"]).values()
        seen.append((changed == ["1"], place.scope.value, place.role))
    assert [step[:2] for step in seen] == [
        (True, "never"),
        (False, "never"),
        (True, "in"),
        (False, "in"),
        (True, "left"),
        (False, "left"),
    ]
    assert {step[2] for step in seen} == {Role.ACTION}


def test_a_reading_that_does_not_say_leaves_the_scope(store: Register) -> None:
    """What is read by id was found by a read that knew its scope; a new ticket by a census of the query."""
    inside, out_of_scope, new = FakeTicket("1", "CAPA-1"), FakeTicket("2", "CAPA-2"), FakeTicket("3", "CAPA-3")
    commit(store, inside.reading(), out_of_scope.reading(Role.ACTION))
    commit(store, *(replace(fake.reading(), in_query=None) for fake in (inside, out_of_scope, new)))
    scopes = {id_: place.scope.value for id_, place in store.roles.places(SOURCE, ["1", "2", "3"]).items()}
    assert scopes == {"1": "in", "2": "never", "3": "in"}


def test_a_census_reports_tickets_that_entered_or_left_the_query(store: Register) -> None:
    """Only news changes a row."""
    commit(
        store,
        *(FakeTicket(id_, f"CAPA-{id_}").reading() for id_ in "12"),
        FakeTicket("3", "CAPA-3").reading(Role.ACTION),
    )
    assert store.roles.note_scope(SOURCE, inside={"1", "3", "99"}, left={"2", "98"}) == ["3", "2"]
    assert store.roles.note_scope(SOURCE, inside={"1", "3", "99"}, left={"2", "98"}) == []


def test_who_names_whom_is_found_from_either_end(store: Register) -> None:
    """By id or key, as a part or a link, or as the parent."""
    parent = FakeTicket("1", "CAPA-1", children=[["2", "CAPA-2", "subtask", ""], ["", "CAPA-3", "link", "solved by"]])
    others = [FakeTicket("2", "CAPA-2"), FakeTicket("3", "CAPA-3"), FakeTicket("4", "CAPA-4", parent="1")]
    commit(store, parent.reading(), *(fake.reading() for fake in others))
    down = [("1", "2", "subtask", ""), ("1", "3", "link", "solved by")]
    assert store.roles.named_by(SOURCE, ["1", "2"]) == down
    assert store.roles.naming(SOURCE, ["2", "3", "4"]) == [*down, ("1", "4", "parent", "")]


def test_presence_is_kept_with_its_proof_until_the_ticket_is_read_again(store: Register) -> None:
    """A vanished ticket stays, and counts as changed when it returns."""
    fake = FakeTicket("1", "CAPA-1")
    commit(store, fake.reading(), minute=0)
    store.tickets.set_presence(SOURCE, "1", Presence.DELETED, "audit row 7", T0 + MINUTE)
    before = store.changed_rows
    store.tickets.set_presence(SOURCE, "1", Presence.DELETED, "audit row 7", T0 + DAY)
    assert store.changed_rows == before
    assert store.tickets.presences(SOURCE) == {"1": (Presence.DELETED, "CAPA")}
    assert rows(store, "v_tickets", "presence", "presence_proof", "presence_at") == [
        ("deleted", "audit row 7", "2026-03-02T09:01:00Z")
    ]
    assert store.tickets.action_ids(SOURCE) == []
    assert commit(store, fake.reading(), minute=2) == ["1"]
    assert store.tickets.presence(SOURCE, "1") is Presence.PRESENT
    assert store.tickets.presence(SOURCE, "404") is Presence.UNOBSERVED


def test_the_cursor_moves_with_its_page_or_not_at_all(store: Register) -> None:
    """A page that fails on its way leaves neither tickets nor cursor."""
    commit(store, FakeTicket("1", "CAPA-1").reading(), position="first")
    dump = store.rows_by_table()
    broken = Reading(FakeTicket("3", "CAPA-3").reading().ticket, (None,))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        commit(store, FakeTicket("2", "CAPA-2").reading(), broken, position="second")
    assert store.rows_by_table() == dump
    assert store.tickets.cursor(SOURCE) == Cursor({"position": "first"}, T0)
    assert store.tickets.cursor("unknown") == Cursor()


def test_quarantine_shows_mirrored_and_unread_tickets(store: Register) -> None:
    """A quarantined ticket is shown with its reasons, also one that could never be read."""
    commit(store, FakeTicket("1", "CAPA-1").reading())
    store.tickets.quarantine(SOURCE, "1", ["status Blocked is not mapped", "no grade"])
    store.tickets.set_unread(SOURCE, Skip("9", "CAPA-9", "answer cut"))
    assert rows(store, "v_tickets", "ticket_key", "presence", "quarantine_reason") == [
        ("CAPA-1", "present", "status Blocked is not mapped; no grade"),
        ("CAPA-9", "unobserved", "answer cut"),
    ]
    store.tickets.quarantine(SOURCE, "1", None)
    assert store.tickets.quarantined(SOURCE) == {"9": "answer cut"}


def test_a_digest_and_counts_say_what_is_mirrored(store: Register) -> None:
    """The newest record's digest, and numbers of tickets, changes and comments."""
    fake = FakeTicket("1", "CAPA-1", {"status": "Open"})
    commit(store, fake.reading(), FakeTicket("2", "CAPA-2").reading(Role.ACTION))
    fake.edit(T0 + MINUTE, status="Closed")
    fake.comment(T0 + MINUTE, "done")
    commit(store, fake.reading(), minute=1)
    store.tickets.set_presence(SOURCE, "2", Presence.ACCESS_LOST, "", T0)
    assert store.tickets.known_digest(SOURCE, "1") == fake.reading().parts[0].digest
    assert store.tickets.known_digest(SOURCE, "3") is None
    assert store.tickets.counts(SOURCE) == {
        "records": 1, "actions": 0, "vanished": 1, "changes": 1, "comments": 1,
    }  # fmt: skip


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "silent", "drop", "comment", "uncomment", "move", "adopt", "nothing"]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["owner", "cause", "status"]),
        st.sampled_from(["", "a", "b", "c"]),
    ),
    max_size=25,
)


def turn(fake: FakeTicket, minute: int, step: tuple[str, str, str, str]) -> None:
    """Change a fake ticket."""
    what, _, name, value = step
    at = T0 + minute * MINUTE
    if what == "edit":
        fake.edit(at, **{name: value})
    elif what == "silent":
        fake.fields[name] = value
    elif what == "drop":
        fake.fields.pop(name, None)
    elif what == "comment":
        fake.comment(at, value)
    elif what == "uncomment":
        fake.comments = fake.comments[1:]
    elif what == "move":
        fake.key = f"{value or 'X'}-{fake.id}"
    elif what == "adopt":
        fake.parent = value


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=_STEPS)
def test_the_mirror_equals_the_tracker_and_rebuilds_to_itself(
    opener: Opener, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str, str]]
) -> None:
    """After any edits the values, history and comments are the tracker's, and a rebuild makes equal derived rows."""
    fakes = {ticket_id: FakeTicket(ticket_id, f"CAPA-{ticket_id}", {"owner": "x"}) for ticket_id in ("1", "2", "3")}
    with opener(tmp_path_factory.mktemp("mirror")) as store:
        commit(store, *(fake.reading() for fake in fakes.values()))
        for minute, step in enumerate(steps, 1):
            turn(fakes[step[1]], minute, step)
            commit(store, *(fake.reading() for fake in fakes.values()), minute=minute)
        for mirrored in store.tickets.tickets(SOURCE, PARSER):
            now = fakes[mirrored.id].reading().ticket
            assert (mirrored.values, mirrored.comments, mirrored.key) == (now.values, now.comments, now.key)
            entries = [change.entry for change in mirrored.changes if change.origin is Origin.HISTORY]
            assert entries == [change.entry for change in now.changes]
        shown = [list(store.view(view)) for view in ("v_tickets", "v_changes")]
        primary, everything = store.rows_by_table(derived=False), store.rows_by_table()
        store.drop_derived()
        store.tickets.rebuild(SOURCE, PARSER)
        assert store.rows_by_table(derived=False) == primary
        anew = store.rows_by_table()
        for table in ("ticket", "old_key", "parentage"):
            assert anew[table] == everything[table], table
        assert [sorted(map(repr, store.view(view))) for view in ("v_tickets", "v_changes")] == [
            sorted(map(repr, rows)) for rows in shown
        ]
