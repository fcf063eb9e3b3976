"""The register's list: its filters survive the form, say what they do not know, and search as people write."""

from __future__ import annotations

import html
import re
import time
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

from capa_sync.errors import Problem, RuleFileError
from capa_sync.model.page import PageOptions, RuleWords
from capa_sync.store import open_register
from capa_sync.web import RegisterPage, serve_register
from capa_sync.web.filters import FILTERS
from capa_sync.web.search import folded
from tests.patience import PATIENCE
from tests.unit.store.fake_parser import SOURCE, T0
from tests.unit.web.world import OTHER, ZONE, build_world
from tests.unit.writeback.harness import ManualClock

DECOMPOSED = unicodedata.normalize("NFD", "Größe")
FOREIGN = {
    "f1": {"title": "Prüfung in ŁÓDŹ versäumt", "root_cause": "Straße gesperrt"},
    "f2": {"title": f"{DECOMPOSED} des Ｌagers", "owner": "ИВАНОВ"},
}
LIVE = (RuleWords("extent-considered", 7, "Extent", "ISO 27001 10.2 b 3", "warn", "low", (), (), 1),)
VALUES = {
    "q": "access", "stage": "none", "evidenced": "closed", "owner": "none", "source": OTHER, "grade": "ofi",
    "rule": "extent-considered", "clause": "ISO 27001 10.2 b 3", "finding": "waived", "warning": "high",
    "due": "overdue", "gap": "yes", "state": "open", "age": "91-180",
}  # fmt: skip
"""A value of each filter; the others take a month."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterPage]:
    """Serve the register with two further records, whose texts are not ASCII."""
    path = tmp_path_factory.mktemp("filters") / "register.db"
    build_world(path)
    with open_register(path, clock_now=T0) as register:
        for number, columns in FOREIGN.items():
            register.records.save_row(SOURCE, number, {"ticket_key": number, "confidential": "no", **columns})
    options = PageOptions(ZONE, ManualClock(T0 + timedelta(minutes=2)), rules=lambda: LIVE)
    running = serve_register(path, "127.0.0.1:0", options)
    yield running
    running.stop()


def page_of(world: RegisterPage, **given: object) -> str:
    """Return the list of a link's filters."""
    answer = requests.get(f"{world.url}records?{urlencode(given, doseq=True)}", timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.text


def text_of(page: str) -> str:
    """Return a page's text as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def keys_of(page: str) -> list[str]:
    """Return the keys of the listed records."""
    return re.findall(r'scope="row"[^>]*><a [^>]*>(.*?)</a>', page)


def sent_by(page: str) -> dict[str, str]:
    """Return what the form sends when nothing in it is changed."""
    (form,) = re.findall(r'<form class="filters".*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'<input type="(?:hidden|search)" name="(\w+)" value="([^"]*)"', form))
    for name, choices in re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.DOTALL):
        fields[name] = "".join(re.findall(r'<option value="([^"]*)" selected', choices))
    return {name: html.unescape(value) for name, value in fields.items() if value and name != "sort"}


@pytest.mark.parametrize("name", FILTERS)
def test_the_form_sends_every_filter_again(world: RegisterPage, name: str) -> None:
    """Also one that it has no field for, and a value that no record has at present."""
    value = VALUES.get(name, "2026-01")
    page = page_of(world, **{name: value})
    assert "finds no record" not in page
    assert sent_by(page) == {name: value}


def test_a_filter_without_a_field_is_told_with_a_link_that_takes_it_away(world: RegisterPage) -> None:
    """The link keeps the others; a filter with a field is not shown twice."""
    page = page_of(world, age="31-60", owner="Ann Lee", sort="age", page=1)
    kept = re.findall(r'<li>Only (.*?) <a href="([^"]*)" aria-label="Take away: \1">', page)
    ((says, address),) = kept
    assert says == "open for 31-60 days"
    assert dict(parse_qsl(html.unescape(address).partition("?")[2])) == {"owner": "Ann Lee", "sort": "age"}
    assert len(keys_of(page)) < len(
        keys_of(requests.get(world.url + html.unescape(address)[1:], timeout=PATIENCE).text)
    )


@pytest.mark.parametrize("asked_for", [3, 999_999, 10**30, "00000000000009", 0, "x"])
def test_a_page_that_the_list_does_not_have_is_the_nearest_one(world: RegisterPage, asked_for: object) -> None:
    """It says so, and never that the register is empty."""
    page = page_of(world, page=asked_for)
    shown = 1 if asked_for in (0, "x") else 2
    assert f"There is no such page of this list. This is page {shown} of 2." in page
    assert "is empty" not in page
    assert len(keys_of(page)) == (50 if shown == 1 else 12)
    assert f"Page {shown} of 2" in page
    filtered = page_of(world, page=asked_for, q="access")
    assert keys_of(filtered) == ["CAPA-1"]


def test_a_page_that_is_there_needs_no_word(world: RegisterPage) -> None:
    """However it is written."""
    for asked_for in (1, 2, "02"):
        assert "no such page" not in page_of(world, page=asked_for)
    assert "no such page" not in page_of(world, q="nothing-has-this", page=1)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"owner": "nobody"}, "owner “nobody” finds no record: no record here has an owner of that name."),
        ({"source": f"{SOURCE},{OTHER}"}, f"finds no record: there are {SOURCE}, {OTHER}, none."),
        ({"grade": "nope"}, "grade “nope” finds no record: there are major, minor, observation, ofi, none."),
        ({"rule": "nope"}, "there are owner-active, rca-method, root-cause-before-action, extent-considered."),
        ({"clause": "nope"}, "ISO 27001 10.2 b, ISO 27001 10.2 b 3."),
        ({"stage": ["planned", "closed"]}, "in the link more than once: “planned” counts, “closed” does not."),
    ],
)
def test_what_a_filter_does_not_do_is_told(world: RegisterPage, given: dict[str, object], says: str) -> None:
    """An unknown value with those that there are, and a second value."""
    assert says in text_of(page_of(world, **given))


def test_a_value_that_is_given_twice_or_empty_needs_no_word(world: RegisterPage) -> None:
    """The first value that is not empty counts."""
    page = page_of(world, stage=["", "planned", "planned"])
    assert sent_by(page) == {"stage": "planned"}
    assert "more than once" not in page


def test_a_state_of_findings_filters_by_itself_and_belongs_to_a_rule(world: RegisterPage) -> None:
    """Without a rule any rule's finding counts."""
    page = page_of(world, finding="waived")
    assert keys_of(page) == ["CAPA-5"]
    assert "1 record found" in text_of(page)
    assert "with a waived finding" in page
    page = page_of(world, finding="cannot_tell", rule="rca-method")
    assert sorted(keys_of(page)) == ["CAPA-1", "CAPA-2"]
    assert "Rule with a check that cannot tell" in page
    assert keys_of(page_of(world, finding="waived", rule="rca-method")) == []


def test_the_owner_of_confidential_records_is_put_in_words(world: RegisterPage) -> None:
    """Not as the mark that stands in the view."""
    page = page_of(world, owner="restricted")
    assert "owner confidential" in text_of(page)
    assert keys_of(page) == ["CAPA-2"]


def test_rules_that_cannot_be_loaded_leave_the_list_standing(tmp_path: Path) -> None:
    """Then the rules with findings are those that there are."""

    def broken() -> tuple[RuleWords, ...]:
        raise RuleFileError([Problem("rules/x.yaml", 3, "a mistake")])

    build_world(tmp_path / "register.db")
    running = serve_register(tmp_path / "register.db", "127.0.0.1:0", PageOptions(rules=broken))
    try:
        assert "there are owner-active, rca-method, root-cause-before-action." in page_of(running, rule="nope")
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("PRÜFUNG", ["f1"]),
        ("łódź", ["f1"]),
        (unicodedata.normalize("NFD", "prüfung"), ["f1"]),
        ("STRASSE", ["f1"]),
        ("größe", ["f2"]),
        ("lagers", ["f2"]),
        ("Иванов", ["f2"]),
        (" capa-1 ", ["CAPA-1"]),
        ("second\nline", []),
        ("_", []),
    ],
)
def test_the_search_sees_no_case_and_no_encoding(world: RegisterPage, query: str, keys: list[str]) -> None:
    """In every script, whatever stands around the words."""
    assert keys_of(page_of(world, q=query)) == keys


def test_a_search_for_nothing_finds_everything(world: RegisterPage) -> None:
    """Blanks alone are no filter."""
    text = text_of(page_of(world, q="  "))
    assert "62 records." in text


@pytest.mark.parametrize("text", ["é" * 3_000, DECOMPOSED * 500, "審査" * 2_000, "a" * 255 + "e\u0301" * 400])
def test_a_long_text_is_folded_as_a_whole(text: str) -> None:
    """No letter is torn from its marks where the text is cut."""
    assert folded(text) == unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def test_no_text_makes_the_search_slow() -> None:
    """Python orders the marks upon a letter in the square of their number."""
    begun = time.process_time()
    folded("a" + "\u0301\u0323" * 100_000)
    assert time.process_time() - begun < 10
