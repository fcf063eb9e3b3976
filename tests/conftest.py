"""What all tests share.

Hypothesis fails no test because the machine is busy, absent data is one line at the end, no secret outlives its test,
and one process forks capa-sync for all.
"""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.absent_data import reported_in_one_line
from tests.daemon.fork_server import ForkServer
from tests.known_rules import read_each_rule_once
from tests.own_secrets import forgotten_secrets
from tests.quick_registers import make_registers_quick
from tests.samples import keep_sample

settings.register_profile("busy-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy-machine")
read_each_rule_once()
make_registers_quick()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make test` says: without it every test runs."""
    parser.addoption("--sample", metavar="SEED", default="all", help="a part of the large tests, chosen by SEED")


def pytest_report_header(config: pytest.Config) -> str:
    """Say which sample it is, so that the same one can be run again."""
    return f"sample: {config.getoption('sample')} (make test SAMPLE=all runs every parameter of every test)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not in the sample."""
    items[:], left_out = keep_sample(items, config.getoption("sample"))
    if left_out:
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out all tests and modules: each of its full runs would take half a second."""
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Around the other summaries, so that `-ra` prints no line for each place that lacks the same data."""
    with reported_in_one_line(terminalreporter):
        return (yield)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """The forking process of this test worker, one for the tests of all folders: it imports the whole program."""
    with ForkServer() as server:
        yield server


@pytest.fixture(autouse=True)
def own_secrets() -> Iterator[None]:
    """No secret of one test is removed from the texts of another."""
    with forgotten_secrets():
        yield
