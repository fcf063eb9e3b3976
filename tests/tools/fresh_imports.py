"""A pytest plugin for mutation testing: a mutant is used everywhere in its process, by every test that runs it.

mutmut forks the process of each mutant from one that already ran the tests. What that computed when a module
was imported or cached, such as the shipped rules, comes from the original program. So a mutant that survived is
tested again in a process that imports the program and the tests anew (`CAPA_SYNC_FRESH_IMPORTS=1`). What a test
module computes at its import belongs to all its tests.

`CAPA_SYNC_COMPILE_ANEW=1` compiles the phrases that tests ask for anew for each mutant; otherwise those that the
original program compiled are used, which takes less time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from mutmut.mutation import trampoline
from mutmut.state import state

_OURS = ("capa_sync", "tests.unit", "tests.conftest")
_at_import: set[str] = set()
_at_fixture: dict[object, set[str]] = {}

settings.register_profile(
    "mutants",
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # a failure is enough, the smallest example is not needed
    suppress_health_check=list(HealthCheck),
)


def _mutant_under_test() -> str:
    """Return what mutmut set, without its look into the environment, half of the time of a call."""
    return trampoline._mutant_under_test or ""


trampoline.get_mutant_under_test = _mutant_under_test


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Forget what the process that this one was forked from imported."""
    if os.environ.get("CAPA_SYNC_COMPILE_ANEW"):
        _forget_phrases()
    if "capa_sync.rules.calendar" in sys.modules:  # a calendar keeps the days that the original program computed
        sys.modules["capa_sync.rules.calendar"].calendar_for.cache_clear()
    if os.environ.get("CAPA_SYNC_FRESH_IMPORTS"):
        _forget_modules(*_OURS)


def pytest_collection() -> None:
    """Use the Hypothesis settings of mutation testing instead of those of the tests."""
    settings.load_profile("mutants")


def pytest_collection_finish() -> None:
    """Note the functions that ran while the test modules were imported."""
    _at_import.update(state()._stats)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
    """Note the functions that ran while a fixture was made that tests share."""
    before, state()._stats = state()._stats, set()
    result = yield
    if fixturedef.scope != "function":
        _at_fixture[fixturedef] = set(state()._stats)
    state()._stats |= before
    return result


def pytest_runtest_call(item: pytest.Item) -> None:
    """Attribute what ran while a shared fixture was made to each test that uses it."""
    for found in item._fixtureinfo.name2fixturedefs.values():
        state()._stats |= _at_fixture.get(found[-1], set())


def pytest_runtest_setup() -> None:
    """Compile each test's phrases anew while mutmut notes which functions a test uses."""
    if os.environ.get("CAPA_SYNC_COMPILE_ANEW") and _mutant_under_test() == "stats":
        _forget_phrases()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Attribute what ran at import to every test, and count a test module that cannot be imported as failed."""
    for name in _at_import:
        state().tests_by_mangled_function_name[name] |= {item.nodeid for item in session.items}
    _at_import.clear()
    if session.exitstatus == pytest.ExitCode.INTERRUPTED and session.testsfailed:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _forget_modules(*names: str) -> None:
    for name in [name for name in sys.modules if name.startswith(names)]:
        del sys.modules[name]


def _forget_phrases() -> None:
    if "capa_sync.rules.phrases.table" in sys.modules:
        sys.modules["capa_sync.rules.phrases.table"].vocabulary.cache_clear()
