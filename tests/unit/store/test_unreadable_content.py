"""Content of a whole file that capa-sync does not write is one line and exit 6; a fault of our own is still one."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Callable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import capa_sync.store
from capa_sync.errors import RegisterUnavailable, UnreadableContent
from capa_sync.model.finding import Outcome
from capa_sync.model.selection import ExportSelection
from capa_sync.store import Register, back_up, check_register, open_copy, open_register, restore
from capa_sync.store.columns import day_or_instant, instant, json_value, member, raw_from, stored_day
from capa_sync.store.unreadable import reading
from tests.unit.store.fake_parser import PARSER, SOURCE, T0
from tests.unit.store.register_processes import fill

WORDS = "its content is not what capa-sync writes ("
SOURCES = sorted(Path(capa_sync.store.__file__).parent.glob("*.py"))


def harmed(path: Path, *statements: str) -> Path:
    """Make a register and change it as another program could."""
    with open_register(path, clock_now=T0) as register:
        fill(register, 0, 3)
    with closing(sqlite3.connect(path)) as file:
        for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            file.execute(statement)
        file.commit()
    return path


def line_of(path: Path, read: Callable[[Register], object]) -> str:
    """Return the one line that a reading ends with."""
    with open_register(path, clock_now=T0, read_only=True) as register, pytest.raises(RegisterUnavailable) as refused:
        read(register)
    text = str(refused.value)
    assert "\n" not in text
    assert text.endswith("put the file aside and restore the last backup (docs/operating.md, Restore)")
    return text


READS: dict[str, tuple[str, Callable[[Register], object]]] = {
    "a table is missing": ("DROP TABLE finding", lambda register: register.findings.latest(SOURCE, "1")),
    "a table has other columns": (
        "ALTER TABLE request RENAME COLUMN asked_at TO later",
        lambda register: register.requests.waiting(),
    ),
    "a table of another program": (
        "ALTER TABLE request ADD COLUMN theirs",
        lambda register: register._db.rows("SELECT nothing FROM request"),
    ),
    "an export": (
        "DROP TABLE register_number",
        lambda register: read_export(register),
    ),
    "an instant": (
        "UPDATE mirror SET presence_at = '1 secret words'",
        lambda register: register.past(T0).presence_since(SOURCE, "1"),
    ),
    "a member": ("UPDATE mirror SET role = 'secret words'", lambda register: register.tickets.roles(SOURCE)),
    "a place": ("UPDATE mirror SET scope = 'secret words'", lambda register: register.roles.places(SOURCE, ["1"])),
    "a text that is no UTF-8": (
        "UPDATE ticket SET ticket_key = CAST(X'ff00ff' AS TEXT)",
        lambda register: register._db.rows("SELECT ticket_key FROM ticket"),
    ),
    "a request": (
        "INSERT INTO request (verb, args, asked_at) VALUES ('retry', 'secret words', '2026-03-02T09:00:00.000000Z')",
        lambda register: register.requests.waiting(),
    ),
    "the hash of an event": (
        "UPDATE event SET hash = 17",
        lambda register: register.chain.head_at(T0),
    ),
    "the head of an export": (
        "UPDATE event SET hash = 17",
        lambda register: read_about(register),
    ),
    "the forms of versions": (
        "UPDATE part SET form = 'append'",
        lambda register: list(register.tickets.tickets(SOURCE, PARSER)),
    ),
}


def read_about(register: Register) -> None:
    """Read what an export says of itself."""
    with register.snapshot(ExportSelection()) as moment:
        moment.facts()


def read_export(register: Register) -> None:
    """Read a view as an export does."""
    with register.snapshot(ExportSelection()) as moment:
        list(moment.rows("v_tickets", ["ticket_key"]))


@pytest.mark.parametrize(("harm", "read"), READS.values(), ids=READS)
def test_what_another_program_wrote_is_one_line(
    tmp_path: Path, harm: str, read: Callable[[Register], object]
) -> None:
    """It names the kind of error and the place of the statement, for a report, and no content."""
    text = line_of(harmed(tmp_path / "register.db", harm), read)
    assert WORDS in text
    assert "secret words" not in text


def test_the_line_names_the_place_and_the_kind_of_the_error(tmp_path: Path) -> None:
    """So a fault of ours that looks the same is not hidden: the line can be reported."""
    text = line_of(harmed(tmp_path / "register.db", "DROP TABLE finding"), READS["a table is missing"][1])
    assert (
        f"{tmp_path / 'register.db'}: {WORDS}another table finding, or none, OperationalError at store/find" in text
    )
    text = line_of(harmed(tmp_path / "more.db", READS["a member"][0]), READS["a member"][1])
    assert f"the register: {WORDS}no Role, ValueError at store/presences.py:" in text


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT nothing FROM finding", "SELECT * FROM nothing"])
def test_a_fault_of_ours_in_a_statement_stays_one(tmp_path: Path, sql: str) -> None:
    """Where every table is as ours the statement is to blame: exit 70, with its traceback."""
    with open_register(tmp_path / "register.db", clock_now=T0) as register, pytest.raises(sqlite3.OperationalError):
        register._db.rows(sql)


@pytest.mark.parametrize("harm", ["DELETE FROM meta WHERE name = 'register_id'", "DROP TABLE meta"])
def test_a_register_without_an_id_is_refused_by_every_user(tmp_path: Path, harm: str) -> None:
    """Its comments on tickets could not be distinguished from those of another one; an earlier copy stays."""
    path, copy = harmed(tmp_path / "register.db"), tmp_path / "copy.db"
    back_up(path, copy)
    with closing(sqlite3.connect(path)) as file:
        file.execute(harm)
        file.commit()
    before = [file.read_bytes() for file in (path, copy)]
    uses: list[Callable[[], Any]] = [
        lambda: back_up(path, copy),
        lambda: open_copy(path, tmp_path / "private.db", clock_now=T0, now=lambda: T0),
        lambda: open_register(path, clock_now=T0),
        lambda: open_register(path, clock_now=T0, read_only=True),
        lambda: check_register(path),
    ]
    for use in uses:
        with pytest.raises(RegisterUnavailable, match="its content is not what capa-sync writes"):
            use()
    assert [file.read_bytes() for file in (path, copy)] == before
    open_register(tmp_path / "mine.db", clock_now=T0).close()
    with pytest.raises(RegisterUnavailable, match=rf"^{path}: its content is not what"):
        restore(tmp_path / "mine.db", path, T0)


@pytest.mark.parametrize(
    "decode",
    [
        lambda: instant("not a time"),
        lambda: instant(17),  # type: ignore[arg-type]
        lambda: instant(None),  # type: ignore[arg-type]
        lambda: day_or_instant("not a timeZ"),
        lambda: day_or_instant("tomorrow"),
        lambda: day_or_instant(17),  # type: ignore[arg-type]
        lambda: stored_day("2026-02-30"),
        lambda: json_value("{"),
        lambda: json_value(17),  # type: ignore[arg-type]
        lambda: raw_from("{}"),
        lambda: raw_from("[]"),
        lambda: member(Outcome, "perhaps"),
    ],
)
def test_each_form_of_a_column_refuses_what_it_is_not(decode: Callable[[], object]) -> None:
    """It is an error of the register, and for whoever verifies one a value that cannot be read."""
    with pytest.raises(UnreadableContent):
        decode()
    assert issubclass(UnreadableContent, RegisterUnavailable)
    assert issubclass(UnreadableContent, ValueError)


def test_a_block_that_reads_content_keeps_the_first_line() -> None:
    """The inner one says more."""
    with pytest.raises(UnreadableContent, match="no Outcome"), reading("a verdict"):
        member(Outcome, "perhaps")
    with pytest.raises(UnreadableContent, match=r"\(a verdict, KeyError at an unknown place\)"), reading("a verdict"):
        {}["rule"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_content_is_read_through_the_forms_of_columns_alone(source: Path) -> None:
    """No module parses an instant, a day or JSON, or looks up a member of an enumeration, by itself.

    Exempt are those that verify what may have been changed, and what reads the body that a tracker sent.
    """
    if source.name in ("columns.py", "verifying.py", "chain_reading.py", "parts.py"):
        return
    tree = ast.parse(source.read_text(encoding="utf-8"))
    module = __import__(f"capa_sync.store.{source.stem}", fromlist=["*"])
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    enumerations = {
        name for name in names if isinstance(kind := getattr(module, name, None), type) and issubclass(kind, Enum)
    }
    parsed = {ast.unparse(call.func) for call in calls} & {"orjson.loads", "json.loads", "date.fromisoformat"}
    assert enumerations | parsed == set()
