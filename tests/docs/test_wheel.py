"""The wheel works without the repository, in an empty folder, with the shipped mappings and rules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the files that git lists."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run verbs of the unpacked wheel in an empty folder, without the repository on the path."""
    site, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def go(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "HOME": str(empty), "PYTHONSAFEPATH": "1"}
        command = [sys.executable, "-m", "capa_sync", *arguments]
        return subprocess.run(
            command, cwd=empty, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    return go


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel(run: Run) -> None:
    """`demo --once --json` finds something in all three trackers and delivers every write."""
    done = run("demo", "--once", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {source["source"] for source in result["sources"]} == {"jira", "jira-dc", "servicenow"}
    assert all(not source["problem"] for source in result["sources"])
    assert {finding["source"] for finding in result["findings"]} == {"jira", "jira-dc", "servicenow"}
    assert set(result["writes"]) == {"delivered"}


def test_the_rules_test_themselves_from_the_wheel(run: Run) -> None:
    """`rules test` runs the shipped pack's own tests."""
    done = run("rules", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout or "0 failed" in done.stdout


def test_a_starter_from_the_wheel_is_in_order(run: Run, tmp_path: Path) -> None:
    """`init` writes settings, mappings and rules that load, and overwrites nothing."""
    folder = tmp_path / "mine"
    assert run("init", str(folder)).returncode == 0
    assert run("rules", "check", str(folder / "rules")).returncode == 0
    assert {path.name for path in (folder / "mappings").iterdir()} >= {"jira-cloud.yaml", "people.yaml"}
    again = run("init", str(folder))
    assert again.returncode == 2
    assert "this is there already" in again.stderr
    assert "Traceback" not in again.stderr
