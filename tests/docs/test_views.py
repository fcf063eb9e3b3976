"""Every column of every public view is declared once, with a sentence that holds for a real register."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from capa_sync.model.columns import Column, ColumnType
from capa_sync.model.view_columns import PUBLIC_VIEWS, PublicView
from capa_sync.store import open_register
from tests.docs.demo_world import DemoWorld

ROOT = Path(__file__).resolve().parents[2]
_SENTENCE = re.compile(r"(`?[A-Z0-9]|`).{12,}\.", re.DOTALL)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


def declared() -> Iterator[tuple[PublicView, Column]]:
    """Yield every declared column with its view."""
    for view in PUBLIC_VIEWS:
        for column in view.columns:
            yield view, column


def test_sqlite_reports_the_declared_columns_and_no_other(tmp_path: Path) -> None:
    """A column without a declaration fails, and a declaration without a column too; the order counts."""
    path = tmp_path / "register.db"
    open_register(path, clock_now=datetime.now(UTC)).close()
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'")
    reported = {
        name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for (name,) in names.fetchall()
    }
    connection.close()
    assert reported == {view.name: [column.name for column in view.columns] for view in PUBLIC_VIEWS}


@pytest.mark.parametrize(("view", "column"), list(declared()), ids=lambda part: part.name)
def test_a_column_has_a_sentence(view: PublicView, column: Column) -> None:
    """It begins like a sentence, ends with a full stop, and is longer than a name."""
    assert _SENTENCE.fullmatch(column.sentence), f"{view.name}.{column.name}: {column.sentence!r}"
    assert not column.null_when.endswith(".")


def test_the_generated_page_has_every_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that `make docs` builds is made from the same table."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("generated_pages", ROOT / "docs" / "generated_pages.py")
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    pages.write_pages(tmp_path / "generated")
    text = (tmp_path / "generated" / "views.md").read_text(encoding="utf-8")
    for view in PUBLIC_VIEWS:
        section = text.partition(f"## {view.name}\n")[2].partition("\n## ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| `")]
        assert [line.split("`")[1] for line in lines] == [column.name for column in view.columns]
        for line, column in zip(lines, view.columns, strict=True):
            assert line.endswith(f"| {column.sentence} |")


def fits(value: object, kind: ColumnType) -> bool:
    """Return whether a value has the form of a declared type."""
    match kind:
        case ColumnType.TEXT:
            return isinstance(value, str)
        case ColumnType.NUMBER:
            return isinstance(value, int)
        case ColumnType.FLAG:
            return value in (0, 1)
        case ColumnType.INSTANT:
            return isinstance(value, str) and _INSTANT.fullmatch(value) is not None
        case ColumnType.TIME:
            return isinstance(value, str) and (_INSTANT.fullmatch(value) is not None or is_date(value))


def is_date(text: str) -> bool:
    """Return whether a text is a date alone."""
    return len(text) == 10 and date.fromisoformat(text).isoformat() == text


@pytest.mark.parametrize("view", PUBLIC_VIEWS, ids=lambda view: view.name)
def test_the_values_of_a_real_register_are_as_declared(demo_world: DemoWorld, view: PublicView) -> None:
    """Each value has its column's form, and NULL stands only where the sentence says when."""
    connection = sqlite3.connect(demo_world.register)
    rows = connection.execute(f"SELECT * FROM {view.name}").fetchall()  # noqa: S608 - a name of ours
    connection.close()
    assert rows or view.name in {
        "v_cannot_tell",
        "v_digests",
        "v_erasures",
        "v_holds",
    }  # the demo's mappings name everything
    wrong = {
        (column.name, value)
        for row in rows
        for column, value in zip(view.columns, row, strict=True)
        if not (column.null_when if value is None else fits(value, column.type))
    }
    assert wrong == set()
