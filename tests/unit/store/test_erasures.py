"""An erased ticket is gone from every byte of the file, the chain stays whole, and nothing brings it back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from capa_sync.model.erasure import ErasedBy, Erasure, Tombstone
from capa_sync.model.finding import Finding, FindingState, Severity
from capa_sync.model.ticket import Presence, Role, Skip
from capa_sync.model.waiver import Waiver, Way
from capa_sync.store import WAIVE, Register, open_register, waiver_as_json
from capa_sync.store.erasures import ERASED, KEPT
from tests.unit.store.fake_parser import DAY, MINUTE, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.store.writes import write

PLANTED = "Wendelin Quarterstaff forgot the review"
WHY = Erasure("A person asked for it", "ann")


def read(register: Register, *fakes: FakeTicket) -> list[str]:
    """Read tickets as one page; return the ids that changed."""
    run = register.runs.start(SOURCE, "changes", T0)
    readings = [fake.reading(Role.ACTION if fake.parent else Role.RECORD) for fake in fakes]
    return register.tickets.commit_page(SOURCE, page(*readings), T0, run, PARSER)


def fill(register: Register) -> list[FakeTicket]:
    """Store a ticket with a text in each place that may hold one, between two others; many versions of it."""
    plain = [FakeTicket(name, f"CAPA-{name}", {"status": "Open"}) for name in ("1", "3")]
    planted = FakeTicket("2", "CAPA-2", {"text": PLANTED})
    for step in range(30):
        planted.edit(T0 + step * MINUTE, text=f"{PLANTED} {step}" * (step % 7 + 1))
        planted.comment(T0 + step * MINUTE, f"{PLANTED}, says comment {step}")
        read(register, plain[0], planted, plain[1])
    planted.fields["text"] = f"{PLANTED} silently"  # an observed change
    read(register, planted)
    register.tickets.set_presence(SOURCE, "2", Presence.DELETED_OR_HIDDEN, PLANTED, T0)
    opened = Finding(SOURCE, "2", "grade-set", 1, FindingState.OPEN, Severity.LOW, T0, "r", message=PLANTED)
    register.findings.save([opened])
    register.records.give_numbers(SOURCE, {"1": 2026, "2": 2026})
    register.outbox.put([write("w1", "2", source=SOURCE)])
    waiver = Waiver(SOURCE, "2", "grade-set", date(2026, 5, 1), PLANTED, "ann", T0, Way.COMMAND)
    register.waivers.add(waiver, T0)
    register.requests.leave(WAIVE, waiver_as_json(waiver), T0)
    register.tickets.quarantine(SOURCE, "2", [PLANTED])
    return [*plain, planted]


def bytes_of(path: Path) -> bytes:
    """Return all bytes of a register and of the files beside it."""
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the place of a register."""
    return tmp_path / "register.db"


@pytest.fixture
def register(path: Path) -> Iterator[Register]:
    """Give an open register."""
    with open_register(path, clock_now=T0) as register:
        yield register


def test_no_byte_of_the_file_and_its_log_keeps_the_text_and_the_chain_stays_whole(
    register: Register, path: Path
) -> None:
    """Free pages and the write-ahead log included; the head that was noted before still fits."""
    fill(register)
    noted = register.chain.head()
    assert noted is not None
    assert PLANTED.encode() in bytes_of(path)
    salts = {row[0]: row[1] for row in sqlite3.connect(path).execute("SELECT number, salts FROM event")}
    assert register.erasures.rows_of(SOURCE, "2").keys() > {"part", "change", "finding", "write_out", "waiver"}
    register.erasures.erase([(SOURCE, "2")], WHY, T0 + DAY)
    assert register.erasures.wants_clean_up
    assert register.erasures.clean()
    assert PLANTED.encode() not in bytes_of(path)
    assert register.erasures.rows_of(SOURCE, "2") == {}
    report = register.verify([noted])
    assert (report.breaks, report.events) == ((), max(salts) + 7)  # the rows that are gone, and the tombstone
    events = sqlite3.connect(path).execute(
        "SELECT kind, salts FROM event WHERE number <= ? AND ticket_id = '2'", (max(salts),)
    )
    assert all(not any(kept) for _kind, kept in events)


def test_what_a_reader_of_an_earlier_state_holds_up_is_cleaned_up_later(register: Register, path: Path) -> None:
    """Also by another process: the wish to clean up is stored with the erasure."""
    fill(register)
    with sqlite3.connect(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM part").fetchone()
        register.erasures.erase([(SOURCE, "2")], WHY, T0 + DAY)
        assert not register.erasures.clean()
        reader.rollback()
    register.close()
    with open_register(path, clock_now=T0) as again:
        assert again.erasures.wants_clean_up
        assert again.erasures.clean()
        assert not again.erasures.wants_clean_up
    assert PLANTED.encode() not in bytes_of(path)


def test_an_erased_ticket_does_not_come_back(register: Register) -> None:
    """Read again it changes no row, unreadable it is not quarantined, its sub-tasks are not stored either."""
    fakes = fill(register)
    register.erasures.erase([(SOURCE, "2")], WHY, T0 + DAY)
    sub_task = FakeTicket("7", "CAPA-7", {"status": PLANTED}, parent="2")
    rows = [register.changed_rows]
    for wanted in (fakes[:2], [*fakes, sub_task]):
        assert read(register, *wanted) == []
        rows.append(register.changed_rows)
    assert not register.tickets.set_unread(SOURCE, Skip("2", "CAPA-2", PLANTED, ""))
    assert register.tickets.unread(SOURCE) == {}
    assert rows[2] - rows[1] == rows[1] - rows[0]
    assert register.changed_rows == rows[2]
    assert register.erasures.among(SOURCE, ["1", "2"]) == {"2"}
    (stone,) = register.erasures.named("paper:capa-2")
    counts = stone.rows
    assert stone == Tombstone(SOURCE, "2", "CAPA-2", T0 + DAY, WHY, counts)
    assert counts["part"] > 30
    assert str(stone) == "paper:CAPA-2 was erased on 2026-03-03 09:00:00Z (request of ann): A person asked for it"


def test_the_numbers_of_erased_parts_are_not_given_again(register: Register) -> None:
    """The newest part of all is erased, then others are read: the chain would take one for the other."""
    read(register, FakeTicket("1", "CAPA-1"), FakeTicket("2", "CAPA-2"))
    register.erasures.erase([(SOURCE, "2")], WHY, T0)
    read(register, FakeTicket("3", "CAPA-3"), FakeTicket("4", "CAPA-4"))
    register.erasures.erase([(SOURCE, "4"), (SOURCE, "never-read")], Erasure("", "", ErasedBy.RESTORE), T0)
    read(register, FakeTicket("5", "CAPA-5"))
    assert register.verify().breaks == ()


def test_each_table_that_knows_tickets_is_erased_or_keeps_no_text(register: Register) -> None:
    """A table that a later version adds must be in one of the two lists."""
    with sqlite3.connect(register.path) as connection:
        columns = {
            table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} for table in register.tables
        }
    known = {table for table, names in columns.items() if "ticket_id" in names or "nr" in names}
    assert known == {*ERASED, *KEPT}
