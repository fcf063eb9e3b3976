"""No page and no file that people take away is wider than a screen or paper, also with long words and open folds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from capa_sync.exports import Export, RecordEvidence, TicketEvidence, export_register
from capa_sync.exports.pack import write_pack
from capa_sync.exports.report import write_report
from capa_sync.exports.sheets import SHEETS
from capa_sync.model.page import PageOptions
from capa_sync.model.selection import ExportSelection
from capa_sync.store import open_register
from capa_sync.web import RegisterPage, serve_register
from tests.journey.browsing import beyond_the_edge, paths_of_pages, shown_as
from tests.unit.register.test_review import report
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.web.world import ZONE, build_world
from tests.unit.writeback.harness import ManualClock

pytestmark = pytest.mark.slow

LONG = "Unbroken" * 40
FILES = ("register.html", "index.html", "review.html")
PATHS = list(
    dict.fromkeys(
        [
            *(path for number in ("1", "7") for path in paths_of_pages({"source": SOURCE, "ticket": number})),
            "records",
            "record?source=paper&ticket=none",
        ]
    )
)
_TEXTS = ("title", "owner", "root_cause", "requirement", "evidence_missing", "source_status", "action_text", "grade")


@pytest.fixture(scope="module")
def register_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a register of sixty records, one of which has long words wherever a ticket can have them."""
    path = tmp_path_factory.mktemp("wide") / "register.db"
    build_world(path)
    with closing(sqlite3.connect(path)) as register, register:
        for column in _TEXTS:
            register.execute(f"UPDATE register_row SET {column} = ? WHERE ticket_id IN ('1', 'p00')", (LONG,))  # noqa: S608 - names of ours
        register.execute("UPDATE finding SET message = ?, fix = ? WHERE ticket_id = '1'", (LONG, LONG))
        register.execute("UPDATE action SET text = ?, owner = ?", (LONG, LONG))
    return path


@pytest.fixture(scope="module")
def wide_site(register_file: Path) -> Iterator[RegisterPage]:
    """Serve it."""
    running = serve_register(register_file, "127.0.0.1:0", PageOptions(ZONE, ManualClock(T0 + timedelta(minutes=1))))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def files(register_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the pages that people take away."""
    folder = tmp_path_factory.mktemp("files")
    wanted = Export(folder / "register.html", "html", "register", ExportSelection(), ZONE, bom=False)
    with (
        open_register(register_file, clock_now=T0, create=False, read_only=True) as register,
        register.snapshot(wanted.selection) as snapshot,
    ):
        export_register(snapshot, wanted, lambda _table, _rows: None)
    with closing(sqlite3.connect(register_file)) as register:
        write_pack(folder / "pack.zip", evidence(register))
    with ZipFile(folder / "pack.zip") as pack:
        pack.extract("index.html", folder)
    write_report(folder / "review.html", report())
    return folder


def evidence(register: sqlite3.Connection) -> RecordEvidence:
    """Return what a pack of the first record shows: each table with rows, and long words in them."""
    register.row_factory = sqlite3.Row
    views = ("v_register", "v_episodes", "v_actions", "v_writes", "v_tickets", "v_changes")
    rows = {
        view: [dict(row) for row in register.execute(f"SELECT * FROM {view} WHERE ticket_id = '1'")]  # noqa: S608
        for view in views
    }
    fact = dict.fromkeys(("phrase", "what", "text", "by", "entry"), LONG) | {"truth": "false", "at": T0.isoformat()}
    verdict = {
        "rule": "owner-active",
        "clause": "10.1",
        "outcome": "breach",
        "title": LONG,
        "message": "",
        "reason": "",
    }
    waiver = dict.fromkeys(("rule", "why", "reason", "asked_by", "approved_by", "recorded_by"), LONG)
    waiver |= {"state": "active", "until": T0, "recorded_at": T0, "ended_at": None}
    span = dict.fromkeys(("severity", "message", "why_afterwards", "language", "rule", "rule_set"), LONG)
    span |= {"from": T0, "until": None, "outcome": "breach", "waived_until": None, "set": 1}
    past = {"instants": 1, "until": T0, "cut_before": None, "spans": [span, span | {"set": 2}]}
    ticket = TicketEvidence("record", rows["v_tickets"][0], rows["v_changes"])
    ticket.attachments = [
        dict.fromkeys(("name", "added_by", "media_type", "content"), LONG) | {"size": 1, "sha256": "e" * 64}
    ]
    return RecordEvidence(
        as_of=T0,
        register=rows["v_register"][0],
        verdicts=[verdict | {"evidence": [fact]}],
        past=past,
        findings=[row | {"waived_until": None} for row in rows["v_episodes"]],
        actions=rows["v_actions"],
        waivers=[waiver],
        writes=rows["v_writes"],
        tickets=[ticket],
        about={"register": "r", "chain_head": f"1:{'a' * 64}"},
        missing=[LONG],
    )


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_as_wide_as_screen_and_paper(wide_site: RegisterPage, browser: webdriver.Chrome, path: str) -> None:
    """With every fold open; what is wider scrolls inside its own box, and on paper nothing does."""
    browser.get(wide_site.url + path)
    assert beyond_the_edge(browser) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_wide_as_screen_and_paper(files: Path, browser: webdriver.Chrome, name: str) -> None:
    """Of the exported register, of a pack and of the report."""
    browser.get((files / name).as_uri())
    assert len(browser.find_elements(By.CSS_SELECTOR, "table")) > 5
    assert beyond_the_edge(browser) == []


def test_wide_tables_of_an_exported_register_are_blocks_on_paper(files: Path, browser: webdriver.Chrome) -> None:
    """Each value that is there is shown behind the name of its column, and the page says how it is printed."""
    with shown_as(browser, width=720, media="print"):
        browser.get((files / "register.html").as_uri())
        assert browser.find_element(By.CSS_SELECTOR, "p.paper").is_displayed()
        for name, is_block in {"register": True, "actions": False, "findings": True}.items():
            shown, hidden = browser.execute_script(
                """const cells = [...document.querySelectorAll(`#${arguments[0]} + .wide tbody tr:first-child td`)];
                const label = cell => getComputedStyle(cell, '::before').content;
                return [cells.map(cell => [cell.checkVisibility(), label(cell)]),
                    cells.filter(cell => cell.textContent && !cell.checkVisibility()).length];""",
                name,
            )
            headings = [column.heading for column in SHEETS[name].columns]
            labels = [f'"{heading}: "' if is_block else "none" for heading in headings]
            assert (len(shown), hidden) == (len(headings), 0)
            assert all(label == labels[place] for place, (is_shown, label) in enumerate(shown) if is_shown)
    with shown_as(browser):
        assert not browser.find_element(By.CSS_SELECTOR, "p.paper").is_displayed()
        assert browser.find_element(By.CSS_SELECTOR, "#register + .wide thead").is_displayed()


def test_paper_says_which_parts_of_a_list_it_lacks(wide_site: RegisterPage, browser: webdriver.Chrome) -> None:
    """A list of several pages, and a section of which the page shows the first ones."""
    with shown_as(browser, width=720, media="print"):
        browser.get(f"{wide_site.url}records")
        assert "Page 1 of 2 of the list" in browser.find_element(By.CSS_SELECTOR, "p.paper").text
        said = browser.execute_script(
            """const more = document.querySelector('main').appendChild(document.createElement('p'));
            more.className = 'more';
            return [more.checkVisibility(), getComputedStyle(more, '::before').content];"""
        )
        assert said == [True, '"Not all of them are on this paper. "']
    with shown_as(browser):
        assert not browser.find_element(By.CSS_SELECTOR, "p.paper").is_displayed()
