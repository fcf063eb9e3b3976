"""The register as a spreadsheet with native dates, links, filters and traffic lights; the only user of XlsxWriter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from capa_sync.errors import Problem, UserError
from capa_sync.exports.cells import in_words, local_time, text_cell
from capa_sync.exports.extract import Extract
from capa_sync.exports.sheets import SHEETS, Sheet
from capa_sync.model.columns import ColumnType
from capa_sync.model.record import Stage

ROWS_OF_A_SHEET = 1_000_000
"""Rows of one sheet; a spreadsheet takes 1,048,576, and the rest goes to the next sheet."""
_MOST_LINKS = 2_000
"""Links of one sheet that are kept as links: the library holds them in memory, and a spreadsheet takes 65,530.

Further ones are formulas, which are written row by row and open the ticket too.
"""
_LINKS = {"ticket_key": "ticket_url", "action_key": "action_url"}
"""Column with the key of a ticket -> column with its address."""
_WITHOUT_LINKS = "v_changes"
"""A ticket has many changes, and its other sheets have its link; a link takes three times as long as a text."""
_LONGEST_IN_FORMULA = 255
"""Characters of a text in a formula."""
_LONGEST_LINK = 2_000
_TIMES = frozenset({ColumnType.INSTANT, ColumnType.TIME})
_MADE_AT = datetime(2000, 1, 1)  # noqa: DTZ001 - a property of the file, which has no zone; the same in every export
_HEAD = {"bold": True, "bg_color": "#1F3864", "font_color": "#FFFFFF", "valign": "top", "text_wrap": True}
_LIGHTS = {
    "red": {"bg_color": "#F8CBAD", "font_color": "#7F1D1D"},
    "amber": {"bg_color": "#FFE699", "font_color": "#5F4B00"},
    "green": {"bg_color": "#C6E0B4", "font_color": "#1E4620"},
    "grey": {"bg_color": "#D9D9D9", "font_color": "#404040"},
}

Advance = Callable[[str, int], None]
"""Is called with a table's name and the number of its rows written so far."""
CellWriter = Callable[[Any, int, int, Any], None]
"""Writes a value on a page at a row and a column."""


def write_xlsx(
    path: Path, extract: Extract, about: Mapping[str, Any], zone: ZoneInfo, advance: Advance
) -> dict[str, int]:
    """Write the six sheets; return table -> number of rows. Temporary files lie beside `path`.

    Raises UserError when XlsxWriter is not installed, and OSError of the file system.
    """
    try:
        import xlsxwriter
        from xlsxwriter.exceptions import FileCreateError
    except ImportError:
        hint = "install it with `python -m pip install 'capa-sync[export]'`, or export csv, jsonl or html"
        raise UserError([Problem("", 0, "XLSX needs the library XlsxWriter, which is absent", hint)]) from None
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
    book.set_properties({"title": "capa-sync register", "created": _MADE_AT})
    writer = _Writer(book, zone, advance)
    counts = {
        name: writer.write(name, sheet, extract.rows(sheet.view, (*sheet.names, *_addresses(sheet))))
        for name, sheet in SHEETS.items()
    }
    writer.write_readme(about, counts)
    try:
        book.close()
    except FileCreateError as error:
        raise error.args[0] if error.args and isinstance(error.args[0], OSError) else OSError(str(error)) from error
    return counts


_LEVELS = ("high", "medium", "low")
_UNKNOWN, _UNCHECKED = "unknown", "not checked"
_CHARTS = {
    "Records by claimed stage": (*Stage, _UNKNOWN),
    "Records by their worst open warning": (*_LEVELS, "none", _UNCHECKED),
}
"""Title of a chart -> what is counted, in the order of the bars."""
_CHART_ROWS = 18
"""Rows of a sheet that a chart covers, and one more."""


class _Writer:
    """Writes the sheets of one workbook, row after row."""

    def __init__(self, book: Any, zone: ZoneInfo, advance: Advance) -> None:
        self._book, self._zone, self._advance = book, zone, advance
        self._page = _page_class(book.worksheet_class)
        top = {"valign": "top"}
        self._head = book.add_format(_HEAD)
        self._text = book.add_format(top | {"text_wrap": True})
        self._number = book.add_format(top | {"num_format": "0"})
        self._day = book.add_format(top | {"num_format": "yyyy-mm-dd", "align": "left"})
        self._instant = book.add_format(top | {"num_format": "yyyy-mm-dd hh:mm", "align": "left"})
        self._link = book.add_format(top | {"font_color": "#0563C1", "underline": 1})
        self._lights = {name: book.add_format(light) for name, light in _LIGHTS.items()}
        self._counted = {name: Counter[str]() for name in _CHARTS}

    def write(self, name: str, sheet: Sheet, rows: Iterator[Sequence[Any]]) -> int:
        """Write one table into as many sheets as it needs; return the number of its rows."""
        total = 0
        page = self._begin(sheet, sheet.title)
        write = _RowWriter(self, sheet)
        number = 0
        for row in rows:
            if number == ROWS_OF_A_SHEET:
                self._end(page, sheet, number)
                page = self._begin(sheet, f"{sheet.title} {total // ROWS_OF_A_SHEET + 1}")
                number = 0
            number, total = number + 1, total + 1
            write.row(page, number, row)
            self._advance(name, total)
            if name == "register":
                self._count(sheet, row)
        self._end(page, sheet, number)
        return total

    def _count(self, sheet: Sheet, row: Sequence[Any]) -> None:
        """Count a record for the charts."""
        stages, warnings = self._counted.values()
        stages[row[sheet.place("claimed_stage")] or _UNKNOWN] += 1
        worst = next((level for level in _LEVELS if row[sheet.place(f"warnings_{level}")]), "")
        warnings[worst or ("none" if row[sheet.place("checks_made")] else _UNCHECKED)] += 1

    def _begin(self, sheet: Sheet, title: str) -> Any:
        page = self._book.add_worksheet(title, self._page)
        page.freeze_panes(1, sheet.frozen)
        page.set_default_row(30)
        for at, column in enumerate(sheet.columns):
            page.set_column(at, at, column.width)
        page.set_row(0, 32)
        page.write_row(0, 0, [column.heading for column in sheet.columns], self._head)
        return page

    def _end(self, page: Any, sheet: Sheet, rows: int) -> None:
        page.autofilter(0, 0, max(rows, 1), len(sheet.columns) - 1)
        page.set_landscape()
        page.repeat_rows(0)
        if sheet.view == "v_register" and rows:
            self._light_records(page, sheet, rows)
        elif "severity" in sheet.names and rows:
            severity = sheet.place("severity")
            for word, light in (("high", "red"), ("medium", "amber")):
                page.conditional_format(
                    1, severity, rows, severity,
                    {"type": "cell", "criteria": "==", "value": f'"{word}"', "format": self._lights[light]},
                )  # fmt: skip

    def _light_records(self, page: Any, sheet: Sheet, rows: int) -> None:
        """Colour the counts of warnings and the days late, and each number by the worst of its record."""
        high, medium, low, made = (
            _letters(sheet.place(name))
            for name in ("warnings_high", "warnings_medium", "warnings_low", "checks_made")
        )
        for name, light in (("warnings_high", "red"), ("warnings_medium", "amber")):
            at = sheet.place(name)
            rule = {"type": "cell", "criteria": ">", "value": 0, "format": self._lights[light]}
            page.conditional_format(1, at, rows, at, rule)
        late = {"type": "formula", "criteria": _late(sheet), "format": self._lights["red"]}
        page.conditional_format(1, sheet.place("days_late"), rows, sheet.place("days_late"), late)
        for formula, light in (
            (f"=${high}2>0", "red"),
            (f"=${medium}2+${low}2>0", "amber"),
            (f"=${made}2=0", "grey"),
            (f"=${made}2>0", "green"),
        ):
            rule = {"type": "formula", "criteria": formula, "format": self._lights[light], "stop_if_true": True}
            page.conditional_format(1, 0, rows, 0, rule)

    def write_readme(self, about: Mapping[str, Any], counts: Mapping[str, int]) -> None:
        """Write what was exported: filters, as-of times, versions, counts, coverage, and the charts."""
        page = self._book.add_worksheet("Read-me")
        page.set_column(0, 0, 34, self._text)
        page.set_column(1, 1, 90, self._text)
        lines = [*_flat(about), *((f"rows of {SHEETS[name].title}", count) for name, count in counts.items())]
        for at, (name, value) in enumerate(lines):
            page.write_string(at, 0, text_cell(name))
            page.write(at, 1, value if isinstance(value, int) else text_cell(str(value)), self._text)
        first = len(lines) + 1
        for title, order in _CHARTS.items():
            found = [(word, self._counted[title][word]) for word in order if self._counted[title][word]]
            first = self._draw(page, first, title, found)

    def _draw(self, page: Any, first: int, title: str, counts: Sequence[tuple[str, int]]) -> int:
        """Write counts with a chart below them; return the row after it."""
        page.write_string(first, 0, title)
        for at, (word, count) in enumerate(counts, first + 1):
            page.write_string(at, 0, text_cell(word))
            page.write_number(at, 1, count, self._number)
        last = first + len(counts)
        if not counts:
            return last + 1
        chart = self._book.add_chart({"type": "bar"})
        places = ["Read-me", first + 1, 0, last, 0], ["Read-me", first + 1, 1, last, 1]
        chart.add_series({"name": "Records", "categories": places[0], "values": places[1]})
        chart.set_title({"name": title})
        chart.set_legend({"none": True})
        chart.set_y_axis({"reverse": True})
        page.insert_chart(last + 1, 0, chart)
        return last + _CHART_ROWS

    def cell_writer(self, kind: ColumnType) -> CellWriter:
        """Return what writes a value of this type that is not empty."""
        return self._write_time if kind in _TIMES else self._write_value

    def _write_value(self, page: Any, row: int, column: int, value: Any) -> None:
        """Write a number or a text."""
        if isinstance(value, int):
            page.write_number(row, column, value, self._number)
        else:
            page.write_string(row, column, text_cell(str(value)), self._text)

    def _write_time(self, page: Any, row: int, column: int, value: Any) -> None:
        """Write a date or an instant; what is neither is a number or a text."""
        if (when := local_time(str(value), self._zone)) is None:
            self._write_value(page, row, column, value)
        else:
            page.write_datetime(row, column, when, self._day if len(value) == len("YYYY-MM-DD") else self._instant)

    def write_link(self, page: Any, at: tuple[int, int], address: str, text: str) -> None:
        """Write a text that opens an address; far down in a sheet a long text or address is a text alone."""
        shown = text_cell(text)
        if at[0] <= _MOST_LINKS:
            page.write_url(*at, address, self._link, shown)
        elif max(len(address), len(shown)) <= _LONGEST_IN_FORMULA:
            quoted = [part.replace('"', '""') for part in (address, shown)]
            page.write_formula(*at, f'=HYPERLINK("{quoted[0]}","{quoted[1]}")', self._link, shown)
        else:
            page.write_string(*at, shown, self._text)


def _page_class(base: type[Any]) -> type[Any]:
    """Return the library's class of sheets, without its 29 searches for newer functions in each formula of a link."""

    class LinkSheet(base):  # type: ignore[misc]
        def _prepare_formula(self, formula: str, *_newer: bool) -> str:
            return formula.removeprefix("=")

    return LinkSheet


def _addresses(sheet: Sheet) -> list[str]:
    """Return the columns with the addresses behind a sheet's keys that are no columns of the sheet."""
    if sheet.view == _WITHOUT_LINKS:
        return []
    return [url for key, url in _LINKS.items() if key in sheet.names and url not in sheet.names]


class _RowWriter:
    """Writes the rows of one sheet; the key of a ticket, or of an action's ticket, opens it."""

    def __init__(self, writer: _Writer, sheet: Sheet) -> None:
        self._write_link = writer.write_link
        self._cells = [writer.cell_writer(column.type) for column in sheet.columns]
        names = (*sheet.names, *_addresses(sheet))
        self._width = len(sheet.columns)
        self._links = [
            (names.index(key), names.index(address)) for key, address in _LINKS.items() if {key, address} <= {*names}
        ]

    def row(self, page: Any, number: int, row: Sequence[Any]) -> None:
        """Write one row, which ends with the addresses; an empty value leaves its cell empty."""
        linked = {at: row[address] for at, address in self._links if _is_link(str(row[address]))}
        for at, value in enumerate(row[: self._width]):
            if value is None or value == "":
                continue
            if at in linked:
                self._write_link(page, (number, at), linked[at], str(value))
            else:
                self._cells[at](page, number, at, value)


def _is_link(address: str) -> bool:
    return address.startswith(("https://", "http://")) and len(address) <= _LONGEST_LINK and address.isascii()


def _late(sheet: Sheet) -> str:
    """Return the formula by which the first record is late: from the first instant on, when `days_late` is 0."""
    names = ("late_from", "implemented_at", "open_until", "as_of")
    late, done, ended, as_of = (f"${_letters(sheet.place(name))}2" for name in names)
    return f'=AND({late}<>"",{late}<IF({done}<>"",{done},IF({ended}<>"",{ended},{as_of})))'


def _letters(place: int) -> str:
    """Return a column's name in a formula: A, B, …, Z, AA."""
    name, place = "", place + 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def _flat(about: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what stands in nested mappings and lists as (name, value)."""
    for name, value in about.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}: ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for member in value:
                yield from _flat(member, f"{before}{member.get('source', name)}: ")
        else:
            yield f"{before}{name}", _readme_value(value)


def _readme_value(value: Any) -> Any:
    if value is None:
        return "never"  # of the facts of a source only instants are absent
    return value if isinstance(value, int) and not isinstance(value, bool) else in_words(value)
