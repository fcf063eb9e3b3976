"""Settings of all tests: Hypothesis fails no test because the machine is busy; absent data is one line at the end."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests.absent_data import reported_in_one_line

settings.register_profile("busy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy-machine")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Around the other summaries, so that `-ra` prints no line for each place that lacks the same data."""
    with reported_in_one_line(terminalreporter):
        return (yield)
