"""A distribution of its own adds phrases to the rule language: installed by pip, without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "phrase_package"
RULE = """
rule: not-for-weeks
title: No due date lies weeks back
clause: {iso27001-2022: 10.2 c}
severity: low
when: [{due_at: filled}]
require:
  - none: [{due_at: more than 2 weeks ago}, {title: written in capitals}]
message: It is weeks late, or shouted.
fix: Agree on a new date.
tests:
  - case: time alone breaks it, and capitals do at once
    timeline:
      - {day: 2026-03-02, by: ana, due_at: 2026-03-02, title: Review missed}
      - {day: 2026-03-04, by: ana, title: REVIEW MISSED}
      - {day: 2026-03-05, by: ana, title: Review missed}
    expect:
      - {day: 2026-03-03, result: ok, look_again: 2026-03-17 00:00}
      - {day: 2026-03-04, result: breach}
      - {day: 2026-03-16, result: ok, look_again: 2026-03-17 00:00}
      - {day: 2026-03-17 00:00, result: breach, look_again: never}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip installed the package, from its source and no index."""
    source = tmp_path_factory.mktemp("source") / "phrase_package"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    place = tmp_path_factory.mktemp("place")
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    pip = [sys.executable, "-m", "pip", "install", *options, "--target", str(place), str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return place


def _run(*arguments: str, beside: Path | None = None) -> tuple[int, str]:
    """Run capa-sync, with the packages of a folder beside it; return its exit code and all that it printed."""
    environment = {**os.environ, "PYTHONPATH": str(beside) if beside else ""}
    command = [sys.executable, "-m", "capa_sync", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_an_installed_package_adds_phrases(place: Path, tmp_path: Path) -> None:
    """The vocabulary lists them, a rule says them, and its test sees the instant at which time alone breaks it."""
    file = tmp_path / "not-for-weeks.yaml"
    file.write_text(RULE, encoding="utf-8")
    code, shown = _run("rules", "phrases", beside=place)
    assert code == 0
    assert shown[shown.index("REGISTERED") : shown.index("FIELDS")].count("\n  ") == 8
    code, shown = _run("rules", "test", str(file), beside=place)
    assert (code, shown) == (0, "not-for-weeks: 1 of 1 test passed\n"), shown
    code, shown = _run("rules", "check", str(file))
    assert code == 2
    assert f"{file}:8: cannot read 'due_at: more than 2 weeks ago'" in shown


def test_a_package_that_cannot_be_loaded_is_one_line(place: Path, tmp_path: Path) -> None:
    """Exit 2 with the distribution, its entry point and the reason; no traceback, and not once for each rule."""
    broken = tmp_path / "broken"
    shutil.copytree(place, broken)
    (broken / "week_phrases" / "__init__.py").write_text("import nowhere_to_be_found\n", encoding="utf-8")
    code, shown = _run("rules", "check", beside=broken)
    assert code == 2
    assert shown.splitlines()[-1] == (
        "the phrases of week-phrases 1.2 cannot be loaded from week_phrases:PHRASES: ModuleNotFoundError: No module "
        "named 'nowhere_to_be_found'; repair the distribution, or uninstall it"
    )
    assert len(shown.splitlines()) == 2
