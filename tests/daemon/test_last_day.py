"""The last day of a waiver is the same day in every place where a person reads it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import requests
from openpyxl import load_workbook

from capa_sync.cli.page import page_options
from capa_sync.model.clock import FileClock
from capa_sync.settings import load_settings
from capa_sync.web import serve_register
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import Harness
from tests.patience import PATIENCE

RULE = "root-cause-before-action"
DAY = "2026-06-26"
RIGHT = ("2026-06-26", "26 Jun 2026", "26 June 2026")
WRONG = ("2026-06-27", "27 Jun 2026", "27 June 2026", "2026-06-26T23:00", "2026-06-26 23:00")
REASON = "The supplier delivers the cause with its own report in June"
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)")
PAGES = ("today", "record")
FILES = ("pack", "html", "xlsx", "csv", "report")
LINES = ("comment", "digest", "waivers", "explain")


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """A ticket with a finding that is waived until a day in summer, when London is an hour before UTC."""
    target = 'rules_live = "on_save"\ndigest.targets.team.url_env = "TEAM_HOOK"'
    made = shared_harness("servicenow", rules=(RULE,), settings=target)
    made.env["TEAM_HOOK"] = "json://127.0.0.1:9/x"
    key = made.create_broken("servicenow")
    made.sync()
    names = ("--by", "mara.roy", "--approved-by", "priya.nair")
    done = made.run("waive", key, RULE, "--until", DAY, "--because", REASON, *names)
    assert (done.code, f"until {DAY}" in done.out) == (0, True), done.err
    made.sync()
    return made


@pytest.fixture(scope="module")
def places(harness: Harness) -> dict[str, str]:
    """Return every place that shows the end of the waiver, with its text."""
    return {**dict(pages_of(harness)), **dict(files_of(harness)), **dict(lines_of(harness))}


def pages_of(harness: Harness) -> Iterator[tuple[str, str]]:
    """Yield the pages."""
    clock = FileClock(harness.folder / "clock")
    options = page_options(load_settings(harness.file, {}), harness.file, clock)
    site = serve_register(harness.register_file, "127.0.0.1:0", options)
    ticket = urlencode({"source": "servicenow", "ticket": harness.sys_id("broken")})
    for name, path in (("today", ""), ("record", f"record?{ticket}")):
        yield name, readable(requests.get(site.url + path, timeout=PATIENCE).text)
    site.stop()


def files_of(harness: Harness) -> Iterator[tuple[str, str]]:
    """Yield what people take away."""
    key, folder = harness.key("servicenow", "broken"), harness.folder
    asked = {
        "pack": ("pack", key, "--output", f"{folder / 'pack'}"),
        "html": ("export", f"{folder / 'html'}", "--format", "html"),
        "xlsx": ("export", f"{folder / 'all.xlsx'}"),
        "csv": ("export", f"{folder / 'csv'}", "--format", "csv", "--table", "waivers"),
        "report": ("report", f"{folder / 'report.html'}", "--from", "2026-06-01", "--to", "2026-06-15"),
    }
    for words in asked.values():
        done = harness.run("register", *words)
        assert done.code == 0, done.err
    with zipfile.ZipFile(folder / "pack") as pack:
        yield "pack", readable(pack.read("index.html").decode())
    yield "html", readable((folder / "html").read_text(encoding="utf-8"))
    book = load_workbook(folder / "all.xlsx", read_only=True)
    yield "xlsx", "\n".join(f"{cell}" for page in book for row in page.iter_rows(values_only=True) for cell in row)
    yield "csv", (folder / "csv").read_text(encoding="utf-8")
    yield "report", readable((folder / "report.html").read_text(encoding="utf-8"))


def lines_of(harness: Harness) -> Iterator[tuple[str, str]]:
    """Yield the text on the ticket, and what verbs print."""
    key = harness.key("servicenow", "broken")
    yield "comment", str(harness.picture("servicenow", "broken")["text"])
    for name, words in {
        "digest": ("digest", "--dry-run"),
        "waivers": ("waivers",),
        "explain": ("explain", key),
    }.items():
        done = harness.run(*words)
        assert done.code == 0, done.err
        yield name, done.out


def readable(page: str) -> str:
    """Return what a person reads of a page: no tags, so no exact instant that is shown on hover."""
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())


@pytest.mark.parametrize("place", [*PAGES, *FILES, *LINES])
def test_a_place_shows_the_last_day_and_not_the_one_after_it(places: dict[str, str], place: str) -> None:
    """The waiver is stored by the instant after that day, which nobody reads."""
    assert any(form in places[place] for form in RIGHT), places[place]
    assert [form for form in WRONG if form in places[place]] == []


@pytest.mark.parametrize("place", ["record", "pack", "html"])
def test_what_people_read_has_local_times_and_no_raw_instant(places: dict[str, str], place: str) -> None:
    """The ticket was judged at 09:00 UTC, which is 10:00 in London; the exact instants are in the JSON."""
    assert INSTANT.search(places[place]) is None
    assert "15 Jun 2026, 10:00" in places[place]
    assert "Europe/London" in places[place]


def test_today_counts_the_days_to_the_last_day(places: dict[str, str]) -> None:
    """Its last day is eleven days from the fifteenth."""
    assert "26 Jun 2026 · in 11 days" in places["today"]
