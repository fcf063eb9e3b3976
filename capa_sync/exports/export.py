"""Writes an export in one of the formats, whole or not at all, with what it holds inside or beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from capa_sync import __version__
from capa_sync.errors import Problem, UserError
from capa_sync.exports.extract import Extract
from capa_sync.exports.sheets import SHEETS
from capa_sync.model.light import light
from capa_sync.model.selection import ExportSelection
from capa_sync.model.visible import escaped
from capa_sync.output_files import whole_file
from capa_sync.redaction import redacted

FORMATS: Mapping[str, str] = {
    ".xlsx": "xlsx",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".html": "html",
    ".parquet": "parquet",
    ".oscal.json": "oscal",
}
"""End of a file's name -> format."""
_BARE = frozenset({"csv", "jsonl", "oscal"})
"""Formats without a place for what they rest on: `.meta.json` stands beside them."""
_READ = frozenset({"xlsx", "html"})
"""Formats that people read: their times are local."""
_EVERY = 5_000
"""Rows of a table between two reports of progress."""

Progress = Callable[[str, int], None]


@light
class Export:
    """What is asked for.

    Attributes:
        file: where to. format: one of FORMATS' values. table: of the flat formats, a name of SHEETS.
        selection: which records. timezone: of the times that people read. bom: CSV begins with a byte order mark.
        past: what an export of a past instant says of itself, by name; empty for the register as it is. moment: that
            instant for a person.
    """

    file: Path
    format: str
    table: str
    selection: ExportSelection
    timezone: str
    bom: bool = False
    past: Mapping[str, Any] = field(default_factory=dict)
    moment: str = ""


def format_of(file: Path, asked: str | None) -> str:
    """Return the format: as asked, else by the end of the file's name. Raises UserError when neither names one."""
    found = asked or next((name for end, name in FORMATS.items() if file.name.lower().endswith(end)), None)
    if found is None:
        hint = f"end the name with {', '.join(FORMATS)}, or add --format"
        raise UserError([Problem(str(file), 0, "this name does not say which format is meant", hint)])
    return found


def export_register(extract: Extract, export: Export, progress: Progress) -> dict[str, Any]:
    """Write an export; return what it holds, as in `.meta.json`.

    Raises UserError: nothing is chosen, a library is absent, or the file system refuses the file. Then there is no
    file under the name but one that was there before.
    """
    if not extract.records():
        filters = ", ".join(f"{name} {_words(value)}" for name, value in export.selection.filters().items())
        then = f" of those that were there at {export.moment}" if export.past else ""
        what = f"no record{then} is chosen{f' by {filters}' if filters else ''}"
        raise UserError([Problem("", 0, what, "nothing was written; `capa-sync status` counts the records")])
    extract = _WithoutSecrets(extract)
    about = _about(extract, export)
    beside = export.file.with_name(f"{export.file.name}.meta.json")
    with whole_file(beside) if export.format in _BARE else nullcontext() as meta, whole_file(export.file) as fresh:
        about["rows"] = _write(fresh, extract, export, about, _spaced(progress))
        if meta is not None:
            about["sha256"] = _sha256(fresh)
            text = orjson.dumps(about, option=orjson.OPT_INDENT_2).decode()
            meta.write_text(escaped(f"{text}\n"), encoding="utf-8")
    return about


class _WithoutSecrets:
    """An extract whose texts quote no secret of ours, as far as this process knows them."""

    def __init__(self, extract: Extract) -> None:
        self.records, self.facts, self.sources = extract.records, extract.facts, extract.sources
        self._extract = extract

    def rows(self, view: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows."""
        for row in self._extract.rows(view, columns):
            yield tuple([redacted(value) if isinstance(value, str) else value for value in row])


def _about(extract: Extract, export: Export) -> dict[str, Any]:
    """Return what an export holds and rests on; no time of its own: equal registers give equal bytes."""
    return {
        "capa_sync": __version__,
        "format": export.format,
        "filters": {name: _words(value) for name, value in export.selection.filters().items()},
        **extract.facts(),
        **export.past,
        "times": f"of the zone {export.timezone}" if export.format in _READ else "UTC",
        "sources": extract.sources(),
    }


def _words(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else "yes" if value is True else str(value)


def _write(
    fresh: Path, extract: Extract, export: Export, about: dict[str, Any], progress: Progress
) -> dict[str, int]:
    """Write the file in its format; a format's library is imported where it is used."""
    if export.format == "xlsx":
        from capa_sync.exports.xlsx import write_xlsx

        return write_xlsx(fresh, extract, about, ZoneInfo(export.timezone), progress)
    if export.format == "html":
        from capa_sync.exports.html import write_html

        return write_html(fresh, extract, about, export.timezone, progress)
    if export.format == "oscal":
        from capa_sync.exports.oscal import write_oscal

        return write_oscal(fresh, extract, about, ZoneInfo(export.timezone))
    return {export.table: _write_table(fresh, extract, export, about, lambda done: progress(export.table, done))}


def _write_table(
    fresh: Path, extract: Extract, export: Export, about: Mapping[str, Any], advance: Callable[[int], None]
) -> int:
    """Write the one table of a flat format; return the number of its rows."""
    sheet = SHEETS[export.table]
    if export.format == "parquet":
        from capa_sync.exports.parquet import write_parquet

        return write_parquet(fresh, extract, sheet, about, advance)
    from capa_sync.exports.flat import write_csv, write_jsonl

    if export.format == "csv":
        return write_csv(fresh, extract, sheet, advance, bom=export.bom)
    return write_jsonl(fresh, extract, sheet, advance)


def _spaced(progress: Progress) -> Progress:
    """Return a listener that passes on every so many rows."""

    def report(table: str, done: int) -> None:
        if done % _EVERY == 0:
            progress(table, done)

    return report


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
