"""Registers of earlier versions are migrated completely or not at all; registers of later versions are refused."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from capa_sync.errors import RegisterUnavailable
from capa_sync.model.register_columns import REGISTER, STORED
from capa_sync.model.ticket import Origin
from capa_sync.model.write import WriteState
from capa_sync.store import RegisterLock, early_migrations, open_register
from capa_sync.store.later_migrations import CHAIN_STEP
from capa_sync.store.migrations import DERIVED, LEDGER, PRIMARY, STEPS
from capa_sync.store.views import VIEWS
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import DAY, PARSER, SOURCE, T0
from tests.unit.store.register_processes import holder

SAVED = Path(__file__).with_name("earlier_schemas")
VERSION_1 = Path(__file__).with_name("register-v1.sql")
ID_OF_VERSION_1 = "0123456789abcdef0123456789abcdef"


def make_version_1(path: Path) -> Path:
    """Write the register file that version 1 left."""
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1.read_text())
    connection.close()
    return path


def shape(path: Path) -> dict[str, Any]:
    """Return every table, index and view with its columns or text."""
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    tables = {
        name: connection.execute(f"PRAGMA table_info({name})").fetchall()
        for kind, name, _ in names
        if kind == "table"
    }
    others = {name: sql for kind, name, sql in names if kind != "table"}
    connection.close()
    return tables | others


def test_the_previous_versions_register_opens_with_all_that_was_in_it(tmp_path: Path) -> None:
    """Tickets, observed changes, findings, writes, numbers and the register's identity are as they were."""
    path = make_version_1(tmp_path / "register.db")
    with open_register(path, clock_now=T0 + DAY) as register:
        assert register.id == ID_OF_VERSION_1
        ticket = register.tickets.ticket(SOURCE, "1", PARSER)
        assert ticket is not None
        assert [(change.field_id, change.origin) for change in ticket.changes] == [
            ("status", Origin.HISTORY),
            ("owner", Origin.OBSERVED),
        ]
        assert register.tickets.cursor(SOURCE).state == {"position": "2"}
        assert [finding.opened_at for finding in register.findings.latest(SOURCE, "1")] == [T0]
        assert [write.state for write in register.outbox.writes("jira", "1")] == [WriteState.UNKNOWN]
        assert register.outbox.activated
        assert register.records.register_no(SOURCE, "1", 2030) == "NC-2026-0001"
        assert [row["title"] for row in register.view("v_register")] == ["Old title"]
        assert [row["presence"] for row in register.view("v_tickets")] == ["present"]


def test_a_migrated_register_has_the_shape_of_a_new_one(tmp_path: Path) -> None:
    """Tables, indexes and views are the same, however the file was made."""
    old, new = make_version_1(tmp_path / "old.db"), tmp_path / "new.db"
    open_register(old, clock_now=T0).close()
    open_register(new, clock_now=T0).close()
    assert shape(old) == shape(new)


def test_a_register_of_each_step_before_the_chain_has_the_same_rows_and_shape_after_the_upgrade(
    tmp_path: Path,
) -> None:
    """The saved file of version 1, taken from step to step; a copy of each is brought up to date."""
    whole, earlier = make_version_1(tmp_path / "whole.db"), make_version_1(tmp_path / "earlier.db")
    open_register(whole, clock_now=T0).close()
    expected = shape(whole), contents(whole)
    names = [step.name for step in STEPS._migrations]
    for name in names[1 : names.index(CHAIN_STEP) + 1]:
        with sqlite_utils.Database(earlier) as db:
            STEPS.apply(db, stop_before=name)
        path = tmp_path / f"{name}.db"
        shutil.copy(earlier, path)
        with open_register(path, clock_now=T0) as register:
            assert register.verify().broken == 0, name
        assert (shape(path), contents(path)) == expected, name


FIRST_SAVED = "0032_past_match"
"""Before it no register was in use: the chain had another form of parts for an hour, which no release had."""
WITH_A_CHAIN = [step.name for step in STEPS._migrations if step.name >= FIRST_SAVED]


@pytest.mark.parametrize("name", WITH_A_CHAIN)
def test_the_chain_that_an_earlier_release_wrote_is_whole_after_the_upgrade(tmp_path: Path, name: str) -> None:
    """A register of each schema since the chain began, saved by its release with a row of every kind."""
    saved, path = SAVED / f"{name}.sql.gz", tmp_path / "register.db"
    assert saved.is_file(), "save it with `python -m tests.unit.store.save_schema`, and commit the file"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(gzip.decompress(saved.read_bytes()).decode())
        (events,) = connection.execute("SELECT COUNT(*) FROM event").fetchone()
    open_register(tmp_path / "new.db", clock_now=T0).close()
    with open_register(path, clock_now=T0 + DAY) as register:
        report = register.verify()
        assert (report.breaks, report.since) == ((), T0)
        assert report.events >= events > 20
    assert shape(path) == shape(tmp_path / "new.db")


def contents(path: Path) -> dict[str, list[Any]]:
    """Return the rows of every table that is the same however a register was made: without salts and hashes."""
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite_%'")
    tables = sorted({row[0] for row in names} - {"event"})
    rows = {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}"))) for name in tables}  # noqa: S608
    connection.close()
    return rows


def test_the_registers_columns_are_declared_in_the_order_of_the_table(tmp_path: Path) -> None:
    """Rows are written by position, and `row_hash` covers what stands before it: a new column follows the others."""
    open_register(tmp_path / "new.db", clock_now=T0).close()
    with sqlite_utils.Database(tmp_path / "new.db") as db:
        held = [column.name for column in db["register_row"].columns]
    advice = "declare a new column after every other one with `added_by` (capa_sync/model/register_columns.py)"
    assert held == ["source", "ticket_id", *STORED], advice


def test_every_table_is_primary_or_derived_or_the_ledger(tmp_path: Path) -> None:
    """For each table it is declared once what `rebuild` may drop and what a backup must keep."""
    open_register(tmp_path / "new.db", clock_now=T0).close()
    connection = sqlite3.connect(tmp_path / "new.db")
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%sqlite_%'")
    tables = sorted(row[0] for row in names)
    connection.close()
    assert sorted((*PRIMARY, *DERIVED, LEDGER)) == tables


def test_a_register_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An older program would misread it."""
    path = tmp_path / "register.db"
    open_register(path, clock_now=T0).close()
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('capa_sync', '0099_later', '')"
    )
    connection.commit()
    connection.close()
    content = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(RegisterUnavailable, match=r"made by a newer capa-sync \(it has 0099_later\)[^\n]*$"):
            open_register(path, clock_now=T0, read_only=read_only)
    assert path.read_bytes() == content


def test_an_older_register_is_not_changed_by_a_reader(tmp_path: Path) -> None:
    """The register page says what to do instead."""
    path = make_version_1(tmp_path / "register.db")
    before = shape(path)
    with pytest.raises(RegisterUnavailable, match="made by an older capa-sync; start"):
        open_register(path, clock_now=T0, read_only=True)
    assert shape(path) == before


def test_an_older_register_in_use_is_not_changed_under_its_daemon(tmp_path: Path) -> None:
    """A command of a new version waits until the old daemon is stopped; the new daemon has the lock itself."""
    path = make_version_1(tmp_path / "register.db")
    before = shape(path)
    daemon = holder(path)
    with pytest.raises(RegisterUnavailable, match=rf"held by another capa-sync \(process {daemon.pid}\)$"):
        open_register(path, clock_now=T0)
    assert shape(path) == before
    daemon.communicate(timeout=PATIENCE)
    with RegisterLock(path):
        open_register(path, clock_now=T0).close()
    assert shape(path) != before


def test_a_step_that_fails_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle of a migration leaves a register that the old version still opens."""
    path = make_version_1(tmp_path / "register.db")
    before = shape(path)

    def fail_late(db: Any, statements: Any) -> None:
        for statement in statements:
            db.execute(statement)
        db.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise sqlite3.OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(early_migrations, "run_all", fail_late)
        with pytest.raises(sqlite3.OperationalError):
            open_register(path, clock_now=T0)
    assert shape(path) == before
    with open_register(path, clock_now=T0) as register:
        assert register.id == ID_OF_VERSION_1
        assert "half" not in {row[0] for row in register.rows_by_table()["meta"]}


# --- step 0008 ---------------------------------------------------------------------------------------------------
UNDER_THEIR_KEYS = ("verdict", "birth", "action", "due", "plan_due", "register_row")
ROWLESS_NOW = {*UNDER_THEIR_KEYS, "verdict_own", "verdict_ticket", "verdict_shared", "tracker_account", "review_fact"}
ROWLESS_NOW = (ROWLESS_NOW | {"month_rule"}) - {"verdict"}
"""Step 0025 added accounts, 0039 what records showed, 0041 months by rule; step 0027 stores a table in three."""


def make_step_7(path: Path) -> dict[str, list[Any]]:
    """Write a register as step 0007 left it, with its views; return the rows of the tables that step 0008 changes."""
    db = sqlite_utils.Database(path)
    STEPS.apply(db, stop_before="0008_rows_under_their_keys")
    db.execute("INSERT INTO meta VALUES ('register_id', ?)", [ID_OF_VERSION_1])
    db.execute("INSERT INTO milestone VALUES ('paper', 'judged_with', 'rules-1')")
    for name, sql in VIEWS.items():
        if name != "verdict":  # it was a table
            db.create_view(name, sql)
    for table in UNDER_THEIR_KEYS:
        columns = db[table].columns
        for number in (3, 1, 2):
            cells = [_cell(column, number) for column in columns]
            db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(cells))})", cells)  # noqa: S608
    db.conn.commit()
    rows = rows_of(path)
    db.close()
    return rows


def _cell(column: Any, number: int) -> object:
    """Return a value for a column; in the second row None where a value is not required."""
    if number == 2 and not column.is_pk and not column.notnull:
        return None
    return number if column.type == "INTEGER" else f"{column.name} {number}"


def rows_of(path: Path) -> dict[str, list[Any]]:
    """Return the rows of those tables by the names of their columns, without what a later step added."""
    with sqlite_utils.Database(path) as db:
        rows = {table: [dict(row) for row in db[table].rows] for table in UNDER_THEIR_KEYS}
    later = [column.name for column in REGISTER if column.added_by > "0008"]
    for row in rows["register_row"]:
        for name in later:
            row.pop(name, None)
    for row in rows["action"]:
        row.pop("confidential", None)
    return {table: sorted(map(repr, table_rows)) for table, table_rows in rows.items()}


def indexes_of(path: Path) -> dict[str, Any]:
    """Return name -> (table, columns, whether unique, whether partial) of every index except those of the keys."""
    with sqlite_utils.Database(path) as db:
        tables = [db[name] for name in db.table_names()]
        return {
            index.name: (table.name, index.columns, index.unique, index.partial)
            for table in tables
            for index in table.indexes
            if index.origin == "c"
        }


def rowless_tables(path: Path) -> set[str]:
    """Return the tables without row numbers."""
    with sqlite_utils.Database(path) as db:
        return {row[0] for row in db.execute("SELECT name FROM pragma_table_list WHERE wr = 1 AND schema = 'main'")}


def test_rows_are_stored_by_their_keys_completely(tmp_path: Path) -> None:
    """Step 0008 keeps all rows, indexes and verdicts; the tables have no row numbers afterwards."""
    path = tmp_path / "register.db"
    rows, indexes = make_step_7(path), indexes_of(path)
    assert rowless_tables(path) == set()
    assert all(len(table_rows) == 3 for table_rows in rows.values())
    assert {"due_at", "plan_due_at"} < set(indexes)
    del indexes["due_at"]  # until step 0033
    open_register(path, clock_now=T0).close()
    assert rows_of(path) == rows
    assert indexes.items() <= indexes_of(path).items()
    assert rowless_tables(path) == ROWLESS_NOW
    with open_register(path, clock_now=T0, read_only=True) as register:
        assert register.id == ID_OF_VERSION_1
        assert register.queue.judged_with("paper") == ""  # step 0009 makes every ticket due for evaluation
        assert sorted(str(row["title"]) for row in register.view("v_register")) == ["None", "title 1", "title 3"]


def test_a_new_register_stores_rows_by_their_keys(tmp_path: Path) -> None:
    """A new register has the same shape from step 0007 on."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    make_step_7(old)
    for path in (old, new):
        open_register(path, clock_now=T0).close()
    assert rowless_tables(new) == ROWLESS_NOW
    assert (indexes_of(old), shape(old)) == (indexes_of(new), shape(new))


def test_a_register_of_step_7_goes_on_as_it_was(tmp_path: Path) -> None:
    """Rows are replaced by their keys, as before."""
    path = tmp_path / "register.db"
    make_step_7(path)
    with open_register(path, clock_now=T0) as register:
        before = register.rows_by_table()["due"]
        register.queue.want_judging("source 1", ["ticket_id 1", "new"], T0)
        register.queue.want_judging("source 1", ["ticket_id 1", "new"], T0 + DAY)
        after = register.rows_by_table()["due"]
        assert len(after) == len(before) + 1
        assert register.queue.due_judging("source 1", T0) == ["new", "ticket_id 1"]
