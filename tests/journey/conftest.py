"""A browser, and the page of a register with a ticket for each matter."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

import pytest
from selenium import webdriver

from capa_sync.model.page import PageOptions
from capa_sync.web import RegisterPage, serve_register
from tests.unit.store.fake_parser import T0
from tests.unit.web.world import ZONE, build_world
from tests.unit.writeback.harness import ManualClock

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegisterPage]:
    """Serve a register of sixty records."""
    path = tmp_path_factory.mktemp("page") / "register.db"
    build_world(path)
    running = serve_register(path, "127.0.0.1:0", PageOptions(ZONE, ManualClock(T0 + timedelta(minutes=1))))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Start a headless browser with a fresh profile, logging what its pages complain of."""
    if not (BROWSER and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("profile")
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", f"user-data-dir={profile}"):
        options.add_argument(f"--{switch}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(60)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()
