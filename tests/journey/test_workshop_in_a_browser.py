"""The workshop in a real browser: from a mistake to a draft that a command makes live."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from capa_sync.model.page import PageOptions
from capa_sync.web import RegisterPage, serve_register
from tests.cli.test_drafts import harness, workshop
from tests.cli.test_live_set import ORDER, severities
from tests.daemon.conftest import make_harness
from tests.daemon.harness import Harness
from tests.journey.browsing import PHONE, axe_violations, beyond_the_edge, complaints, shown_as
from tests.patience import PATIENCE
from tests.unit.web.conftest import HOSTILE
from tests.unit.web.test_workshop import ACCESS

__all__ = ["harness", "make_harness"]
pytestmark = pytest.mark.slow
EDITOR = f"workshop/rule?rule={ORDER}"


@pytest.fixture
def site(harness: Harness) -> Iterator[RegisterPage]:
    """Serve the register of a tracker with one broken ticket to an admin."""
    shop = workshop(harness)
    options = PageOptions(clock=harness.clock, access=ACCESS)
    running = serve_register(harness.register_file, "127.0.0.1:0", options, shop)
    yield running
    running.stop()
    shop.close()


def sign_in(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """Sign in as an admin."""
    browser.get(f"{site.url}sign-in")
    browser.find_element(By.NAME, "token").send_keys("mara.roy" + Keys.ENTER)
    WebDriverWait(browser, PATIENCE).until(lambda seen: seen.find_elements(By.LINK_TEXT, "Workshop"))


def wait_for_text(browser: webdriver.Chrome, selector: str, text: str) -> None:
    """Wait until an element shows a text; elements may be replaced meanwhile."""
    WebDriverWait(browser, PATIENCE, ignored_exceptions=[StaleElementReferenceException]).until(
        lambda seen: any(text in found.text for found in seen.find_elements(By.CSS_SELECTOR, selector))
    )


def press(browser: webdriver.Chrome, words: str) -> None:
    """Press the button of these words."""
    browser.find_element(By.XPATH, f"//button[text()='{words}']").click()


def put_cursor_after(browser: webdriver.Chrome, area: WebElement, text: str) -> None:
    """Put the cursor behind a text."""
    script = """const at = arguments[0].value.indexOf(arguments[1]) + arguments[1].length;
        arguments[0].focus(); arguments[0].setSelectionRange(at, at);"""
    browser.execute_script(script, area, text)


def select(browser: webdriver.Chrome, area: WebElement, text: str) -> bool:
    """Select the first place of a text; return whether there is one."""
    script = """const at = arguments[0].value.indexOf(arguments[1]);
        arguments[0].focus(); arguments[0].setSelectionRange(at, at + arguments[1].length); return at >= 0;"""
    return bool(browser.execute_script(script, area, text))


def test_from_a_mistake_to_a_rule_that_is_live(
    site: RegisterPage, browser: webdriver.Chrome, harness: Harness
) -> None:
    """A mistake shows as one types, and is mended by choosing; then tests, preview and draft; a command activates."""
    complaints(browser)
    sign_in(site, browser)
    browser.find_element(By.LINK_TEXT, "Workshop").click()
    browser.find_element(By.LINK_TEXT, ORDER).click()
    area = browser.find_element(By.ID, "text")
    put_cursor_after(browser, area, "severity: high")
    area.send_keys(Keys.BACKSPACE * 4 + "lwo")
    wait_for_text(browser, "#mistakes", "did you mean 'low'?")
    area.send_keys(Keys.BACKSPACE * 2)
    wait_for_text(browser, "#choices li", "low")
    area.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    wait_for_text(browser, "#mistakes", "No mistake.")
    assert "severity: low\n" in area.get_property("value")
    assert "+severity: low" in browser.find_element(By.ID, "difference").text
    put_cursor_after(browser, area, "severity: low")
    area.send_keys(f"   # {HOSTILE}")
    wait_for_text(browser, "#mistakes", "No mistake.")

    press(browser, "Run its tests")
    wait_for_text(browser, "#mistakes", "expected severity high, it is low")
    area = browser.find_element(By.ID, "text")
    while select(browser, area, "severity: high"):
        area.send_keys("severity: low")
    press(browser, "Run its tests")
    wait_for_text(browser, "#tests", "tests passed")
    assert browser.find_element(By.ID, "mistakes").text == ""
    press(browser, "Preview on the tickets")
    wait_for_text(browser, "#changes", harness.key("jira", "broken"))
    assert "changed" in browser.find_element(By.ID, "changes").text
    assert axe_violations(browser) == []
    assert beyond_the_edge(browser) == []
    browser.find_element(By.LINK_TEXT, "Back to the editor").click()
    assert f"# {HOSTILE}" in browser.find_element(By.ID, "text").get_property("value")
    press(browser, "Save as a draft")
    wait_for_text(browser, "#state", "by mara.roy · waits to be made live")
    assert f"+severity: low   # {HOSTILE}" in browser.find_element(By.ID, "difference").text
    assert browser.title == "Draft 1 · capa-sync register"
    assert axe_violations(browser) == []
    assert beyond_the_edge(browser) == []

    assert harness.run("rules", "activate", "--draft", "1").code == 0
    harness.sync()
    assert severities(harness) == {"low"}
    browser.refresh()
    wait_for_text(browser, "#state", "live")
    assert complaints(browser) == []


def test_each_page_that_needs_a_role_fits_screen_and_paper(
    site: RegisterPage, browser: webdriver.Chrome, harness: Harness
) -> None:
    """The sign-in, every verdict on a ticket, and the workshop; paper says that it lacks the editor's text."""
    sign_in(site, browser)
    (row,) = harness.rows("v_register")
    explain = f"explain?source={row['source']}&ticket={row['ticket_id']}"
    for path, shown in (("sign-in", "h1"), (explain, "pre"), ("workshop", "table"), (EDITOR, "#difference")):
        browser.get(site.url + path)
        assert browser.find_element(By.CSS_SELECTOR, shown).is_displayed()
        assert beyond_the_edge(browser) == []
    with shown_as(browser, media="print"):
        assert not browser.find_element(By.ID, "text").is_displayed()
        assert "is not on this paper" in browser.find_element(By.CSS_SELECTOR, "p.paper").text


def test_phrases_are_chosen_by_keyboard_and_the_pages_fit_a_phone(
    site: RegisterPage, browser: webdriver.Chrome
) -> None:
    """What may follow is chosen without a mouse, and can be taken back; a page that is left keeps the text."""
    sign_in(site, browser)
    for path, theme in (("workshop", "light"), (EDITOR, "dark")):
        with shown_as(browser, width=PHONE, theme=theme):
            browser.get(site.url + path)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE
            assert axe_violations(browser) == []
    area = browser.find_element(By.ID, "text")
    put_cursor_after(browser, area, "require:")
    area.send_keys(Keys.ENTER, "  - root_cause: filled bef")
    wait_for_text(browser, "#mistakes", "cannot read 'root_cause: filled bef'")  # of the last letter, and its list
    wait_for_text(browser, "#choices", "filled before the record first became STAGE")
    area.send_keys(Keys.ARROW_DOWN * 3, Keys.ENTER)
    value = area.get_property("value")
    assert "require:\n  - root_cause: filled before the record first became STAGE" in value
    area.send_keys("analysed")
    assert "first became analysed" in area.get_property("value")
    wait_for_text(browser, "#mistakes", "No mistake")
    ActionChains(browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    assert "first became analysed" not in area.get_property("value")
    browser.execute_script("arguments[0].value = arguments[0].defaultValue", area)
    browser.refresh()
    area = browser.find_element(By.ID, "text")
    assert "root_cause: filled before the record" not in area.get_property("value")
    press(browser, "Take it")
    assert "root_cause: filled before the record" in area.get_property("value")
    browser.execute_script("arguments[0].value = arguments[0].defaultValue", area)
