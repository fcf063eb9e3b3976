"""Every query and program of docs/sql.md runs on a real register, also through the guard of page and assistant."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capa_sync.exports import Export, export_register
from capa_sync.model.selection import ExportSelection
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.store import open_register
from capa_sync.web.reader_views import ReaderViews
from tests.docs.demo_world import DemoWorld
from tests.patience import PATIENCE

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUERIES = [code for language, code in BLOCK.findall(TEXT) if language == "sql"]
MAY_BE_EMPTY = ("FROM v_cannot_tell", "FROM v_digests", "FROM v_erasures", "FROM v_holds")
"""The mappings of the demo name everything that its rules read, and nobody erases or sends anything there."""


def first_line(query: str) -> str:
    """Return what tells queries apart."""
    return " ".join(query.split())[:50]


def test_each_view_has_a_query() -> None:
    """A new view comes with one."""
    assert [
        view.name for view in PUBLIC_VIEWS if not any(re.search(rf"\b{view.name}\b", sql) for sql in QUERIES)
    ] == []


@pytest.mark.parametrize("sql", QUERIES, ids=first_line)
def test_a_query_answers_rows_from_the_file_and_through_the_guard(demo_world: DemoWorld, sql: str) -> None:
    """Nothing of the demo is confidential to all of its rows, so both answer as many, with the same columns."""
    with sqlite3.connect(f"{demo_world.register.as_uri()}?mode=ro", uri=True) as register:
        cursor = register.execute(sql)
        rows, columns = cursor.fetchall(), [column[0] for column in cursor.description]
    register.close()
    assert rows or any(view in sql for view in MAY_BE_EMPTY)
    guarded = ReaderViews(demo_world.register).rows(sql, most=5_000)
    assert (guarded.columns, guarded.is_cut) == (columns, False)


def test_the_programs_of_the_page_run(demo_world: DemoWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pandas reads the file, DuckDB the exported Parquet, `sqlite3` the late records: with the counts of the view."""
    monkeypatch.chdir(tmp_path)
    with open_register(demo_world.register, clock_now=datetime.now(UTC), create=False, read_only=True) as register:
        register.copy_to(tmp_path / "register.db")
        asked = Export(tmp_path / "records.parquet", "parquet", "register", ExportSelection(), "UTC")
        with register.snapshot(ExportSelection()) as snapshot:
            export_register(snapshot, asked, lambda _table, _rows: None)
        rows = list(register.view("v_register"))
    known: dict[str, Any] = {}
    for language, code in BLOCK.findall(TEXT):
        if language == "python":
            exec(code, known)  # noqa: S102 - the page's own programs
    assert known["open_by_owner"].sum() == sum(row["closed_at"] is None for row in rows)
    late = [
        row for row in rows
        if row["late_from"] and row["late_from"] < (row["implemented_at"] or row["open_until"] or row["as_of"])
    ]  # fmt: skip
    assert {row["ticket_key"] for row in late} >= {row["ticket_key"] for row in rows if row["days_late"]}
    assert sum(count for _, count in known["late"].fetchall()) == len(late)
    if shutil.which("sqlite3"):
        [line] = [code for language, code in BLOCK.findall(TEXT) if language == "bash"]
        shown = subprocess.run(line, shell=True, capture_output=True, text=True, check=True, timeout=PATIENCE)  # noqa: S602
        assert sum("NC-" in row for row in shown.stdout.splitlines()) == len(late)
