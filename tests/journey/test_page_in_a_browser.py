"""The page in a real browser: a person reads the register, and hostile text does nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from capa_sync.store import open_register
from capa_sync.web import RegisterPage, serve_register
from tests.unit.store.fake_parser import T0
from tests.unit.web.conftest import HOSTILE, SECRET, fill

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="chromium and chromedriver are not installed"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterPage]:
    """Serve a filled register."""
    path = tmp_path_factory.mktemp("page") / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register)
    running = serve_register(path, "127.0.0.1:0")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Start a headless browser with a fresh profile, logging what its pages complain of."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    profile: Path = tmp_path_factory.mktemp("profile")
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", f"user-data-dir={profile}"):
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


def cells(browser: webdriver.Chrome, table: str) -> list[list[str]]:
    """Return the texts of a table's body as a person sees them."""
    rows = browser.find_elements(By.CSS_SELECTOR, f"{table} tbody tr")
    return [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in rows]


def test_the_register_is_what_one_sees_first(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """Three records, the warned one on top, the confidential one restricted, the as-of instant below."""
    browser.get(site.url)
    seen = cells(browser, "#records")
    assert [row[1] for row in seen] == ["CAPA-1", "CAPA-2", "CAPA-3"]
    assert seen[0][2] == "Access review missed"
    assert seen[1][2:4] == ["restricted", "restricted"]
    assert cells(browser, "#sources")[0][3] == "2026-03-02T09:00:00Z"
    assert "no open warnings from these checks" in browser.find_element(By.ID, "counts").text
    assert SECRET not in browser.page_source


def test_hostile_text_is_text(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """Markup in a title is shown letter by letter and runs nowhere, on the first page and in the view."""
    browser.get(site.url)
    assert cells(browser, "#records")[2][2] == HOSTILE
    assert not browser.find_elements(By.CSS_SELECTOR, "#records img, #records script")
    assert browser.title == "capa-sync register"
    browser.get(site.url + "register/v_register")
    assert HOSTILE in browser.find_element(By.TAG_NAME, "body").text
    assert browser.title != "owned"


def test_one_clicks_from_the_first_page_to_a_view_and_filters_it(
    site: RegisterPage, browser: webdriver.Chrome
) -> None:
    """The link to the findings works, and Datasette's filter form narrows them down."""
    browser.get(site.url)
    browser.find_element(By.LINK_TEXT, "v_findings").click()
    WebDriverWait(browser, 30).until(lambda seen: "register/v_findings" in seen.current_url)
    assert len(cells(browser, "table.rows-and-columns")) == 5
    browser.get(site.url + "register/v_findings?_filter_column=ticket_key&_filter_op=exact&_filter_value=CAPA-1")
    assert browser.current_url.endswith("register/v_findings?ticket_key__exact=CAPA-1")
    assert len(cells(browser, "table.rows-and-columns")) == 1
