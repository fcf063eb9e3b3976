"""Whatever is changed in a register outside of capa-sync is found by the hash chain, and named."""

# ruff: noqa: S608 - tables and columns are those of this file
from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from capa_sync.model.chain import ChainHead, ChainReport
from capa_sync.model.digest import DigestKind, SendState
from capa_sync.model.erasure import Erasure, LegalHold
from capa_sync.model.finding import Finding, FindingState, Mode, Severity
from capa_sync.model.halt import Halt, HaltKind
from capa_sync.model.similar import SimilarKey
from capa_sync.model.site import Account, SiteFacts
from capa_sync.model.ticket import Presence, Role
from capa_sync.model.verdict_set import How, PartKind, SetPart, VerdictSet
from capa_sync.model.waiver import RequestAnswer, Waiver, Way
from capa_sync.model.write import WriteKind, WriteState
from capa_sync.store import Register, open_register, write_row
from capa_sync.store.chained import CHAINED
from capa_sync.store.similar import similar_key_rows
from capa_sync.store.verifying import verify
from tests.daemon.fork_server import ROOT
from tests.unit.store.fake_parser import DAY, MINUTE, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.store.test_migrations import make_version_1
from tests.unit.store.writes import write

_SET = VerdictSet((SetPart(PartKind.RULE, "grade-set", "rules/grade-set.yaml", "rule: grade-set\n"),))
_FURTHER = {
    "part": ("nr", "kind", "version", "form", "digest", "run", "read_at", "body"),
    "register_number": ("source", "ticket_id", "year", "serial"),
    "set_part": ("role", "key", "name", "digest"),
    "set_text": ("body",),
    "event": ("number", "at", "kind", "source", "ticket_id", "names", "text", "digests", "salts", "hash"),
}
COLUMNS = {table.table: table.columns for table in CHAINED} | {
    "mirror": ("source", "ticket_id", "presence", "presence_proof", "presence_at"),
    **_FURTHER,
}
"""Each table with the columns of which a change must be found."""
ADDED = {
    "finding": "rule = 'other'",
    "past_presence": "id = 99",
    "past_role": "id = 99",
    "past_site": "id = 99",
    "past_match": "id = 99",
    "past_account": "id = 99",
    "observed": "id = 99",
    "write_out": "seq = 99, id = 'w9'",
    "deletion": "remote_id = '99'",
    "release": "id = 99",
    "halt": "source = 'third'",
    "waiver": "id = 99",
    "waiver_request": "key = 'other'",
    "different": "id = 99, other_ticket_id = '99'",
    "activation": "id = 99",
    "draft": "id = 99",
    "draft_discard": "id = 99, draft = 99",
    "tombstone": "id = 99",
    "legal_hold": "id = 99",
    "digest_send": "id = 99, recipient = 'person:forged'",
    "part": "id = 99, version = 99",
    "register_number": "serial = 99, ticket_id = '99'",
}
"""Each table with what makes a forged row another one."""


def fill(register: Register) -> None:
    """Store at least one row of every kind that is chained, and change each that can change."""
    register.facts.declare(SOURCE, "jira", "https://paper.example")
    register.facts.save(SOURCE, SiteFacts((), (), Account("me", "capa-sync")), T0)
    register.accounts.show(SOURCE, [Account("x", "Xenia")], T0)
    ticket = FakeTicket("1", "CAPA-1", {"status": "Open", "owner": "alice"})
    for minute, silent in enumerate(("alice", "bob")):
        at = T0 + minute * MINUTE
        ticket.fields["owner"] = silent  # the second read differs without an entry in the history
        readings = [ticket.reading(), FakeTicket("2", "CAPA-2", {"status": "Open"}).reading()]
        run = register.runs.start(SOURCE, "changes", at)
        register.tickets.commit_page(SOURCE, page(*readings), at, run, PARSER)
        register.runs.finish(run, at, ok=True, as_of=at)
    register.tickets.set_presence(SOURCE, "2", Presence.DELETED_OR_HIDDEN, "404", T0 + DAY)
    register.roles.assign(SOURCE, {"2": Role.ACTION}, T0 + DAY)
    opened = Finding(SOURCE, "1", "grade-set", 1, FindingState.OPEN, Severity.HIGH, T0, "rules-1", mode=Mode.WARN)
    register.findings.save(
        [opened, Finding(SOURCE, "1", "owner-active", 1, FindingState.OPEN, Severity.LOW, T0, "r")]
    )
    register.findings.save(
        [Finding(SOURCE, "1", "grade-set", 1, FindingState.CLEARED, Severity.HIGH, T0, "r", cleared_at=T0 + DAY)]
    )
    register.records.give_numbers(SOURCE, {"1": 2026, "2": 2025})
    _write(register)
    waiver = Waiver(SOURCE, "1", "owner-active", date(2026, 5, 1), "The owner is on leave", "ann", T0, Way.COMMAND)
    register.waivers.end({register.waivers.add(waiver, T0): "it expired"}, T0 + DAY)
    register.waivers.save_answers(SOURCE, "1", [(RequestAnswer("c1", "grade-set", "Ann", "too short"), T0)])
    for ticket_id, day in (("1", None), ("2", T0.date() - DAY)):
        keys = [SimilarKey("a.5.18 / design", "KEY", T0.date(), day, is_effective=True)]
        register.similar.replace_keys(SOURCE, {ticket_id: similar_key_rows(SOURCE, ticket_id, keys)})
    register.similar.settle(SOURCE, T0, 365)
    register.similar.mark_different((SOURCE, "1"), (SOURCE, "2"), "ann", T0)
    register.verdict_sets.keep(_SET)
    register.verdict_sets.activate(_SET.hash, rule_set="rules-1", at=T0, by="ann", how=How.FIRST)
    register.drafts.discard(register.drafts.add(_SET.hash, _SET.hash, T0, "ann"), T0, "ann")
    register.note_visit("rules_written", {"draft": 1, "by": "ann"})
    _erase(register)
    register.sends.plan(DigestKind.OWNER, T0.date(), ["person:ann"], T0)
    [send] = register.sends.due(T0)
    register.sends.attempt(send.id, ["overdue paper:1"], T0)
    register.sends.settle(send.id, SendState.DELIVERED, T0)
    register.note_visit("sign_in", {"by": "mara.roy"})
    register.note_taken({"verb": "export"})


def _erase(register: Register) -> None:
    """Hold a ticket and end that; erase another one, whose parts are the newest."""
    register.legal_holds.add(LegalHold(SOURCE, "1", "paper:CAPA-1", "Case 12", "ann", T0))
    register.legal_holds.end(SOURCE, "1", "ann", T0 + DAY)
    run = register.runs.start(SOURCE, "changes", T0)
    fake = FakeTicket("3", "CAPA-3", {"status": "Open"})
    register.tickets.commit_page(SOURCE, page(fake.reading()), T0, run, PARSER)
    register.findings.save([Finding(SOURCE, "3", "grade-set", 1, FindingState.OPEN, Severity.LOW, T0, "r")])
    register.tickets.set_presence(SOURCE, "3", Presence.DELETED_OR_HIDDEN, "404", T0)
    register.erasures.erase([(SOURCE, "3")], Erasure("A person asked for it", "ann"), T0 + DAY)


def _write(register: Register) -> None:
    """Plan, deliver and delete; release, spend, pause and resume."""
    outbox = register.outbox
    outbox.put([write("w1", source=SOURCE), write("w2", "2", WriteKind.LABELS, source=SOURCE)])
    outbox.mark("w1", WriteState.UNKNOWN, at=T0)
    outbox.mark("w1", WriteState.DELIVERED, at=T0, remote_id="77")
    outbox.put([write("w3", source=SOURCE)])
    outbox.mark("w3", WriteState.WITHHELD, at=T0, deleted_by_person=True)
    outbox.release(SOURCE, 5, T0)
    outbox.spend(SOURCE, 1, T0)
    register.halts.set(SOURCE, Halt(HaltKind.PAUSED, T0, "ann"))
    register.halts.set("other", Halt(HaltKind.PAUSED, T0, "ann"))
    register.halts.end("other", T0)


def verified(path: Path, *heads: ChainHead) -> ChainReport:
    """Open a register and verify it."""
    with open_register(path, clock_now=T0, read_only=True) as register:
        return register.verify(heads)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file of a register with every kind of chained row."""
    path = tmp_path_factory.mktemp("chain") / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register)
    return path


@pytest.fixture
def spoilt(filled: Path) -> Iterator[sqlite3.Connection]:
    """Give a copy in memory, for somebody who may write the file; each statement can be taken back."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with sqlite3.connect(filled) as origin:
        origin.backup(memory)
    origin.close()
    yield memory
    memory.close()


def broken(spoilt: sqlite3.Connection, *statements: str) -> list[str]:
    """Run statements, verify, and take them back; return the broken rows in words."""
    spoilt.execute("SAVEPOINT intact")
    try:
        for statement in statements:
            spoilt.execute(statement)
        return [str(row) for row in verify(spoilt).breaks]
    finally:
        spoilt.execute("ROLLBACK TO intact")


def test_what_capa_sync_wrote_itself_is_whole(filled: Path, spoilt: sqlite3.Connection) -> None:
    """Every kind of row is there, each has its event, and none is doubted."""
    report = verified(filled)
    assert (report.breaks, report.since, report.adopted) == ((), T0, 0)
    kinds = {row[0] for row in spoilt.execute("SELECT kind FROM event")}
    assert kinds == {
        *(table.kind for table in CHAINED),
        "start",
        "page",
        "numbers",
        "export",
        "sign_in",
        "rules_written",
    }
    assert all(spoilt.execute(f"SELECT 1 FROM {table.table}").fetchone() for table in CHAINED)


@pytest.mark.parametrize("table", COLUMNS)
def test_a_changed_cell_is_found(spoilt: sqlite3.Connection, table: str) -> None:
    """In the row that was stored last, each cell that matters: another text, another number, a BLOB."""
    for column in COLUMNS[table]:
        cell = f"COALESCE({column}, '')"
        for value in (f"{cell} || 'x'", f"CAST({cell} AS INTEGER) + 1", f"CAST({cell} || 'x' AS BLOB)"):
            where = f"rowid = (SELECT MAX(rowid) FROM {table})"
            try:
                assert broken(spoilt, f"UPDATE {table} SET {column} = {value} WHERE {where}"), (column, value)
            except sqlite3.IntegrityError:  # SQLite itself refuses this value
                continue
    assert broken(spoilt) == []


@pytest.mark.parametrize("table", ADDED)
def test_a_removed_row_and_an_added_one_are_found(spoilt: sqlite3.Connection, table: str) -> None:
    """Also where no cell of another row is touched."""
    assert broken(spoilt, f"DELETE FROM {table} WHERE rowid = (SELECT MAX(rowid) FROM {table})")
    found = broken(
        spoilt,
        f"CREATE TEMP TABLE forged AS SELECT * FROM {table} LIMIT 1",
        f"UPDATE forged SET {ADDED[table]}",
        f"INSERT INTO {table} SELECT * FROM forged",
    )
    assert len(found) == 1
    assert found[0].endswith("no event speaks of it: it was added or renamed outside of capa-sync")


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM event WHERE number = 4", "event 4: it is gone, and no event says so"),
        ("DELETE FROM event", "event 1: it is not the beginning of a chain"),
        ("UPDATE event SET salts = CAST(salts || 'x' AS BLOB) WHERE number = 4", "event 4: is not as it was chained"),
        ("UPDATE event SET salts = zeroblob(length(salts)) WHERE kind = 'waiver'", "waiver 1 of paper 1: is not as"),
        ("UPDATE tombstone SET parts = '[]'", "part 8: it is gone, and no event says so"),
        ("UPDATE event SET at = '2020-01-01T00:00:00.000000Z' WHERE number = 3", "event 3: its hash is not"),
        ("UPDATE meta SET value = 'other' WHERE name = 'register_id'", "register_id of the register: is not"),
        ("UPDATE finding SET state = 'open'", "finding grade-set/1 of paper 1: is not as it was chained"),
        ("UPDATE part SET body = '{}' WHERE id = 2", "part 2 (history 1) of paper 1: is not as it was chained"),
    ],
)
def test_the_first_broken_row_is_named(spoilt: sqlite3.Connection, statement: str, says: str) -> None:
    """By the order of the events, with what tells it from the others."""
    assert broken(spoilt, statement)[0].startswith(says)


def test_withheld_writes_of_a_whole_source_are_chained(tmp_path: Path) -> None:
    """Two thousand in one call, each with an event of its own, and as the reason says."""
    path = tmp_path / "register.db"
    with open_register(path, clock_now=T0) as register:
        rows = [write_row(write(f"w{place}", str(place), source=SOURCE)) for place in range(2_000)]
        register.outbox.put_rows(rows, withheld="brake")
        assert {stored.error for stored in register.outbox.writes_of(SOURCE, ["0", "1999"])["1999"]} == {"brake"}
    report = verified(path)
    assert report.breaks == ()
    assert report.events >= 2_000


def test_removing_the_last_events_is_found_by_the_rows_that_stay(spoilt: sqlite3.Connection) -> None:
    """Where rows and events go together, only a head that was noted elsewhere tells of it."""
    (last,) = spoilt.execute("SELECT MAX(number) FROM event").fetchone()
    noted = verify(spoilt).head
    assert noted is not None
    assert broken(spoilt, f"DELETE FROM event WHERE number >= {last - 2}")
    spoilt.execute(f"DELETE FROM event WHERE number = {last}")  # an export: no row tells of it
    assert verify(spoilt).breaks == ()
    assert [row.number for row in verify(spoilt, [noted]).breaks] == [last]


def test_a_chain_that_was_written_anew_has_another_head(filled: Path, tmp_path: Path) -> None:
    """Who owns the file can make it consistent again; the noted hash does not fit then."""
    noted = verified(filled).head
    assert noted is not None
    again = tmp_path / "register.db"
    with open_register(again, clock_now=T0) as register:
        fill(register)
    assert verified(again).breaks == ()
    assert verified(filled, noted).breaks == ()
    (found,) = verified(again, noted).breaks
    assert str(found).startswith(f"event {noted.number}: its hash is not the noted one")


def test_an_earlier_register_is_chained_from_its_upgrade_on(tmp_path: Path) -> None:
    """What it held then is chained as it was found; a later change is seen."""
    path = make_version_1(tmp_path / "register.db")
    open_register(path, clock_now=T0 + DAY).close()
    report = verified(path)
    assert (report.breaks, report.since) == ((), T0 + DAY)
    assert report.adopted > 0
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE observed SET new = old")
    assert [row.row for row in verified(path).breaks] == ["observed change 1 of paper 1"]


def test_a_second_pass_over_an_unchanged_world_adds_no_event(tmp_path: Path) -> None:
    """Known pages, equal findings and known presences are no events."""
    with open_register(tmp_path / "register.db", clock_now=T0) as register:
        fakes = [FakeTicket("1", "CAPA-1", {"status": "Open"})]
        opened = Finding(SOURCE, "1", "grade-set", 1, FindingState.OPEN, Severity.HIGH, T0, "rules-1")
        numbers = []
        for _ in range(2):
            run = register.runs.start(SOURCE, "changes", T0)
            register.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fakes)), T0, run, PARSER)
            register.findings.save([opened])
            register.tickets.set_presence(SOURCE, "1", Presence.PRESENT, "", T0 + DAY)
            numbers.append(register.verify().events)
        assert numbers == [3, 3]  # the start, the page, the finding


def test_what_a_transaction_takes_back_leaves_no_event(tmp_path: Path) -> None:
    """Rows and events are stored together or not at all."""
    with open_register(tmp_path / "register.db", clock_now=T0) as register:
        before = register.chain.head()

        def fail() -> None:
            with register.transaction():
                register.halts.set(SOURCE, Halt(HaltKind.PAUSED, T0, "ann"))
                register.findings.save([Finding(SOURCE, "1", "r", 1, FindingState.OPEN, Severity.HIGH, T0, "r")])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert register.chain.head() == before
        register.halts.set(SOURCE, Halt(HaltKind.PAUSED, T0, "ann"))
    assert verified(tmp_path / "register.db").breaks == ()


# --- what docs/tamper-evidence.md says --------------------------------------------------------------------------
PAGE = (ROOT / "docs" / "tamper-evidence.md").read_text(encoding="utf-8")


def test_the_programme_of_the_page_computes_the_head(filled: Path) -> None:
    """Nobody needs capa-sync to compute the chain."""
    programme = PAGE.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run([sys.executable, "-", filled], input=programme, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(verified(filled).head)


def test_the_page_names_every_kind_of_event(spoilt: sqlite3.Connection) -> None:
    """As its table says them, and no other."""
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)))
    assert set(named) == {row[0] for row in spoilt.execute("SELECT kind FROM event")}
