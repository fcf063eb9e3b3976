"""Exports of a register with a confidential, a hostile and an unmapped ticket, read back by other programs."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest
from openpyxl import load_workbook

from capa_sync.errors import UserError
from capa_sync.exports import FORMATS, SHEETS, Export, export_register, format_of, sample
from capa_sync.exports import xlsx as xlsx_module
from capa_sync.exports.cells import MOST_UNITS, text_cell
from capa_sync.exports.sampling import Candidate
from capa_sync.model.chain import ChainHead
from capa_sync.model.record import Action, ActionKind, ActionOrigin
from capa_sync.model.selection import ExportSelection
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.model.waiver import Waiver, Way
from capa_sync.output_files import whole_file
from capa_sync.redaction import conceal
from capa_sync.store import POLL, open_register
from capa_sync.store.opening import copy_register
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.web.conftest import FORMULA, HOSTILE, SECRET, fill

ALL = ExportSelection()
OURS = "xoxb-4711-a-token-of-ours"
LONG = "=1+1 " + "🐝" * 40_000
"""A formula whose bees are two UTF-16 units each: far more than a cell holds."""


@pytest.fixture(scope="module")
def register_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register of four tickets, with numbers, a grade, dates, a waiver and a text that no cell can hold."""
    path = tmp_path_factory.mktemp("exports") / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register)
        register.records.give_numbers(SOURCE, {"1": 2026, "2": 2026, "3": 2026})
        plain = {"ticket_key": "CAPA-1", "ticket_url": "https://tickets.example/CAPA-1", "confidential": "no"}
        stages = {"grade": "major", "claimed_stage": "closed", "due_at": "2026-03-01", "detected_at": T0}
        register.records.save_row(
            SOURCE,
            "1",
            {
                **plain,
                **stages,
                "title": "Access review missed",
                "root_cause": LONG,
                "extent": f"Mailed {OURS}",
                "warnings_high": 1,
            },
        )
        waiver = Waiver(
            SOURCE, "3", "action-planned", date(2026, 5, 31), "A pilot, to May", "M. Roy", T0, Way.COMMAND
        )
        register.waivers.add(waiver, T0)
    return path


@pytest.fixture
def exported(register_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """Export the register to a file of that name, and return the file."""

    def run(name: str, selection: ExportSelection = ALL, table: str = "register", *, bom: bool = False) -> Path:
        file = tmp_path / name
        wanted = Export(file, format_of(file, None), table, selection, "Europe/London", bom)
        with (
            open_register(register_file, clock_now=T0, create=False, read_only=True) as register,
            register.snapshot(selection) as snapshot,
        ):
            export_register(snapshot, wanted, lambda _table, _rows: None)
        return file

    return run


def view(register_file: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a public view."""
    with open_register(register_file, clock_now=T0, create=False, read_only=True) as register:
        return list(register.view(name))


# --- XLSX ----------------------------------------------------------------------------------------------------------
def test_a_workbook_has_six_sheets_with_the_rows_of_the_views(
    exported: Callable[..., Path], register_file: Path
) -> None:
    """Each row is there, with a frozen header, a filter over all columns, real dates, and a link behind its key."""
    book = load_workbook(exported("register.xlsx"))
    assert book.sheetnames == ["Register", "Actions", "Findings", "Waivers", "Changes", "Read-me"]
    for table, sheet in SHEETS.items():
        wanted = view(register_file, sheet.view)
        page = book[sheet.title]
        assert page.max_row == len(wanted) + 1, table
        assert [cell.value for cell in page[1]] == [column.heading for column in sheet.columns]
        assert page.freeze_panes == f"{'ABCDEF'[sheet.frozen]}2"
        assert page.auto_filter.ref.startswith("A1:")
    first = dict(zip(SHEETS["register"].names, book["Register"][2], strict=True))
    assert (first["register_no"].value, first["warnings_high"].value) == ("NC-2026-0001", 1)
    assert first["ticket_key"].hyperlink.target == "https://tickets.example/CAPA-1"
    assert first["due_at"].value == datetime(2026, 3, 1)  # noqa: DTZ001 - a cell has no zone
    assert isinstance(first["detected_at"].value, datetime)
    asked_by = SHEETS["waivers"].place("asked_by")
    assert "M. Roy" in [row[asked_by] for row in book["Waivers"].iter_rows(min_row=2, values_only=True)]
    readme = dict(book["Read-me"].iter_rows(max_col=2, values_only=True))
    assert readme["rows of Register"] == 3
    assert readme[f"{SOURCE}: records"] == 3
    assert len(book["Read-me"]._charts) == 2
    assert [readme[word] for word in ("high", "none", "not checked")] == [1, 1, 1]
    assert len(book["Register"].conditional_formatting) >= 4


@pytest.mark.parametrize("most", [2_000, 0])
def test_every_key_of_a_ticket_opens_it_on_every_sheet_but_that_of_changes(
    exported: Callable[..., Path], register_file: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Of actions, findings and waivers too, with the tracker's address; an unknown one has no link."""
    monkeypatch.setattr(xlsx_module, "_MOST_LINKS", most)
    mirrored = {row["ticket_key"]: row["url"] for row in view(register_file, "v_tickets")}
    judged = {row["ticket_key"]: row["ticket_url"] for row in view(register_file, "v_register")}
    judged["CAPA-3"] = ""  # a script is no address
    book, linked = load_workbook(exported("register.xlsx")), dict[tuple[str, str], int]()
    for sheet in SHEETS.values():
        known = {"Register": judged, "Changes": dict[str, str]()}.get(sheet.title, mirrored)
        for column in {"ticket_key", "action_key"} & {*sheet.names}:
            for row in book[sheet.title].iter_rows(min_row=2):
                cell = row[sheet.place(column)]
                target = cell.hyperlink.target if cell.hyperlink is not None else ""
                key = cell.value
                if str(key).startswith("=HYPERLINK("):
                    target, key = str(key)[len('=HYPERLINK("') : -2].split('","')
                assert target == known.get(key, ""), (sheet.title, key)
                linked[sheet.title, column] = linked.get((sheet.title, column), 0) + bool(target)
    with_links = {title for (title, column), count in linked.items() if column == "ticket_key" and count}
    assert with_links == {sheet.title for sheet in SHEETS.values()} - {"Changes"}


def test_the_key_of_an_action_opens_its_own_ticket(register_file: Path, tmp_path: Path) -> None:
    """That of an action in a field the record; another source's ticket of the same id is not meant."""
    copy, file = tmp_path / "register.db", tmp_path / "a.xlsx"
    copy_register(register_file, copy)
    with open_register(copy, clock_now=T0) as register:
        text = Value(ValueState.FILLED, "Do it", "Do it")
        actions = [
            ("5", "CAPA-5", ActionOrigin.CHILD),
            ("field:x", "CAPA-1", ActionOrigin.FIELD),
            ("2", "GRC-2", ActionOrigin.LINK),
        ]
        made = [Action(id_, key, origin, ActionKind.CORRECTIVE, text, EMPTY, EMPTY) for id_, key, origin in actions]
        register.records.save_actions(SOURCE, "1", made)
        with register.snapshot(ALL) as snapshot:
            wanted = Export(file, "xlsx", "register", ALL, "Europe/London")
            export_register(snapshot, wanted, lambda _table, _rows: None)
    place = SHEETS["actions"].place("action_key")
    cells = [row[place] for row in load_workbook(file)["Actions"].iter_rows(min_row=2)]
    links = {cell.value: cell.hyperlink.target if cell.hyperlink else "" for cell in cells}
    assert links | {"CAPA-5": "https://paper.example/CAPA-5", "CAPA-1": "https://paper.example/CAPA-1"} == links
    assert links["GRC-2"] == ""


def test_far_down_in_a_sheet_links_are_formulas_that_hold_nothing_of_a_ticket_but_quoted_text(
    exported: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library keeps links in memory: after the first ones a formula opens the ticket, and shows the same key."""
    plain = load_workbook(exported("register.xlsx"))
    monkeypatch.setattr(xlsx_module, "_MOST_LINKS", 0)
    file = exported("register.xlsx")
    place, links = SHEETS["register"].names.index("ticket_key") + 1, 0
    for written, shown, link in zip(
        load_workbook(file)["Register"].iter_rows(min_row=2, min_col=place, max_col=place),
        load_workbook(file, data_only=True)["Register"].iter_rows(min_row=2, min_col=place, max_col=place),
        plain["Register"].iter_rows(min_row=2, min_col=place, max_col=place),
        strict=True,
    ):
        assert shown[0].value == link[0].value
        if link[0].hyperlink is not None:
            links += 1
            key = str(link[0].value).replace('"', '""')
            assert written[0].value == f'=HYPERLINK("{link[0].hyperlink.target}","{key}")'
    assert links > 0


def test_no_cell_of_a_workbook_is_a_formula_or_too_long(exported: Callable[..., Path]) -> None:
    """What a ticket says stays text: formulas get an apostrophe, and a long text says how much was cut."""
    book = load_workbook(exported("register.xlsx"))
    cells = [cell for page in book for row in page.iter_rows() for cell in row if cell.value is not None]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    texts = {str(cell.value) for cell in cells}
    assert f"'{FORMULA}" in texts
    assert HOSTILE in texts
    (long,) = [text for text in texts if "🐝" in text]
    assert len(long.encode("utf-16-le")) // 2 <= MOST_UNITS
    assert re.fullmatch(r"'=1\+1 🐝+… \[\d+ more characters in the register\]", long)


def test_a_table_that_one_sheet_cannot_hold_goes_on_in_the_next(
    exported: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sheet has the header, and together they have every row once."""
    monkeypatch.setattr(xlsx_module, "ROWS_OF_A_SHEET", 2)
    book = load_workbook(exported("register.xlsx"))
    assert [name for name in book.sheetnames if name.startswith("Register")] == ["Register", "Register 2"]
    keys = [
        row[2] for name in ("Register", "Register 2") for row in book[name].iter_rows(min_row=2, values_only=True)
    ]
    assert keys == ["CAPA-1", "CAPA-2", "CAPA-3"]
    assert book["Register 2"]["C1"].value == "Ticket"


@pytest.mark.parametrize(
    "text", ["=1+1", "x" * 32_767, "x" * 32_768, "🐝" * 16_383, "🐝" * 16_384, "\x00\x07a\u202eb"]
)
def test_every_text_becomes_a_cell_that_a_spreadsheet_takes(text: str) -> None:
    """It fits, holds no character that XML or a reader refuses, and is whole where it can be."""
    cell = text_cell(text)
    units = len(cell.encode("utf-16-le")) // 2
    assert units <= MOST_UNITS
    assert not set(cell) & set(map(chr, range(32)))
    assert ("more characters" in cell) == (len(text.encode("utf-16-le")) // 2 > MOST_UNITS)


def test_without_xlsxwriter_one_line_says_how_to_install_it(
    exported: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other formats go on."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(UserError, match=r"python -m pip install 'capa-sync\[export\]'"):
        exported("register.xlsx")
    assert list(tmp_path.iterdir()) == []
    assert exported("register.csv").exists()


def test_a_source_that_was_never_read_says_so(register_file: Path, tmp_path: Path) -> None:
    """In words, in the workbook and on the page."""
    copy = tmp_path / "register.db"
    copy_register(register_file, copy)
    with open_register(copy, clock_now=T0) as register:
        run = register.runs.start("other", POLL, T0)
        register.runs.finish(run, T0, ok=False, problem="the query is not accepted")
        for name in ("a.xlsx", "a.html"):
            wanted = Export(tmp_path / name, format_of(tmp_path / name, None), "register", ALL, "Europe/London")
            with register.snapshot(ALL) as snapshot:
                export_register(snapshot, wanted, lambda _table, _rows: None)
    readme = dict(load_workbook(tmp_path / "a.xlsx")["Read-me"].iter_rows(max_col=2, values_only=True))
    assert (readme["other: as_of"], readme["other: last_success_at"]) == ("never", "never")
    assert '<th scope="row">as of</th><td>never</td>' in (tmp_path / "a.html").read_text("utf-8")


_PYTHON = re.compile(r"\b(None|True|False)\b|[\[{(]'|datetime\.|<[A-Z]\w+\.")
"""What only a program of Python writes: its constants, and lists, tuples and mappings of texts."""


@pytest.mark.parametrize("rule_sets", [[], ["9369a"], ["9369a", "77b0c"]])
def test_what_a_file_says_of_itself_has_no_word_of_python(
    register_file: Path, tmp_path: Path, rule_sets: list[str]
) -> None:
    """Filters, gaps, coverage and several rule sets are words in the workbook and on the page."""
    about = {"as_of": "2026-03-02T09:00:00Z", "judged_by": "set 1", "gaps": ["one gap.", "another."], "none": None}
    about |= {"rule_sets": rule_sets, "yes": True, "nested": {"list": ["a", "b"], "no": False}}
    chosen = ExportSelection(grades=("major", "minor"))
    with open_register(register_file, clock_now=T0, create=False, read_only=True) as register:
        for name in ("a.xlsx", "a.html"):
            wanted = Export(tmp_path / name, name[2:], "register", chosen, "Europe/London", past=about)
            with register.snapshot(chosen) as snapshot:
                export_register(snapshot, wanted, lambda _table, _rows: None)
    said = {}
    readme = load_workbook(tmp_path / "a.xlsx")["Read-me"].iter_rows(max_col=2, values_only=True)
    said["a.xlsx"] = "\n".join(f"{name}: {value}" for name, value in readme if value is not None)
    said["a.html"] = (tmp_path / "a.html").read_text("utf-8").partition("<h2>Read-me</h2>")[2]
    for name, text in said.items():
        assert not _PYTHON.search(text), name
        assert ", ".join(rule_sets) in text
        assert "one gap. another." in text
        assert "major, minor" in text


# --- CSV, JSON lines, HTML -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("table", SHEETS)
def test_flat_files_have_the_views_own_rows(exported: Callable[..., Path], register_file: Path, table: str) -> None:
    """CSV and JSON lines agree with the view and with each other; `.meta.json` counts and names what they rest on."""
    sheet = SHEETS[table]
    with exported("t.csv", table=table, bom=True).open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    lines = exported("t.jsonl", table=table).read_text(encoding="utf-8").splitlines()
    objects = [json.loads(line) for line in lines]
    assert [list(row) for row in objects] == [list(sheet.names)] * len(cells)
    assert [row["ticket_key"] for row in cells] == [row["ticket_key"] for row in objects]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in cells for cell in row.values())
    shared = [name for name in sheet.names if name != "register_no"]
    wanted = [[row[name] for name in shared] for row in view(register_file, sheet.view)]
    assert sorted(([row[name] for name in shared] for row in objects), key=str) == sorted(wanted, key=str)
    meta = json.loads(_meta(exported, table))
    assert meta["rows"] == {table: len(objects)}
    assert meta["sources"][0]["as_of"].endswith("Z")
    assert meta["schema"].startswith("00")


def _meta(exported: Callable[..., Path], table: str) -> str:
    file = exported("m.jsonl", table=table)
    return file.with_name("m.jsonl.meta.json").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects the rows of each table body, the tags, and the addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        self.tags.add(tag)
        if tag == "tbody":
            self.rows.append(0)
        elif tag == "tr" and self.is_inside:
            self.rows[-1] += 1
        self.is_inside = self.is_inside or tag == "tbody"
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        """Notice the end of a table's body."""
        self.is_inside = self.is_inside and tag != "tbody"


def test_a_page_reads_on_its_own(exported: Callable[..., Path]) -> None:
    """It has every row, no script, nothing from another host, and a ticket's markup as text."""
    text = exported("register.html").read_text(encoding="utf-8")
    page = Reader()
    page.feed(text)
    assert page.rows[0] == 3
    assert page.tags & {"script", "img", "link", "iframe"} == set()
    assert set(page.addresses) == {"https://tickets.example/CAPA-1", "https://paper.example/CAPA-2"}
    assert "&lt;script&gt;" in text
    assert "default-src 'none'" in text


# --- Parquet and OSCAL ---------------------------------------------------------------------------------------------
def test_duckdb_reads_the_parquet_with_real_times_and_numbers(
    exported: Callable[..., Path], register_file: Path
) -> None:
    """It has the rows of the view; an instant is a timestamp and a count a number."""
    found = duckdb.read_parquet(str(exported("r.parquet")))
    assert found.aggregate("COUNT(*), SUM(warnings_high)").fetchall() == [(3, 1)]
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert (types["warnings_high"], types["synced_at"]) == ("BIGINT", "TIMESTAMP WITH TIME ZONE")
    keys = [row["ticket_key"] for row in view(register_file, "v_changes")]
    changes = duckdb.read_parquet(str(exported("c.parquet", table="changes")))
    assert sorted(row[0] for row in changes.project("ticket_key").fetchall()) == sorted(keys)


@pytest.mark.parametrize("table", ["register", "changes"])
def test_duckdb_and_pandas_read_each_flat_file_with_the_same_rows(
    exported: Callable[..., Path], register_file: Path, table: str
) -> None:
    """CSV, JSON lines and Parquet have the keys of the view, whichever program reads them."""
    import pandas  # its import takes a second

    keys = sorted(row["ticket_key"] for row in view(register_file, SHEETS[table].view))
    text, lines, columns = (str(exported(f"f.{end}", table=table)) for end in ("csv", "jsonl", "parquet"))
    relations = duckdb.read_csv(text), duckdb.read_json(lines), duckdb.read_parquet(columns)
    frames = pandas.read_csv(text), pandas.read_json(lines, lines=True), pandas.read_parquet(columns)
    for relation, frame in zip(relations, frames, strict=True):
        assert sorted(row[0] for row in relation.project("ticket_key").fetchall()) == keys
        assert sorted(frame["ticket_key"]) == keys


def test_the_plan_of_action_is_oscal_by_nists_own_schema(exported: Callable[..., Path]) -> None:
    """An independent library accepts it; items, risks and observations fit together, and ids stay the same."""
    from trestle.oscal.poam import Model as OscalPlan  # its import takes longer than all other tests here

    plan = OscalPlan.model_validate_json(exported("plan.oscal.json").read_bytes()).plan_of_action_and_milestones
    assert [item.title for item in plan.poam_items] == ["Access review missed", f"{SECRET} title", HOSTILE]
    assert [risk.title for risk in plan.risks] == [item.title for item in plan.poam_items]
    assert plan.risks[0].remediations[0].tasks[0].description == "Fill the cause"
    known = {observation.uuid for observation in plan.observations}
    related = [named.observation_uuid for item in plan.poam_items for named in item.related_observations or ()]
    assert sorted(related) == sorted(known)
    assert [item.related_risks[0].risk_uuid for item in plan.poam_items] == [risk.uuid for risk in plan.risks]
    only = OscalPlan.model_validate_json(exported("one.oscal.json", ExportSelection(grades=("major",))).read_bytes())
    assert only.plan_of_action_and_milestones.poam_items[0].uuid == plan.poam_items[0].uuid


# --- what all formats share ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", FORMATS)
def test_equal_registers_give_equal_bytes(exported: Callable[..., Path], ending: str) -> None:
    """Two exports of one register have the same bytes, and only their owner may read them."""
    first = exported(f"a{ending}").read_bytes()
    second = exported(f"b{ending}")
    assert second.read_bytes() == first
    assert second.stat().st_mode & 0o777 == 0o600


def _texts_of(file: Path) -> list[str]:
    """Return the texts of an export in any format."""
    if file.suffix == ".xlsx":
        return [str(cell) for page in load_workbook(file) for row in page.iter_rows(values_only=True) for cell in row]
    if file.suffix == ".parquet":
        return [str(row) for row in duckdb.read_parquet(str(file)).fetchall()]
    return [file.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    ("ending", "table"),
    [
        *((ending, "register") for ending in FORMATS),
        *((".csv", table) for table in ("findings", "actions", "changes")),
    ],
)
def test_a_readers_export_has_no_text_of_a_confidential_ticket(
    exported: Callable[..., Path], ending: str, table: str
) -> None:
    """The planted word is in no cell; the row itself is there, so that the counts agree."""
    file = exported(f"r{ending}", ExportSelection(is_masked=True), table)
    texts = _texts_of(file)
    assert not any(SECRET in text for text in texts)
    assert any("restricted" in text for text in texts)
    assert any("CAPA-2" in text for text in texts)


@pytest.mark.parametrize("ending", FORMATS)
def test_no_export_quotes_a_secret_of_ours(exported: Callable[..., Path], ending: str) -> None:
    """A ticket into which somebody pasted our token is exported without it."""
    conceal(OURS)
    texts = _texts_of(exported(f"q{ending}"))
    assert not any(OURS in text for text in texts)
    assert ending == ".oscal.json" or any("Mailed [secret removed]" in text for text in texts)


@pytest.mark.parametrize(
    ("selection", "keys"),
    [
        (ExportSelection(), ["CAPA-1", "CAPA-2", "CAPA-3"]),
        (ExportSelection(grades=("major", "minor")), ["CAPA-1"]),
        (ExportSelection(stages=("closed",)), ["CAPA-1"]),
        (ExportSelection(only_open=True), ["CAPA-2", "CAPA-3"]),
        (ExportSelection(sources=(SOURCE,), grades=("major",), only_open=False), ["CAPA-1"]),
    ],
)
def test_a_selection_narrows_every_table(
    exported: Callable[..., Path], selection: ExportSelection, keys: list[str]
) -> None:
    """The register has the chosen records, and the findings are theirs."""
    for table in ("register", "findings"):
        lines = exported("s.jsonl", selection, table).read_text(encoding="utf-8").splitlines()
        found = list(dict.fromkeys(json.loads(line)["ticket_key"] for line in lines))
        assert [key for key in found if key] == keys


def test_an_export_of_a_day_before_all_records_names_the_day(tmp_path: Path) -> None:
    """Records that there are now, as `status` counts them, are not meant."""
    with open_register(tmp_path / "register.db", clock_now=T0) as register, register.snapshot(ALL) as snapshot:
        past = {"as_of": "2019-01-01T23:59:59Z"}
        day = "the end of 2019-01-01 in Europe/London"
        wanted = Export(tmp_path / "a.csv", "csv", "register", ALL, "Europe/London", past=past, moment=day)
        says = f"no record of those that were there at {day} is chosen; nothing was written"
        with pytest.raises(UserError, match=says):
            export_register(snapshot, wanted, lambda _table, _rows: None)


@pytest.mark.parametrize("ending", FORMATS)
def test_an_export_of_nothing_writes_nothing(exported: Callable[..., Path], tmp_path: Path, ending: str) -> None:
    """One line names the filter; an earlier file of that name stays."""
    (tmp_path / f"a{ending}").write_text("earlier", encoding="utf-8")
    with pytest.raises(UserError, match="no record is chosen by grades ofi; nothing was written"):
        exported(f"a{ending}", ExportSelection(grades=("ofi",)))
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [
        (f"a{ending}", "earlier")
    ]


def test_a_snapshot_does_not_see_what_is_written_later(register_file: Path, tmp_path: Path) -> None:
    """All sheets show one moment, while a daemon goes on."""
    path = tmp_path / "register.db"
    shutil.copy(register_file, path)
    with open_register(path, clock_now=T0) as register, register.snapshot(ALL) as snapshot:
        register.records.save_row(SOURCE, "7", {"ticket_key": "CAPA-7", "confidential": "no"})
        assert snapshot.records() == 3
        assert [row[0] for row in snapshot.rows("v_register", ("ticket_key",))] == ["CAPA-1", "CAPA-2", "CAPA-3"]


def test_what_became_confidential_later_is_hidden_in_a_past_export_too(register_file: Path, tmp_path: Path) -> None:
    """A register that was set back shows a reader no text that a reader must not see now."""
    path = tmp_path / "register.db"
    shutil.copy(register_file, path)
    with open_register(path, clock_now=T0) as register:
        register.show_as_of(T0, {}, {}, [(SOURCE, "1")])
        with register.snapshot(ExportSelection(is_masked=True)) as snapshot:
            titles = dict(snapshot.rows("v_register", ("ticket_key", "title")))
    assert titles["CAPA-1"] == "restricted"


SETTINGS = """
[sources.fake]
kind = "jira"
url = "http://127.0.0.1:9"
query = "project = CAPA"
mapping = "none.yaml"
auth = { method = "pat", token_env = "NONE" }
"""


def _verb(folder: Path, *words: str, most: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a verb; with `most` no file of it may become larger, as on a full disk."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return subprocess.run(
        [sys.executable, "-m", "capa_sync", "register", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        preexec_fn=limit if most else None,
    )


@pytest.fixture(scope="module")
def folder(register_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with settings and the register, for verbs as processes."""
    place = tmp_path_factory.mktemp("verbs")
    shutil.copy(register_file, place / "register.db")
    (place / "capa-sync.toml").write_text(SETTINGS, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def wordy_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a text that makes every export larger than 40,000 bytes, however it is packed."""
    place = tmp_path_factory.mktemp("wordy")
    shutil.copy(folder / "capa-sync.toml", place)
    shutil.copy(folder / "register.db", place)
    text = random.Random(5).randbytes(60_000).hex()  # noqa: S311
    with closing(sqlite3.connect(place / "register.db")) as register, register:
        register.execute("UPDATE register_row SET title = ? WHERE ticket_id = '1'", (text,))
    return place


def _other_files(folder: Path) -> list[str]:
    """Return the names of the files beside the register, whose log SQLite creates when it is read."""
    return sorted(file.name for file in folder.iterdir() if not file.name.startswith("register.db"))


@pytest.mark.parametrize(
    "words",
    [
        ("export", "r.xlsx"),
        ("export", "r.jsonl"),
        ("export", "r.parquet"),
        ("export", "r.oscal.json"),
        ("export", "r.html"),
        ("backup", "r.db"),
    ],
)
def test_a_full_disk_leaves_no_half_file(wordy_folder: Path, words: tuple[str, str]) -> None:
    """The verb ends with one line, and the folder is as it was."""
    before = _other_files(wordy_folder)
    done = _verb(wordy_folder, *words, most=40_000)
    assert done.returncode in (2, 6), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"{words[1]}: ")
    assert _other_files(wordy_folder) == before


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_only_a_plain_file_gives_its_name_to_a_new_one(tmp_path: Path, kind: str) -> None:
    """A device such as /dev/null, /dev/stdout or a folder stays what it is; the message says so, nothing is left."""
    name = tmp_path / "name"
    if kind == "pipe":
        os.mkfifo(name)
    elif kind == "link":
        name.symlink_to("/dev/stdout")
    else:
        name.mkdir()
    before = name.lstat()
    with pytest.raises(UserError, match="name: this is no regular file; name a new file"), whole_file(name):
        raise AssertionError("the block must not begin")
    assert os.path.samestat(before, name.lstat())
    assert list(tmp_path.iterdir()) == [name]


def test_the_verb_writes_the_file_and_says_what_is_in_it(folder: Path) -> None:
    """The format follows from the name; the register's own files are refused."""
    done = _verb(folder, "export", "out.csv", "--table", "actions")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "out.csv: rows of actions 4"
    assert all(re.search(r"as of (never|[0-9-]{10} [0-9:]{8}Z)$", line) for line in done.stdout.splitlines()[1:])
    with open_register(folder / "register.db", clock_now=T0, read_only=True) as register:
        report = register.verify(
            [ChainHead.parse(json.loads((folder / "out.csv.meta.json").read_text())["chain_head"])]
        )
        event = register.chain.head()
    assert (report.breaks, report.head) == ((), event)
    with sqlite3.connect(folder / "register.db") as connection:
        (text,) = connection.execute("SELECT text FROM event WHERE kind = 'export'").fetchone()
    assert json.loads(text)["sha256"] == hashlib.sha256((folder / "out.csv").read_bytes()).hexdigest()
    refused = _verb(folder, "export", "register.db", "--format", "csv")
    assert (refused.returncode, refused.stderr) == (
        2,
        "register.db: a file of the register itself; name another file; nothing was written\n",
    )
    (folder / "link").symlink_to(folder)
    for name in (f"../{folder.name}/register.db", "link/register.db", "link/link/register.db-wal"):
        refused = _verb(folder, "export", name, "--format", "csv")
        assert (refused.returncode, "a file of the register itself" in refused.stderr) == (2, True), name


UTF8_CSV_OF_ALL_SHEETS = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"


@pytest.mark.slow
def test_libreoffice_opens_workbook_and_csv_and_finds_the_same_rows(
    exported: Callable[..., Path], register_file: Path, tmp_path: Path
) -> None:
    """What it writes of each sheet, and of a CSV, has as many records; nothing was computed as a formula."""
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not installed")
    files = [exported("register.xlsx"), exported("flat.csv", bom=True)]
    profile, out = f"-env:UserInstallation=file://{tmp_path}/profile", tmp_path / "out"
    command = [office, profile, "--headless", "--convert-to", UTF8_CSV_OF_ALL_SHEETS, "--outdir", str(out)]
    subprocess.run([*command, *map(str, files)], check=True, capture_output=True, timeout=PATIENCE)
    found = {}
    for file in out.iterdir():
        with file.open(encoding="utf-8", newline="") as converted:
            found[file.stem] = list(csv.DictReader(converted))
    for sheet in SHEETS.values():
        assert len(found[f"register-{sheet.title}"]) == len(view(register_file, sheet.view)), sheet.title
    assert [row["Ticket"] for row in found["register-Register"]] == ["CAPA-1", "CAPA-2", "CAPA-3"]
    assert found["register-Register"][2]["Owner"] == f"'{FORMULA}"
    assert found["register-Register"][0]["Due"] == "2026-03-01"
    assert [row["ticket_key"] for row in found["flat-flat"]] == ["CAPA-1", "CAPA-2", "CAPA-3"]
    assert found["flat-flat"][2]["owner"] == f"'{FORMULA}"
    assert found["flat-flat"][2]["title"] == HOSTILE


# --- sample --------------------------------------------------------------------------------------------------------
def test_a_sample_has_every_group_and_depends_on_the_seed_alone() -> None:
    """Each source and grade is there in proportion; the order of the records does not matter."""
    records = [Candidate("jira", str(n), "minor") for n in range(80)]
    records += [Candidate("jira", f"m{n}", "major") for n in range(19)] + [Candidate("grc", "1", "ofi")]
    chosen = sample(records, "2026")
    assert len(chosen) == 20
    assert sample(records[::-1], "2026") == chosen
    assert sample(records, "2027") != chosen
    sizes = {grade: sum(record.grade == grade for record in chosen) for grade in ("minor", "major", "ofi")}
    assert sizes == {"minor": 16, "major": 3, "ofi": 1}
    assert len(sample(records, "2026", size=1)) == 3, "one of each group at least"


@pytest.mark.parametrize(
    "numbers", [[1] * 12, [80, 19, 1], [60, 40, 9, 5, 3, 2, 1, 1, 1, 1], [3, 3, 3], [120, *[1] * 30], [1]]
)
def test_a_sample_has_the_size_that_was_asked_wherever_that_can_be(numbers: list[int]) -> None:
    """Every size from one of each group to all records; each group has one at least and no more than it has."""
    records = [
        Candidate("jira", f"{group}-{n}", f"g{group:02}") for group, most in enumerate(numbers) for n in range(most)
    ]
    for size in range(1, len(records) + 3):
        chosen = sample(records, "2026", size)
        shares = [sum(record.grade == f"g{group:02}" for record in chosen) for group in range(len(numbers))]
        assert sum(shares) == len(set(chosen)) == min(max(size, len(numbers)), len(records))
        assert all(1 <= share <= most for share, most in zip(shares, numbers, strict=True))
        assert sorted(shares, reverse=True) == [s for _, s in sorted(zip(numbers, shares, strict=True), reverse=True)]


def test_what_small_groups_add_is_taken_from_the_largest() -> None:
    """Of 100 records and a size of 20, nine groups of one leave eleven for the rest."""
    records = [Candidate("jira", str(n), "minor") for n in range(80)] + [
        Candidate("jira", f"m{n}", "major") for n in range(11)
    ]
    records += [Candidate("grc", str(n), f"g{n}") for n in range(9)]
    chosen = sample(records, "2026")
    assert len(chosen) == 20
    assert [sum(record.grade == grade for record in chosen) for grade in ("minor", "major")] == [9, 2]
