"""The figures of the management review over 24 months, computed by hand, and the report as a page and as PDF."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typst

from capa_sync.errors import UserError
from capa_sync.exports.report import report_format, write_report
from capa_sync.model.catalogue import SOURCES
from capa_sync.model.register_check import CheckName, CheckResult, RegisterCheckState
from capa_sync.model.review import Review, ReviewPeriod, ReviewRecord, ReviewSection
from capa_sync.register.review import ReviewInput, WaivedRule, review_of
from capa_sync.register.review_figures import figures, flow

PERIOD = ReviewPeriod(
    date(2024, 1, 1),
    date(2025, 12, 31),
    "UTC",
    datetime(2024, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
)
HOSTILE = "<script>alert(1)</script> #panic(1) $x$ `y` *z* \u202e"


def record(number: int, begun: datetime, **other: Any) -> ReviewRecord:
    """Return a record that is open, without a date or a verdict, unless `other` says so."""
    facts: dict[str, Any] = {
        "source": "jira", "name": f"jira:C-{number}", "key": f"C-{number}", "title": f"Finding {number}",
        "track": "nonconformity", "grade": "minor", "origin": "internal_audit", "owner": "Anna Lee",
        "is_confidential": False, "begun": begun, "contained": None, "caused": None, "implemented": None, "moves": (),
        "side": False, "first_due": None, "due": None, "results": (), "repeats": (), "broken": frozenset(),
        "unknown": frozenset(), "decided": frozenset({"root-cause-substantive"}),
    }  # fmt: skip
    return ReviewRecord(**facts | other)


def two_years() -> list[ReviewRecord]:
    """Return one record found on the first of each month.

    Those of even months (February is 2) end after 60 days, implemented after 40; each has a due date, set first, 50
    days after it was found in 2024, and 30 days after it in 2025. Every sixth one is reopened ten days after its end.
    Three have dates of their own: number 4 is due after 65 days, number 8 until the instant at which it ends, and the
    due date of number 16 was moved from 30 to 90 days.
    """
    found = []
    for number in range(1, 25):
        begun = datetime(2024 + (number - 1) // 12, (number - 1) % 12 + 1, 1, 9, tzinfo=UTC)
        after = lambda days, begun=begun: begun + timedelta(days=days)  # noqa: E731 - of this month
        first = after({4: 65, 8: 60}.get(number, 50 if number <= 12 else 30))
        due = after(90) if number == 16 else first
        other: dict[str, Any] = {"contained": after(2), "first_due": first, "due": due}
        if number % 2 == 0:
            moves = [(after(60), True)] + ([(after(70), False)] if number % 6 == 0 else [])
            moves = [move for move in moves if move[0] <= PERIOD.at]
            results = ((after(59), "effective" if number % 4 == 0 else "partly"),)
            other |= {"caused": after(7), "implemented": after(40), "moves": tuple(moves), "results": results}
            other["broken"] = frozenset({"root-cause-substantive"} if number == 2 else ())
        if number == 23:
            other |= {"origin": "external_audit", "repeats": ("C-14", "C-16"), "grade": "major"}
        found.append(record(number, begun, **other))
    return found


FIGURES = {
    # 24 of 24 are corrected, all after 2 days
    "Time to contain": "median 2, p90 2 days (n=24)",
    # the even ones after 7 days, but that of December 2025 (number 24) too: 8 December
    "Time to the cause": "median 7, p90 7 days (n=12); 12 not yet, the oldest 730 days",
    # number 24 would be implemented on 10 January 2026, which is not in the period
    "Time to implement (MTTR)": "median 40, p90 40 days (n=11); 12 not yet, the oldest 730 days",
    # of 11 that ended, numbers 6, 12 and 18 were opened again and have not ended
    "Time to close": "median 60, p90 60 days (n=8); 16 not yet, the oldest 730 days",
    # closed and not opened again: 2, 4, 8, 10, 14, 16, 20 and 22, all after 60 days. Number 4 had 65 of them; the
    # last day of number 8 was over, and number 16 had 30 when its date was first set
    "On-time rate": "13 % (1 of 8)",
    # in 2024 six of six within 50 days or more, in 2025 none of five within 30
    "Implemented on time": "55 % (6 of 11)",
    # open: the 12 odd ones, 6, 12, 18 and 24. Late: the odd ones, of which the last is due on 1 December, and 24,
    # which is due on 31 December; 6, 12 and 18 are implemented
    "Overdue rate": "81 % (13 of 16)",
    # effective: numbers 4, 8, 12, 16, 20; number 24 is reviewed in 2026
    "First-time effective": "45 % (5 of 11)",
    # closed as effective in 2025: 16 (29 June) and 20 (30 September); 12 was opened again; 23 repeats 16
    "Recurrence, 12 months": "50 % (1 of 2)",
    "Reopen rate": "27 % (3 of 11)",
    # 12 have a cause that was judged, one of them is weak
    "Cause quality": "92 % (11 of 12)",
    "Self-found share": "96 % (23 of 24)",
}


def test_the_figures_of_two_years_are_those_computed_by_hand() -> None:
    """Each value beside its formula; rejected records count nowhere."""
    rejected = record(99, PERIOD.start, side=True, moves=((PERIOD.start, True),))
    found = {name: value for name, value, _ in figures([*two_years(), rejected], PERIOD)}
    assert found == FIGURES
    assert all(formula for _, _, formula in figures(two_years(), PERIOD))
    assert {value for _, value, _ in figures([], PERIOD)} == {"no case"}


def test_the_months_reconcile() -> None:
    """Open at the end is open at the start, and found, and reopened, less ended; the last twelve are shown."""
    months = flow(two_years(), PERIOD)
    assert [month[0] for month in months] == [f"2025-{number:02d}" for number in range(1, 13)]
    assert all(start + found + again - ended == end for _, start, found, again, ended, end in months)
    assert all(before[5] == after[1] for before, after in pairwise(months))
    # at the end of 2024 open: the six odd ones, 6 (reopened), 12; number 10 ended on 30 November
    assert months[0] == ("2025-01", 8, 1, 0, 1, 8)  # number 12 ends on 30 January
    assert months[1] == ("2025-02", 8, 1, 1, 0, 10)  # and is opened again on 9 February
    assert sum(month[2] for month in months) == 12


def report(**other: Any) -> Review:
    """Return the review of the two years, with hostile text in a ticket."""
    hostile = record(
        77, PERIOD.start, title=HOSTILE, due=PERIOD.start, is_confidential=True, repeats=(HOSTILE,), owner=HOSTILE
    )
    check = CheckResult(CheckName.WAIVERS, RegisterCheckState.RAISED, HOSTILE)
    waiver = WaivedRule("jira:C-1", "rca-method", "2026-02-01", "mara.roy", "nobody", is_over=False)
    waivers = [waiver, waiver._replace(name="jira:C-77", asked_by=HOSTILE, approved_by=HOSTILE)]
    records = other.pop("records", [*two_years(), hostile])
    return review_of(ReviewInput(records, waivers, [check], ["jira: a gap."], ["As of then."], **other), PERIOD)


def test_the_sections_follow_the_letters_of_the_clause_whatever_the_order_of_the_records() -> None:
    """Equal input gives an equal report."""
    letters = [section.letter for section in report().sections if section.letter]
    assert letters == ["a)", "b, c)", "d 1)", "d 2)", "d 3)", "d 4)", "e)", "f)", "g)", "9.3.3"]
    assert report(records=two_years()) == report(records=two_years()[::-1])
    late = next(table for table in report().sections[2].tables if table.caption == "Longest late")
    assert [row[0] for row in late.rows] == ["jira:C-77", "jira:C-1", "jira:C-3", "jira:C-5", "jira:C-7"]
    assert late.rows[1][3:] == ["Anna Lee", "2024-02-20", "680"]
    masked = report(is_masked=True)
    rows = masked.sections[2].tables[2].rows
    assert (rows[0][1], rows[0][3], rows[1][1]) == ("restricted", "restricted", "Finding 1")
    (waived,) = [table for section in masked.sections for table in section.tables if "Waivers" in table.caption]
    assert [row[3:] for row in waived.rows] == [["mara.roy", "nobody"], ["restricted", "restricted"]]
    everything = [
        cell for section in masked.sections for table in section.tables for row in table.rows for cell in row
    ]
    assert everything.count(HOSTILE) == 1, "what a check says, and nothing of the confidential record"


def section(review: Review, letter: str) -> ReviewSection:
    """Return the section of a letter."""
    return next(found for found in review.sections if found.letter == letter)


def test_every_record_is_in_a_table_by_origin_or_in_the_number_of_those_that_are_in_none() -> None:
    """Whatever origin and track: d counts nonconformities, e and f all, and each says so; nothing is left unsaid."""
    tracks = ("nonconformity", "improvement", "preventive", "observation", "")
    origins = (*SOURCES, "", HOSTILE)
    pairs = [(track, origin) for track in tracks for origin in origins]
    records = [
        record(number, PERIOD.start, track=track, origin=origin) for number, (track, origin) in enumerate(pairs)
    ]
    shown = report(records=records)
    tables = {letter: section(shown, letter).tables for letter in ("d 2)", "d 3)", "d 4)", "e)", "f)")}
    in_tables = {letter: sum(int(row[1]) for table in own for row in table.rows) for letter, own in tables.items()}
    # of nonconformities five, two and one origins; of all five tracks four and one
    assert in_tables == {"d 2)": 5, "d 3)": 2, "d 4)": 1, "e)": 20, "f)": 5}
    assert [row[:2] for row in tables["f)"][0].rows] == [["risk review", "5"]]
    *_, untold = section(shown, "f)").says
    # 18 origins of five tracks are 90 records, 33 of them in the tables
    assert untold.startswith("57 records in none of the tables by origin of d to f: ")
    assert untold.endswith(
        "improvement (not counted in d) 13, nonconformity from best practice 1, nonconformity from elsewhere 1, "
        "nonconformity from management review 1, nonconformity from other 1, nonconformity without an origin 1, "
        "observation (not counted in d) 13, preventive (not counted in d) 13, without a track 13."
    )
    captions = {letter: own[0].caption for letter, own in tables.items()}
    everything = "Nonconformities, improvements and all others by origin"
    assert captions == dict.fromkeys(("d 2)", "d 3)", "d 4)"), "Nonconformities by origin") | dict.fromkeys(
        ("e)", "f)"), everything
    )
    assert section(report(records=records[:1]), "f)").says[-1] == "No record comes from a risk review."


def test_texts_of_tickets_stay_texts_and_equal_reviews_give_equal_bytes_in_two_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the page no element, in the PDF no markup; one more than the fullest lists still has two pages."""
    files = [tmp_path / name for name in ("a.html", "b.html", "a.pdf", "b.pdf")]
    for file in files:
        write_report(file, report())
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[2].read_bytes() == files[3].read_bytes()
    text = files[0].read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; #panic(1)" in text
    assert "<script" not in text
    assert "\u202e" not in text
    assert "median 40, p90 40 days" in text
    pages: list[Any] = []
    compile_pdf = typst.compile
    monkeypatch.setattr(
        typst,
        "compile",
        lambda *template, **given: pages.append(compile_pdf(*template, **given | {"format": "png"})) or b"",
    )
    monkeypatch.setattr(Path, "write_bytes", lambda _file, _body: 0)
    hostile = record(77, PERIOD.start, title=HOSTILE, due=PERIOD.start, repeats=(HOSTILE,), owner=HOSTILE)
    tracks = ("nonconformity", "improvement", "preventive", "observation")
    pairs = [(track, origin) for track in tracks for origin in (*SOURCES, "")]
    of_all_origins = [
        record(100 + number, PERIOD.start, track=track, origin=origin) for number, (track, origin) in enumerate(pairs)
    ]
    write_report(tmp_path / "c.pdf", report())
    write_report(tmp_path / "d.pdf", report(records=[*two_years(), hostile, *of_all_origins]))
    assert [len(found) for found in pages] == [2, 2]


def test_another_ending_and_an_absent_library_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file is written."""
    with pytest.raises(UserError, match=r"end the name with \.html or \.pdf"):
        write_report(tmp_path / "a.docx", report())
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    with pytest.raises(UserError, match=r"capa-sync\[report\]"):
        write_report(tmp_path / "a.pdf", report())
    with pytest.raises(UserError, match=r"capa-sync\[report\]"):
        report_format(tmp_path / "a.pdf")  # asked before the records are read, which takes long
    assert list(tmp_path.iterdir()) == []


def test_a_month_that_has_not_begun_has_no_numbers() -> None:
    """A period that is not over ends with the month of what is known; nobody reads a zero for December."""
    period = replace(PERIOD, at=datetime(2025, 11, 28, 15, tzinfo=UTC))
    months = flow([record(1, datetime(2025, 11, 3, tzinfo=UTC))], period)
    assert months[-1] == ("2025-11", 0, 1, 0, 0, 1)
    at_once = replace(PERIOD, at=datetime(2025, 12, 1, tzinfo=UTC))
    assert [name for name, *_ in flow([], at_once)][-1] == "2025-12"
