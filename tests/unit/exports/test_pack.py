"""The evidence pack of one record as files: what a page and a PDF show of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import typst
from jinja2 import DictLoader

from capa_sync.errors import UserError
from capa_sync.exports import RecordEvidence, TicketEvidence
from capa_sync.exports.pack import write_pack

HOSTILE = '<script>alert(1)</script> #panic("x") $x$ `y` *z* \u202e'


def evidence() -> RecordEvidence:
    """Return the evidence of a ticket whose comments are hostile."""
    ticket = TicketEvidence(
        "record", {"source": "jira", "ticket_key": "C-1", "ticket_id": "1", "presence": "present"}
    )
    ticket.comments = [
        {
            "at": f"2026-06-0{day}T10:00:00+00:00",
            "by": "anna",
            "by_name": "Anna Lee",
            "text": f"{HOSTILE} {day}",
            "internal": False,
        }
        for day in (1, 2, 3)
    ]
    about = {"register": "r", "chain_head": "1:ab"}
    return RecordEvidence(None, {}, [], [], [], [], [], [ticket], about, ["the row of the register: not evaluated"])


def packed(file: Path) -> dict[str, bytes]:
    """Write the pack; return its files."""
    write_pack(file, evidence())
    with ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_without_typst_a_pack_has_no_pdf_and_names_it_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the JSON and on the page, with the command that installs it; all else is there."""
    monkeypatch.setitem(sys.modules, "typst", None)
    files = packed(tmp_path / "a.zip")
    assert "evidence.pdf" not in files
    missing = json.loads(files["evidence.json"])["missing"]
    assert missing[1] == "evidence.pdf: it needs the library typst; `python -m pip install 'capa-sync[report]'`"
    assert "evidence.pdf: it needs" in files["index.html"].decode()


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ({"pack.html": "\n{% if %}"}, r"templates/pack\.html:2: this template has a mistake: Expected an expression"),
        ({"pack.html": "{{ nobody }}"}, r"templates/pack\.html: this template has a mistake: 'nobody' is undefined"),
        (b"#nobody", r"templates/pack\.typ: this template has a mistake: unknown variable: nobody"),
    ],
)
def test_a_template_that_was_edited_wrongly_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: dict[str, str] | bytes, says: str
) -> None:
    """It names the file and what is wrong in it, and nothing is written."""
    if isinstance(mistake, bytes):
        compile_pdf = typst.compile
        monkeypatch.setattr(typst, "compile", lambda _template, **options: compile_pdf(mistake, **options))
    else:
        monkeypatch.setattr("capa_sync.exports.html.PackageLoader", lambda _package: DictLoader(mistake))
    with pytest.raises(UserError, match=says) as refused:
        write_pack(tmp_path / "a.zip", evidence())
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_pdf_has_the_end_of_a_very_long_table_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of tickets are data for it; the page has all rows."""
    monkeypatch.setattr("capa_sync.exports.pack._PRINTED", 2)
    given: list[dict[str, Any]] = []
    compile_pdf = typst.compile

    def compiled(template: bytes, **options: Any) -> Any:
        given.append(json.loads(options["sys_inputs"]["pack"]))
        return compile_pdf(template, **options)

    monkeypatch.setattr(typst, "compile", compiled)
    files = packed(tmp_path / "a.zip")
    (timeline,) = [section for section in given[0]["sections"] if section["heading"] == "Timeline"]
    assert timeline["says"] == ["The last 2 of 3 rows; index.html and evidence.json have all."]
    assert [row[-1] for row in timeline["rows"]] == [f"{HOSTILE[:-1]} {day}" for day in (2, 3)]
    assert files["evidence.pdf"].startswith(b"%PDF-")
    page = files["index.html"].decode()
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; #panic") == 3
    assert "<script" not in page


def test_a_reason_follows_the_title_as_a_sentence_of_its_own(tmp_path: Path) -> None:
    """A verdict without a message says its title, a full stop, and why."""
    found = evidence()
    found.verdicts = [
        {
            "rule": "rca-method",
            "clause": "ISO 27001 10.2 b",
            "title": "It is recorded how the cause was found",
            "outcome": "not_applicable",
            "message": "",
            "reason": "not 'stage: at least analysed'",
            "evidence": [],
        }
    ]
    write_pack(tmp_path / "a.zip", found)
    with ZipFile(tmp_path / "a.zip") as archive:
        page = archive.read("index.html").decode()
    assert "It is recorded how the cause was found. Because: not &#39;stage: at least analysed&#39;" in page
