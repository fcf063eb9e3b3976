"""What tests ask of a page in a browser, at any size of the register."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from selenium import webdriver

from capa_sync.web.pages import PAGES

PHONE = 375
_AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
_RUN = """const done = arguments[arguments.length - 1];
    document.querySelectorAll('details').forEach(hidden => hidden.open = true);
    axe.run(document, {preload: false}).then(
        found => done([found.passes.length, found.violations.map(
            broken => broken.id + ': ' + broken.nodes.map(node => node.html).join(' ').slice(0, 500))]),
        fault => done([0, [String(fault)]]));"""
_EXAMPLES = {"/records": {"q": "review"}, "/rules": {"rule": "action-planned"}}
"""Parameters with which a page shows more than without them, or something else."""


def paths_of_pages(record: dict[str, str]) -> list[str]:
    """Return the address of each of our pages, without the leading slash; `record` names the ticket of its page."""
    examples = {**_EXAMPLES, "/record": record}
    paths = [path for path in PAGES if path not in ("/record", "/rules")]
    paths += [f"{path}?{urlencode(given)}" for path, given in examples.items()]
    return [path[1:] for path in paths]


@contextmanager
def shown_as(
    browser: webdriver.Chrome, *, width: int = 1200, theme: str = "light", media: str = "screen"
) -> Iterator[None]:
    """Show pages at a width, in a colour scheme and on a medium while the block runs."""
    features = [{"name": "prefers-color-scheme", "value": theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def axe_violations(browser: webdriver.Chrome) -> list[str]:
    """Return what axe finds wrong on the page that is shown, everything unfolded, each with the elements."""
    browser.execute_script(_AXE)
    passed, violations = browser.execute_async_script(_RUN)
    assert passed > 10 or violations  # it looked at something
    return list(violations)


def complaints(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """Return what the browser complained of since the last call: blocked by a policy, failed, or a script's error."""
    return [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
