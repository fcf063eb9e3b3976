"""The evidence pack of one record: a zip that reads on its own, with raw payloads and checksums."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from capa_sync import __version__
from capa_sync.exports.archive import new_archive
from capa_sync.exports.evidence import RecordEvidence, Row, TicketEvidence
from capa_sync.exports.html import template
from capa_sync.exports.pack_section import PackSection
from capa_sync.exports.pack_sections import about, sections_of, title_of
from capa_sync.exports.pdf import INSTALL, can_print, prepared_pdf
from capa_sync.exports.timeline import timeline_of
from capa_sync.model.visible import escaped
from capa_sync.output_files import whole_file
from capa_sync.redaction import redacted

_PDF = "evidence.pdf"
_PRINTED = 1_000
LONGEST_PRINTED = 20_000
"""Characters of a text on paper, where each takes 6 microseconds; the page and the JSON have longer ones whole."""
_ROWS_OF_A_RUN = 110
"""A section that would make more of them begins a page: Typst lays such runs of pages out side by side."""
_LONGEST_WORD = 18
"""Bytes of a word that fits into each column."""
_SAFE = frozenset(string.ascii_letters + string.digits + "._-")


def pack_name(name: str) -> str:
    """Return the file name of the pack of SOURCE:KEY."""
    return f"evidence-{_safe(name)}.zip"


def write_pack(file: Path, evidence: RecordEvidence) -> dict[str, Any]:
    """Write a record's pack, whole or not at all; return what is in it. Equal evidence gives equal bytes.

    Without Typst it has no PDF, and says so. Raises UserError when the file system refuses the file.
    """
    content = _content(evidence)
    if not can_print():
        content["missing"].append(f"{_PDF}: it needs the library typst; {INSTALL}")
    readable = _readable(evidence, content)
    printed = readable | {"longest": _LONGEST_WORD, "sections": list(_in_runs(readable["sections"]))}
    with whole_file(file) as fresh, new_archive(fresh) as archive, ThreadPoolExecutor(1) as beside:
        # Typst needs no interpreter, and as long as all the rest
        printing = beside.submit(prepared_pdf("pack.typ", "pack", printed))
        archive.add(_texts(evidence, content, readable))
        pdf = printing.result()
        if pdf is not None:
            archive.add({_PDF: pdf})
    return {
        "file": str(file),
        "record": evidence.name,
        "files": len(archive),
        "findings": len(evidence.findings),
        "missing": content["missing"],
    }


def _texts(evidence: RecordEvidence, content: Row, readable: Row) -> dict[str, bytes]:
    """Return every file but the PDF."""
    files = {"evidence.json": _json(content), "timeline.json": _json(content["timeline"])}
    with template("pack.html") as page:
        files["index.html"] = redacted(page.render(readable)).encode("utf-8")
    for ticket in evidence.tickets:
        files |= _raw(ticket)
    return files


def _readable(evidence: RecordEvidence, content: Row) -> Row:
    """Return what the page and the PDF show."""
    return {
        "name": evidence.name,
        "title": title_of(evidence),
        "about": about(evidence, __version__),
        "missing": content["missing"],
        "sections": sections_of(evidence, content),
    }


def _content(evidence: RecordEvidence) -> Row:
    """Return the evidence as plain data, without raw bodies."""
    return {
        "capa_sync": __version__,
        "record": evidence.name,
        "as_of": evidence.as_of,
        "missing": [*evidence.missing, *(f"{t.name}: {what}" for t in evidence.tickets for what in t.missing)],
        "register": evidence.register,
        "fields": evidence.fields,
        "verdicts": evidence.verdicts,
        "verdicts_over_time": evidence.past,
        "findings": evidence.findings,
        "actions": evidence.actions,
        "waivers": evidence.waivers,
        "writes": evidence.writes,
        "tickets": [_ticket(ticket) for ticket in evidence.tickets],
        "timeline": timeline_of(evidence),
        "about": evidence.about,
    }


def _in_runs(sections: Iterable[PackSection]) -> Iterator[Row]:
    """Yield the sections as the PDF has them, and whether each begins a page."""
    before = 0
    for section in sections:
        rows = len(section.rows or ())
        begins = before > 0 and (before + rows > _ROWS_OF_A_RUN or _is_heading_alone(section))
        before = rows if begins else before + rows
        yield _printed(section) | {"begins_page": begins}


def _is_heading_alone(section: PackSection) -> bool:
    return section.level == 2 and section.rows is None  # its tables follow, in sections of their own


def _printed(section: PackSection) -> Row:
    """Return a section as the PDF has it: of a very long table its end, which takes a second for 1,000 rows."""
    printed = section._asdict()
    if section.rows is None:
        return printed
    if len(section.rows) > _PRINTED:
        what = f"The last {_PRINTED} of {len(section.rows)} rows; index.html and evidence.json have all."
        printed["says"] = (*section.says, what)
    named = 0 if section.columns else 1
    rows = section.rows[-_PRINTED:]
    return printed | {"rows": [[*row[:named], *map(_printable, row[named:])] for row in rows]}


def _printable(cell: Any) -> Any:
    """Return a cell as the PDF takes it: a text whole up to a length, one with a long word in a list.

    Only the words of a text in a list are looked at one by one, which takes time.
    """
    if isinstance(cell, str) and len(cell) > LONGEST_PRINTED:
        cell = redacted(cell)  # before the cut, which may go through a secret
        rest = max(len(cell) - LONGEST_PRINTED, 0)
        cell = f"{cell[:LONGEST_PRINTED]}… [{rest} more characters; index.html and evidence.json have all]"
    is_long = isinstance(cell, str) and any(len(word.encode()) > _LONGEST_WORD for word in cell.split(" "))
    return [cell] if is_long else cell


def _ticket(ticket: TicketEvidence) -> Row:
    plain = asdict(ticket)
    plain["raw"] = sorted(_raw(ticket))
    plain["versions"] = [
        {name: value for name, value in version._asdict().items() if name != "body"} for version in ticket.versions
    ]
    return plain


def _raw(ticket: TicketEvidence) -> dict[str, bytes]:
    """Return the raw payloads by file name: the newest whole parts, and each version as it was stored."""
    folder = f"raw/{_safe(ticket.name)}"
    files = {f"{folder}/{_safe(kind)}.json": _payload(body) for kind, body in ticket.raw.items()}
    for version in ticket.versions:
        name = f"{folder}/versions/{_safe(version.kind)}-{version.version:04d}.json"
        files[name] = _payload(version.body)
    return files


def _payload(body: bytes) -> bytes:
    return escaped(redacted(body.decode("utf-8", "replace"))).encode("utf-8")


def _json(content: Any) -> bytes:
    text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z, default=str).decode()
    return escaped(redacted(f"{text}\n")).encode("utf-8")


def _safe(name: str) -> str:
    return "".join(letter if letter in _SAFE else "-" for letter in name).strip(".") or "ticket"
