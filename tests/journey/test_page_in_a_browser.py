"""The page in a real browser: a person reads the register, and hostile text does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from capa_sync.cli.page_access import TokensFile
from capa_sync.model.page import PageOptions
from capa_sync.model.page_access import PageAccess
from capa_sync.model.visitor import AccessRole
from capa_sync.settings.page_tokens import new_token
from capa_sync.web import RegisterPage, serve_register
from tests.journey.browsing import axe_violations, complaints
from tests.unit.store.fake_parser import T0
from tests.unit.web.conftest import HOSTILE, SECRET
from tests.unit.web.world import build_world
from tests.unit.writeback.harness import ManualClock

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def with_sign_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RegisterPage, str]]:
    """Serve the same register with a file of tokens; give the token of an auditor."""
    folder = tmp_path_factory.mktemp("sign-in")
    build_world(folder / "register.db")
    token, line = new_token("ann.lee", AccessRole.AUDITOR, None)
    (folder / "page-tokens").write_text(f"{line}\n", encoding="utf-8")
    access = PageAccess(TokensFile(folder / "page-tokens", "page-tokens"))
    options = PageOptions(clock=ManualClock(T0 + timedelta(minutes=1)), access=access)
    running = serve_register(folder / "register.db", "127.0.0.1:0", options)
    yield running, token
    running.stop()


def cells(browser: webdriver.Chrome, table: str) -> list[list[str]]:
    """Return the texts of a table's body as a person sees them."""
    rows = browser.find_elements(By.CSS_SELECTOR, f"{table} tbody tr")
    return [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td, th")] for row in rows]


def test_one_goes_from_today_to_a_record_and_from_its_evidence_to_the_history(
    site: RegisterPage, browser: webdriver.Chrome
) -> None:
    """The first page names what is overdue; its link opens the record; the keyboard opens what a finding rests on."""
    browser.get(site.url)
    assert browser.title == "Today · capa-sync register"
    browser.find_element(By.CSS_SELECTOR, "#overdue .matters a").click()
    WebDriverWait(browser, 30).until(lambda seen: "/record?" in seen.current_url)
    assert browser.find_element(By.TAG_NAME, "h1").text == "Access review missed"
    browser.find_element(By.CSS_SELECTOR, ".finding summary").send_keys(Keys.ENTER)
    browser.find_element(By.LINK_TEXT, "history entry").click()
    assert "Planned" in browser.find_element(By.CSS_SELECTOR, ".timeline li:target").text


def test_filters_make_the_link(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """What is chosen and searched stands in the address, and a reload shows the same rows."""
    browser.get(site.url + "records")
    browser.find_element(By.NAME, "q").send_keys("review" + Keys.ENTER)
    WebDriverWait(browser, 30).until(lambda seen: "q=review" in seen.current_url)
    assert [row[1] for row in cells(browser, "#records")] == ["CAPA-1"]
    browser.refresh()
    assert [row[1] for row in cells(browser, "#records")] == ["CAPA-1"]


def test_hostile_text_is_text_in_datasettes_pages_too(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """Markup in a title is shown letter by letter; the filter form narrows the rows."""
    browser.get(site.url)
    browser.find_element(By.LINK_TEXT, "Data").click()
    browser.find_element(By.LINK_TEXT, "v_register").click()
    WebDriverWait(browser, 30).until(lambda seen: "register/v_register" in seen.current_url)
    assert HOSTILE in browser.find_element(By.TAG_NAME, "body").text
    assert browser.title != "owned"
    browser.get(site.url + "register/v_findings?_filter_column=ticket_key&_filter_op=exact&_filter_value=CAPA-5")
    assert browser.current_url.endswith("register/v_findings?ticket_key__exact=CAPA-5")
    assert len(cells(browser, "table.rows-and-columns")) == 1


def test_datasettes_pages_work_under_the_policy(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """No script of theirs is blocked, a column's menu offers a facet, and nothing is offered that is refused."""
    browser.get(site.url + "register")
    assert "cross-database" not in browser.page_source
    browser.get(site.url + "register/v_register")
    browser.find_element(By.CSS_SELECTOR, "th.col-grade .dropdown-menu-icon").click()
    menu = browser.find_element(By.CSS_SELECTOR, ".dropdown-menu")
    assert complaints(browser) == []
    assert "Facet by this" in menu.text
    menu.find_element(By.LINK_TEXT, "Facet by this").click()
    WebDriverWait(browser, 30).until(lambda seen: "_facet=grade" in seen.current_url)
    assert browser.find_elements(By.CSS_SELECTOR, ".facet-results")
    assert complaints(browser) == []


def test_one_signs_in_and_out_by_a_form_and_sees_by_role(
    with_sign_in: tuple[RegisterPage, str], browser: webdriver.Chrome
) -> None:
    """A reader sees no confidential title; a wrong token is refused; an auditor sees it until the sign-out."""
    site, token = with_sign_in
    browser.get_log("browser")
    browser.get(site.url + "records")
    assert SECRET not in browser.page_source
    browser.find_element(By.LINK_TEXT, "Sign in").click()
    for given, title in ((token[:-1], "Sign in · capa-sync register"), (token, "Today · capa-sync register")):
        browser.find_element(By.NAME, "token").send_keys(given + Keys.ENTER)
        shown = "[role=alert]" if given != token else ".visitor"
        WebDriverWait(browser, 30).until(lambda seen, shown=shown: seen.find_elements(By.CSS_SELECTOR, shown))
        assert browser.title == title
        assert axe_violations(browser) == []
    assert "ann.lee, auditor" in browser.find_element(By.CSS_SELECTOR, ".visitor").text
    cookie = browser.get_cookie("capa_sync_session")
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    browser.get(site.url + "records")
    assert SECRET in browser.page_source
    browser.find_element(By.CSS_SELECTOR, ".visitor button").click()
    WebDriverWait(browser, 30).until(lambda seen: seen.title == "Sign in · capa-sync register")
    browser.get(site.url + "records")
    assert SECRET not in browser.page_source
    assert [entry for entry in complaints(browser) if "403" not in entry["message"]] == []
