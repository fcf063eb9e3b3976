"""What every sign-in sees again is logged once: each census signs in, and a log of repetitions is read by nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capa_sync.daemon import reading
from tests.sync.users import users_on
from tests.sync.world import SOURCES, open_world


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The lines that signing in logs: action and problem."""
    lines: list[tuple[str, str]] = []

    def log(action: str, **words: Any) -> None:
        if "problem" in words:
            lines.append((str(action), str(words["problem"])))

    monkeypatch.setattr(reading, "log", log)
    return lines


def test_a_missing_right_is_logged_once_and_again_when_it_has_changed(
    tmp_path: Path, logged: list[tuple[str, str]]
) -> None:
    """One line says what is missing, until something else is."""
    with open_world(tmp_path, "servicenow") as world:
        users_on(world.only).create("calm")
        for table, count in (("sys_db_object", 1), ("sys_dictionary", 2)):
            world.only.settings(forbidden_tables=[table])
            for _census in range(4):
                world.cycle(days=1)
            assert len(logged) == count
            action, right = logged[-1]
            assert action == "right_missing"
            assert f"{table} is closed" in right


@pytest.mark.parametrize("source", SOURCES)
def test_retired_statuses_are_logged_once(tmp_path: Path, source: str, logged: list[tuple[str, str]]) -> None:
    """A mapping that names statuses which the site no longer has gets one line for all of them."""
    with open_world(tmp_path, source) as world:
        first = "    New: identified\n" if source == "servicenow" else "    Open: identified\n"
        world.resettle(source, mapping={first: f"{first}    Plugh: identified\n    Xyzzy: identified\n"})
        users_on(world.only).create("calm")
        for _census in range(4):
            world.cycle(days=1)
    [(action, problem)] = [line for line in logged if "Plugh" in line[1] or "Xyzzy" in line[1]]
    assert action == "mapping_problem"
    assert "the site has no status 'Plugh', 'Xyzzy'" in problem
    assert len(set(logged)) == len(logged)
