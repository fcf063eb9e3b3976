"""A record that is late by two hours is late in every place, in the same words."""

from __future__ import annotations

import re
import sqlite3
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
import requests
from openpyxl import load_workbook

from capa_sync.assistants.answers import Answers
from capa_sync.cli.page import page_options
from capa_sync.exports import SHEETS
from capa_sync.model.clock import FileClock
from capa_sync.sandbox.stories.script import Create, Day, Fill
from capa_sync.settings import load_settings
from capa_sync.web import serve_register
from capa_sync.web.reader_views import ReaderViews
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, Harness
from tests.docs.test_sql import BLOCK, TEXT
from tests.patience import PATIENCE

WORDS = "less than a day late"


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """Three records: late by two hours, due later, and without a date."""
    made = shared_harness("servicenow", settings='rules_live = "on_save"\ndigest.targets.team.url_env = "TEAM_HOOK"')
    made.env["TEAM_HOOK"] = "json://127.0.0.1:9/x"
    for story, due in (("late", Day(-3)), ("early", Day(-9)), ("undated", None)):
        made.play_event("servicenow", story, Create(FACTS))
        if due is not None:
            made.play_event("servicenow", story, Fill({"due_at": due}))
    made.sync()
    ends = next(row["late_from"] for row in made.rows("v_register") if row["ticket_key"] == key_of(made))
    made.set_clock(datetime.fromisoformat(ends) + timedelta(hours=2))
    made.sync()
    return made


def key_of(harness: Harness) -> str:
    """Return the key of the late record."""
    return harness.key("servicenow", "late")


def test_the_view_counts_no_whole_day_and_lists_it_as_overdue(harness: Harness) -> None:
    """So what asks for more than 0 days misses it, which this test needs to be a test."""
    found = {row["ticket_key"]: row["days_late"] for row in harness.rows("v_register")}
    assert (found[key_of(harness)], sorted(map(str, found.values()))) == (0, ["0", "0", "None"])
    assert [row["ticket_key"] for row in harness.rows("v_today") if row["matter"] == "overdue"] == [key_of(harness)]


def test_page_digest_and_assistant_say_it_in_the_same_words(harness: Harness) -> None:
    """None says 0 days, today, or nothing."""
    options = page_options(load_settings(harness.file, {}), harness.file, FileClock(harness.folder / "clock"))
    site = serve_register(harness.register_file, "127.0.0.1:0", options)
    ticket = f"record?source=servicenow&ticket={harness.sys_id('late')}"
    for path in ("", "records", ticket):
        assert requests.get(site.url + path, timeout=PATIENCE).text.count(WORDS) == 1, path
    site.stop()
    digest = harness.run("digest", "--dry-run")
    [line] = {line for line in digest.out.splitlines() if key_of(harness) in line and " - due " in line}
    assert f", {WORDS} -" in line or line.endswith(WORDS)
    [record] = Answers(ReaderViews(harness.register_file)).overdue(9)["overdue"]
    assert f", {WORDS}, " in record["why"]


def test_the_workbook_colours_it_and_no_other(harness: Harness) -> None:
    """The formula of the colour is worked out for each row that has a date."""
    file = harness.folder / "late.xlsx"
    assert harness.run("register", "export", str(file)).code == 0
    page, sheet = load_workbook(file)["Register"], SHEETS["register"]
    column = page.cell(1, sheet.place("days_late") + 1).column_letter
    [formula] = [
        rule.formula[0]
        for area in page.conditional_formatting
        if str(area.sqref).startswith(f"{column}2:")
        for rule in area.rules
    ]
    coloured = {
        page.cell(row, sheet.place("ticket_key") + 1).value: worked_out(formula, page, row)
        for row in range(2, page.max_row + 1)
    }
    assert coloured == {
        key_of(harness): True,
        harness.key("servicenow", "early"): False,
        harness.key("servicenow", "undated"): False,
    }


def worked_out(formula: str, page: Any, row: int) -> bool:
    """Return what a formula of AND, IF, < and <> says of a row; an empty cell is 0 in a comparison of times."""
    names = {"AND": lambda *all_of: all(all_of), "IF": lambda asked, yes, no: yes if asked else no}
    cells = {letters: page[f"{letters}{row}"].value for letters in re.findall(r"\$([A-Z]+)2", formula)}
    values = {f"cell_{name}": datetime.min if value is None else value for name, value in cells.items()}  # noqa: DTZ901
    text = re.sub(r"\$([A-Z]+)2", r"cell_\1", formula).replace('<>""', "!=EMPTY")
    return bool(eval(text, {}, names | values | {"EMPTY": datetime.min}))  # noqa: S307, DTZ901 - our own formula


def test_the_queries_of_the_documentation_find_it(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one for `sqlite3`, and DuckDB's over the exported file."""
    [line] = [code for language, code in BLOCK.findall(TEXT) if language == "bash"]
    register = sqlite3.connect(f"{harness.register_file.as_uri()}?mode=ro", uri=True)
    assert [row[1] for row in register.execute(line.split('"')[1])] == [key_of(harness)]
    register.close()
    assert harness.run("register", "export", str(harness.folder / "records.parquet")).code == 0
    monkeypatch.chdir(harness.folder)
    [program] = [code for language, code in BLOCK.findall(TEXT) if language == "python" and "duckdb" in code]
    known: dict[str, Any] = {"duckdb": duckdb}
    exec(program, known)  # noqa: S102 - the page's own program
    assert [count for _, count in known["late"].fetchall()] == [1]
