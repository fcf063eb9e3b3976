"""Each page in the browser with a register of the size that the issue names; `make large-pages` runs it."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By

from benchmarks.running import measure_in
from benchmarks.trackers import tracker
from capa_sync.model.page import PageOptions
from capa_sync.web import RegisterPage, serve_register
from tests.journey.browsing import PHONE, axe_violations, complaints, paths_of_pages, shown_as
from tests.patience import PATIENCE
from tests.unit.web.conftest import HOSTILE

TICKETS = int(os.environ.get("LARGE_PAGES", "0"))
FIRST = {"source": "main", "ticket": "100000"}
"""The first ticket of the generated tracker."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TICKETS, reason="a register of 20,000 tickets takes a minute: `make large-pages`"),
]


@pytest.fixture(scope="module")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterPage]:
    """Serve a register after a first cycle over the generated tracker, with hostile text in every tenth record."""
    folder: Path = tmp_path_factory.mktemp("large")
    with tracker("jira", TICKETS) as url:
        measure_in(folder, "first_cycle", "jira", url)
    file = folder / "register.db"
    with closing(sqlite3.connect(file)) as register, register:
        for column in ("title", "owner", "root_cause", "requirement", "evidence_missing", "source_status"):
            register.execute(f"UPDATE register_row SET {column} = ? WHERE ticket_id % 10 = 0", (HOSTILE,))  # noqa: S608 - names of ours
        register.execute("UPDATE finding SET message = ?, fix = ? WHERE ticket_id % 10 = 0", (HOSTILE, HOSTILE))
    running = serve_register(file, "127.0.0.1:0", PageOptions())
    yield running
    running.stop()


@pytest.mark.parametrize("path", paths_of_pages(FIRST))
def test_a_page_of_a_large_register_is_as_sound_as_one_of_a_small_one(
    large_site: RegisterPage, browser: webdriver.Chrome, path: str
) -> None:
    """It fits a phone, breaks no policy, is clean for axe, and hostile text is text."""
    complaints(browser)
    for width, theme in ((1200, "light"), (PHONE, "dark")):
        with shown_as(browser, width=width, theme=theme):
            browser.get(large_site.url + path)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert axe_violations(browser) == [], (width, theme)
    assert browser.title.endswith("· capa-sync register")
    assert complaints(browser) == []
    assert not browser.find_elements(By.CSS_SELECTOR, "main img, main script")


def test_the_lists_of_a_large_register_are_whole(large_site: RegisterPage, browser: webdriver.Chrome) -> None:
    """All records are counted and the last page of them is there; the months end with those that are open."""
    browser.get(large_site.url + "records?sort=number")
    assert browser.find_element(By.CSS_SELECTOR, "#counts strong").text == f"{TICKETS}"
    assert HOSTILE in browser.find_element(By.ID, "records").text
    browser.get(f"{large_site.url}records?sort=number&page={-(-TICKETS // 50)}")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#records tbody tr")) == (TICKETS - 1) % 50 + 1
    trends = requests.get(large_site.url + "trends", timeout=PATIENCE).text
    link, count = re.findall(r'<a href="(/records\?open_at=[^"]+)">(\d+)</a>', trends)[-1]
    shown = requests.get(large_site.url + link[1:], timeout=PATIENCE).text
    assert f'id="counts"><strong>{count}<' in shown
