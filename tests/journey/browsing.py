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
MEDIA = [(PHONE, "screen"), (720, "screen"), (1200, "screen"), (670, "print"), (720, "print"), (1050, "print")]
"""A phone, a tablet, a desk; A4 upright with wide and with narrow margins, and across."""
_AXE = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
_RUN = """const done = arguments[arguments.length - 1];
    document.querySelectorAll('details').forEach(hidden => hidden.open = true);
    axe.run(document, {preload: false}).then(
        found => done([found.passes.length, found.violations.map(
            broken => broken.id + ': ' + broken.nodes.map(node => node.html).join(' ').slice(0, 500))]),
        fault => done([0, [String(fault)]]));"""
_TOO_WIDE = """const [isPaper] = arguments, width = document.documentElement.clientWidth, found = [];
    document.querySelectorAll('details').forEach(fold => fold.open = true);
    const scrolls = one => ['auto', 'scroll'].includes(getComputedStyle(one).overflowX);
    const isInside = one => { while ((one = one.parentElement)) if (scrolls(one)) return true; return false; };
    const name = one => `${one.outerHTML.slice(0, 120)} (${one.scrollWidth} in ${one.clientWidth})`;
    for (const one of document.body.querySelectorAll('*')) {
        if (!one.checkVisibility() || one.ownerSVGElement) continue;
        const isCut = getComputedStyle(one).overflowX !== 'visible' && one.scrollWidth > one.clientWidth + 1;
        if (isPaper ? isCut : isInside(one)) { if (isPaper) found.push('cut: ' + name(one)); continue; }
        if (one.getBoundingClientRect().right > width + 1) found.push('beyond the edge: ' + name(one));
    }
    if (document.documentElement.scrollWidth > width) found.push(`the page: ${document.documentElement.scrollWidth}`);
    return found;"""
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


def beyond_the_edge(browser: webdriver.Chrome) -> list[str]:
    """Return what of the page that is shown lies beyond the right edge of a screen or of paper, everything unfolded.

    On a screen a box may have more in it and scroll; on paper that would be cut.
    """
    found = []
    for width, media in MEDIA:
        with shown_as(browser, width=width, media=media):
            wrong = browser.execute_script(_TOO_WIDE, media == "print")
            found += [f"{media} of {width}: {what}" for what in wrong]
    return found


def axe_violations(browser: webdriver.Chrome) -> list[str]:
    """Return what axe finds wrong on the page that is shown, everything unfolded, each with the elements."""
    browser.execute_script(_AXE)
    passed, violations = browser.execute_async_script(_RUN)
    assert passed > 10 or violations  # it looked at something
    return list(violations)


def complaints(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """Return what the browser complained of since the last call: blocked by a policy, failed, or a script's error."""
    return [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
