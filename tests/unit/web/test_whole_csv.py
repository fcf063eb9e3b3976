"""A CSV of a view has every row that its filters select, whatever the link says of pages."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from capa_sync.web import RegisterPage, serve_register, whole_csv
from tests.patience import PATIENCE
from tests.unit.web.conftest import SECRET

ROWS = 5_100
"""More than Datasette returns at once."""


@pytest.fixture(scope="module")
def long_site(register_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterPage]:
    """Serve a register with so many changes of a ticket that everybody sees, and of a confidential one."""
    path = tmp_path_factory.mktemp("long") / "register.db"
    path.write_bytes(register_file.read_bytes())
    with sqlite3.connect(path) as new:
        columns = ", ".join(
            row[1] for row in new.execute("PRAGMA table_info(change)") if row[1] not in ("id", "entry")
        )
        more = f"""WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {ROWS})
            INSERT INTO change (entry, {columns}) SELECT entry, {columns}
            FROM (SELECT * FROM change WHERE id IN (SELECT MAX(id) FROM change GROUP BY nr)) JOIN n"""  # noqa: S608
        new.execute(more)
    new.close()
    running = serve_register(path, "127.0.0.1:0")
    yield running
    running.stop()


def rows(site: RegisterPage, query: str) -> list[dict[str, str]]:
    """Return the rows of the changes as CSV."""
    answer = requests.get(f"{site.url}register/v_changes.csv{query}", timeout=PATIENCE)
    assert answer.status_code == 200, answer.text[:200]
    assert SECRET not in answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_csv_is_whole_whatever_the_link_says_of_pages(long_site: RegisterPage) -> None:
    """As many rows as the page counts, each once; filters, columns and the order count as before."""
    of_one = "ticket_key=CAPA-1"
    counted = requests.get(f"{long_site.url}register/v_changes.json?_size=0&{of_one}", timeout=PATIENCE).json()[
        "filtered_table_rows_count"
    ]
    assert counted > ROWS
    for paging in (
        "",
        "&_size=max",
        "&_size=10",
        "&_next=5000",
        "&_stream=on",
        "&_size=5&_stream=on&_next=2",
        "&%5fsize=1",
    ):
        assert len(rows(long_site, f"?{of_one}{paging}")) == counted, paging
    everything = rows(long_site, "")
    assert len(everything) > 2 * ROWS
    assert {row["to_value"] for row in everything if row["ticket_key"] == "CAPA-2"} <= {"restricted", ""}
    turned = rows(long_site, f"?{of_one}&_sort_desc=to_value&_col=to_value")
    assert [row["to_value"] for row in turned] == sorted((row["to_value"] for row in turned), reverse=True)
    assert rows(long_site, "?ticket_key=nothing") == []


def test_a_file_has_a_name_and_its_heads_when_asked_for(long_site: RegisterPage) -> None:
    """Datasette's own options of a CSV still count, and its page offers no other way to all rows."""
    answer = requests.get(f"{long_site.url}register/v_sources.csv?_dl=on&_header=off", timeout=PATIENCE)
    assert answer.headers["content-disposition"] == 'attachment; filename="v_sources.csv"'
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(answer.text.splitlines()) == 1
    assert "_stream" not in requests.get(f"{long_site.url}register/v_changes", timeout=PATIENCE).text


def test_a_file_that_takes_too_long_is_refused_and_never_cut(
    long_site: RegisterPage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer says what to do instead, and has no row."""
    monkeypatch.setattr(whole_csv, "SECONDS", 0.0)
    answer = requests.get(f"{long_site.url}register/v_changes.csv", timeout=PATIENCE)
    assert answer.status_code == 400
    assert answer.text.startswith("reading these rows takes longer than 60 seconds: choose fewer by filters, or use")
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
