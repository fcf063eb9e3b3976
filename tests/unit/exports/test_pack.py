"""The evidence pack of one record as files: what a page and a PDF show of it."""

from __future__ import annotations

import json
import shutil
import sys
from html import unescape
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import typst
from jinja2 import DictLoader, FileSystemLoader

from capa_sync.errors import UserError
from capa_sync.exports import RecordEvidence, TicketEvidence, html
from capa_sync.exports.pack import LONGEST_PRINTED, write_pack
from capa_sync.exports.readers_pack import for_reader
from capa_sync.exports.timeline import timeline_of
from tests.pdf_text import pdf_text

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
            "id": f"{day}",
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
        (
            {"pack.html": "\n{{ nobody }}"},
            r"templates/pack\.html:2: this template has a mistake: 'nobody' is undefined",
        ),
        (
            {"pack.html": "\n\n{{ 1 + 'a' }}"},
            r"templates/pack\.html:3: this template has a mistake: unsupported operand",
        ),
        (
            {"pack.html": "{% include 'style.css' %}"},
            r"templates/style\.css: this template has a mistake: it is not there",
        ),
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
        monkeypatch.setattr("jinja2.PackageLoader", lambda _package: DictLoader(mistake))
    with pytest.raises(UserError, match=says) as refused:
        write_pack(tmp_path / "a.zip", evidence())
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a copy of the templates that the pages are made from."""
    copy = tmp_path / "installed" / "templates"
    shutil.copytree(Path(html.__file__).parent / "templates", copy)
    monkeypatch.setattr("jinja2.PackageLoader", lambda _package: FileSystemLoader(copy))
    return copy


@pytest.mark.parametrize(
    ("name", "says"),
    [("pack.html", r"templates/pack\.html: .*"), ("style.css", r"templates/pack\.html: .*a file that it includes")],
)
def test_a_template_that_was_saved_in_another_encoding_is_one_line(edited: Path, name: str, says: str) -> None:
    """As an editor of an old Windows saves it."""
    place = edited / name
    place.write_bytes(place.read_bytes() + "/* Größe */".encode("cp1252"))
    with pytest.raises(UserError, match=rf"{says}.*is no UTF-8 text: .*; if it was edited") as refused:
        write_pack(edited / "a.zip", evidence())
    assert "\n" not in str(refused.value)
    assert not (edited / "a.zip").exists()


def test_a_mistake_in_a_file_that_a_template_includes_is_told_of_that_file(edited: Path) -> None:
    """File and line are those of the mistake."""
    (edited / "base.html").write_text("a\n{{ what.was.it }}\n", "utf-8")
    with pytest.raises(UserError, match=r"templates/base\.html:2: this template has a mistake: 'what' is undefined"):
        write_pack(edited / "a.zip", evidence())
    (edited / "base.html").write_text("a\n\n{% if %}\n", "utf-8")
    with pytest.raises(UserError, match=r"templates/base\.html:3: this template has a mistake: Expected an expr"):
        write_pack(edited / "a.zip", evidence())


def test_an_error_that_is_none_of_a_template_stays_what_it_is(tmp_path: Path) -> None:
    """What shows a value may fail for another reason; nobody is told to install again."""

    class Broken:
        """A value that cannot be shown."""

        def __str__(self) -> str:
            """Fail."""
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), html.template("pack.html") as page:
        page.render(title=Broken(), about={}, missing=[], sections=[])


def test_the_timeline_names_who_made_the_ticket(tmp_path: Path) -> None:
    """By the entry of the tracker's own creation; where it has none, nobody is named."""
    found = evidence()
    found.tickets[0].ticket["created_at"] = "2026-05-01T09:00:00Z"
    assert timeline_of(found)[0]["who"] == ""
    found.tickets[0].changes = [BIRTH | {"field": "Title", "to_value": "x", "changed_at": "2026-05-01T09:00:00Z"}]
    assert (timeline_of(found)[0]["kind"], timeline_of(found)[0]["who"]) == ("created", "Anna Lee")


def test_every_write_in_the_timeline_says_what_was_written() -> None:
    """Its text, its labels, its fields, or else its kind: the property has nothing to read in it."""
    found, at = evidence(), "2026-06-09T10:00:00Z"
    given = [{"text": "one"}, {"labels_add": ["a"], "labels_remove": ["b"]}, {"fields": {"u_state": "open"}}, {}]
    found.writes = [{"kind": "property", "delivered_at": at, "text": ""} | content for content in given]
    said = [event["what"] for event in timeline_of(found) if event["kind"] == "written: property"]
    assert said == ["one", "+a, -b", "u_state", "the property of capa-sync"]


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
    assert [row[-1] for row in timeline["rows"]] == [[f"{HOSTILE[:-1]} {day}"] for day in (2, 3)]
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


def field_row(name: str, text: str, **other: Any) -> dict[str, Any]:
    """Return a field of the record as `evidence_fields` describes it."""
    unset = {"how": "", "set_at": None, "set_by": "", "entry": "", "of_action": False}
    return {
        "field": name,
        "title": name.capitalize(),
        "label": "",
        "state": "filled",
        "value": text,
        "text": text,
        "reason": "",
    } | (unset | other)


def written(file: Path, found: RecordEvidence) -> tuple[str, str, dict[str, Any]]:
    """Write a pack; return what its page and its PDF say, and its JSON."""
    write_pack(file, found)
    with ZipFile(file) as archive:
        page = unescape(archive.read("index.html").decode())
        return page, pdf_text(archive.read("evidence.pdf")), json.loads(archive.read("evidence.json"))


def test_a_long_text_is_whole_on_the_page_and_on_paper_up_to_a_length_with_a_note(tmp_path: Path) -> None:
    """Every file says where the rest is; what is as long as the limit is whole everywhere."""
    found, most = evidence(), "abcd efgh " * (LONGEST_PRINTED // 10)
    found.fields = [field_row("description", f"{most}ends here"), field_row("impact", most.strip())]
    page, printed, plain = written(tmp_path / "a.zip", found)
    assert f"{most}ends here" in page
    assert plain["fields"][0]["text"] == f"{most}ends here"
    shown = "".join(most.split())
    printed = printed.replace("FieldWhatitsaysLastset", "").replace(
        "notknown", ""
    )  # the head on each page, a cell beside
    assert f"{shown}…[9morecharacters;index.htmlandevidence.jsonhaveall]" in printed
    assert printed.count(shown) == 2
    assert "endshere" not in printed


def test_a_hostile_text_of_a_field_is_data_in_every_file(tmp_path: Path) -> None:
    """Markup of the page and of the printer is read as text."""
    found = evidence()
    found.tickets[0].comments = []
    found.fields = [field_row("description", f"{HOSTILE} {'x' * 500}")]
    page, printed, _plain = written(tmp_path / "a.zip", found)
    assert f"{HOSTILE[:-1]} {'x' * 500}" in page
    assert f'<script>alert(1)</script>#panic("x")$x$`y`*z*{"x" * 500}' in printed


def test_a_record_that_could_not_be_mapped_says_so_where_its_fields_would_be(tmp_path: Path) -> None:
    """The section stays, so that nobody looks for it."""
    page, printed, plain = written(tmp_path / "a.zip", evidence())
    assert "What the record says" in page
    assert "Nothing:whatismissinginthispacksayswhy." in printed
    assert plain["fields"] == []


BIRTH = {"origin": "birth", "changed_by": "anna", "changed_by_name": "Anna Lee", "from_value": ""}


@pytest.mark.parametrize(("complete", "kind"), [(1, "created"), (0, "first known")])
def test_the_values_at_the_creation_are_in_the_timeline(tmp_path: Path, complete: int, kind: str) -> None:
    """Below the creation, each whole; of a history that begins late they are the first known ones."""
    found = evidence()
    found.tickets[0].ticket |= {"created_at": "2026-05-01T09:00:00Z", "history_complete": complete}
    found.tickets[0].changes = [
        BIRTH | {"field": "Description", "to_value": "The review\nwas missed", "changed_at": "2026-05-01T09:00:00Z"},
        BIRTH | {"field": "Occurred", "to_value": "2026-04-01T09:00:00Z", "changed_at": "2026-05-01T09:00:00Z"},
    ]
    first = timeline_of(found)[:3]
    assert [(event["kind"], event["who"], event["what"]) for event in first] == [
        ("created", "Anna Lee", "the ticket was created"),
        (kind, "Anna Lee", "Description: “The review\nwas missed”"),
        (kind, "Anna Lee", "Occurred: “2026-04-01T09:00:00Z”"),
    ]
    page, printed, _plain = written(tmp_path / "a.zip", found)
    assert "Description: “The review\nwas missed”" in page
    assert "Occurred: “1 Apr 2026, 09:00:00”" in page
    assert "Description:“Thereviewwasmissed”" in printed


def test_what_was_changed_after_closure_has_a_section_of_a_closed_record(tmp_path: Path) -> None:
    """Changes and comments after it; what was saved with it is none; one that is open has no such section."""
    found = evidence()
    page, *_ = written(tmp_path / "a.zip", found)
    assert "Changes after closure" not in page
    found.register = {"register_no": "NC-2026-0001", "title": "Review", "closed_at": "2026-06-02T10:00:00Z"}
    page, printed, _plain = written(tmp_path / "b.zip", found)
    section = page.partition("Changes after closure")[2].partition("<h2>")[0]
    assert [day for day in (1, 2, 3) if f"*z*  {day}" in section or f"*z* {day}" in section] == [3]
    assert "Changesafterclosure" in printed


@pytest.mark.parametrize(("confidential", "shown"), [("no", "Zebrafinch"), ("yes", "restricted")])
def test_a_reader_gets_no_field_that_the_ticket_of_a_confidential_action_holds(confidential: str, shown: str) -> None:
    """Nor who set it; the record's own fields stay."""
    found, texts = evidence(), ("action_id", "text", "owner", "evidence")
    found.register = {"confidential": "no"}
    found.actions = [dict.fromkeys(texts, "x") | {"confidential": confidential}]
    kept = field_row("effectiveness_note", "Zebrafinch", set_by="S. Adeyemi", of_action=True)
    found.fields = [field_row("description", "The review was missed"), kept]
    own, of_action = for_reader(found, {}).fields
    assert own["text"] == "The review was missed"
    assert (of_action["text"], of_action["value"]) == (shown, shown)
    assert (of_action["set_by"] == "S. Adeyemi") == (confidential == "no")


def test_a_reader_gets_no_field_that_names_a_hidden_ticket() -> None:
    """Whatever stands beside the name."""
    found = evidence()
    found.register = {"confidential": "no"}
    found.fields = [field_row("impact", "As C-9 says: Zebrawood"), field_row("location", "Finance")]
    assert [row["text"] for row in for_reader(found, {"C-9": "jira:C-9"}).fields] == ["restricted", "Finance"]
