"""The page for people who read with a screen reader, use the keyboard alone, a phone, a dark screen or paper."""

from __future__ import annotations

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from capa_sync.web import RegisterPage
from tests.journey.browsing import PHONE, axe_violations, complaints, paths_of_pages, shown_as
from tests.unit.web.conftest import SECRET

pytestmark = pytest.mark.slow

_TICKETS = ("1", "3", "7")
"""With findings and evidence; with hostile text; joined with another one."""
PATHS = list(
    dict.fromkeys(path for number in _TICKETS for path in paths_of_pages({"source": "paper", "ticket": number}))
)
_OUTLINE = """const here = document.activeElement, shape = here.querySelector('rect, circle');
    const style = getComputedStyle(here);
    return style.outlineStyle !== 'none' || (shape && getComputedStyle(shape).stroke !== 'none');"""
_FOCUSABLE = """return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')]
    .filter(one => one.checkVisibility()).length;"""


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_clean_for_axe_fits_a_phone_and_breaks_no_policy(
    site: RegisterPage, browser: webdriver.Chrome, path: str
) -> None:
    """Light and wide, dark and narrow: names, contrast and order are right; hostile text runs nowhere."""
    complaints(browser)
    for width, theme in ((1200, "light"), (PHONE, "dark")):
        with shown_as(browser, width=width, theme=theme):
            browser.get(site.url + path)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert complaints(browser) == []
            assert axe_violations(browser) == [], (width, theme)
    assert browser.title.endswith("· capa-sync register")
    assert SECRET not in browser.page_source
    assert not browser.find_elements(By.CSS_SELECTOR, "main img, main script")


def test_on_a_phone_each_cell_of_the_register_has_its_label(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """The heads of the columns are out of sight there, so each cell says what it is."""
    with shown_as(browser, width=PHONE):
        browser.get(site.url + "records")
        labels = browser.execute_script(
            """return [...document.querySelectorAll('#records tbody tr:first-child td')]
            .filter(cell => cell.checkVisibility())
            .map(cell => [cell.dataset.label, getComputedStyle(cell, '::before').content]);"""
        )
    assert {name for name, _ in labels} >= {"Title", "Owner", "Stage"}
    assert [shown for _, shown in labels] == [f'"{name}: "' for name, _ in labels]


@pytest.mark.parametrize(("path", "most"), [("", 200), ("records?q=review", 200), ("trends", 15)])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    site: RegisterPage, browser: webdriver.Chrome, path: str, most: int
) -> None:
    """The first stop skips to the content; then each link, field and fold is reached once, with a visible mark.

    Of the trends, with a stop for each point, the first ones stand for all.
    """
    browser.get(site.url + path)
    wanted, reached = min(most, browser.execute_script(_FOCUSABLE)), []
    for _ in range(wanted):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        assert browser.execute_script(_OUTLINE), browser.switch_to.active_element.get_attribute("outerHTML")
        reached.append(browser.switch_to.active_element.id)
    assert len(set(reached)) == wanted
    browser.get(site.url + path)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the content"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.current_url.endswith("#content")


@pytest.mark.parametrize("path", PATHS)
def test_on_paper_a_page_is_its_content(site: RegisterPage, browser: webdriver.Chrome, path: str) -> None:
    """Navigation, filters and buttons are not printed, the paper is white, and what is folded is shown."""
    with shown_as(browser, theme="dark", media="print"):
        browser.get(site.url + path)
        shown = browser.find_elements(By.CSS_SELECTOR, "nav, .filters, .skip, button")
        assert not [element.tag_name for element in shown if element.is_displayed()]
        assert (
            browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        )
        hidden = browser.execute_script(
            """return [...document.querySelectorAll('main details')].filter(one => !one.closest('.filters'))
            .filter(one => [...one.children].some(inner => !inner.checkVisibility())).length;"""
        )
        assert hidden == 0


def test_a_chart_says_in_words_what_it_shows(site: RegisterPage, browser: webdriver.Chrome) -> None:
    """Each has a name and a description, each point a name, and a table after it has as many links."""
    browser.get(site.url + "trends")
    charts = browser.find_elements(By.CSS_SELECTOR, "figure svg")
    assert len(charts) == 6
    names = [chart.accessible_name for chart in charts]
    assert len(set(names)) == 6
    assert all("The table below has the same numbers." in name for name in names)
    points = browser.find_elements(By.CSS_SELECTOR, "figure svg a")
    assert all(point.accessible_name for point in points)
    counted = browser.execute_script("return document.querySelectorAll('details table a').length")
    assert counted >= len(points)
