"""At the end of `make fuzz` prints what was tried and how it ended; the same figures are in its junit file."""

from __future__ import annotations

import os
from collections import Counter

import pytest


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up the figures that the tests recorded as properties, by their names."""
    if not os.environ.get("CAPA_SYNC_FUZZ"):
        return
    figures: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if isinstance(value, int):
                    figures[name] += value
    terminalreporter.section("fuzz")
    for name, total in sorted(figures.items()):
        terminalreporter.write_line(f"{total:>9,}  {name}")
