"""The import contracts hold, and a planted violation breaks them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[2]
FAULTS = {
    "rules/planted.py": (
        "import capa_sync.store",
        "Layers: higher may import lower, stages do not import each other",
    ),
    "daemon/reads_settings.py": ("import capa_sync.settings", "Settings are read by wiring and cli alone"),
    "daemon/second_jira.py": ("import jira", "One importing module: jira"),
    "sources/second_pysnow.py": ("import pysnow", "One importing module: pysnow"),
    "daemon/has_sql.py": ("import sqlite3", "One importing module: SQLite"),
    "cli/second_apscheduler.py": ("import apscheduler", "One importing module: apscheduler"),
    "writeback/second_tenacity.py": ("import tenacity", "One importing module: tenacity"),
    "helpers/__init__.py": ("", "Layers: higher may import lower, stages do not import each other"),
    "daemon/opens_sandbox.py": ("import capa_sync.sandbox", "The sandbox is opened by demo and sandbox alone"),
    "../benchmarks/lives.py": ("import benchmarks.jira_paint", "No sibling cycles"),
}
"""File of the package -> the fault to plant in it, and the contract that it breaks."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts on a copy of the package."""
    command = [
        str(Path(sys.executable).parent / "lint-imports"),
        "--no-cache",
        "--config",
        str(folder / "pyproject.toml"),
    ]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the packages and their contracts."""
    for package in ("capa_sync", "benchmarks"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold(copy: Path) -> None:
    """The tree as it is keeps every contract."""
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_a_planted_fault_breaks_its_contract(copy: Path) -> None:
    """Each kind of violation is found: all are planted, and each contract names the module that breaks it."""
    for place, (fault, _) in FAULTS.items():
        file = copy / "capa_sync" / place
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'"""Planted."""\n\nfrom __future__ import annotations\n\n{fault}\n', encoding="utf-8")
    report = " ".join(lint(copy).stdout.split())
    for place, (fault, contract) in FAULTS.items():
        assert f"{contract} BROKEN" in report, place
        planted = Path(place).with_suffix("") if Path(place).stem != "__init__" else Path(place).parent
        assert f".{planted.name} " in report.partition(" Broken contracts ")[2], fault


def test_no_file_names_a_registry() -> None:
    """Locks and files install from any mirror: no file has the address of an index."""
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        text = (ROOT / name).read_bytes().decode("utf-8", errors="ignore")
        assert not any(host in text for host in hosts), name


def test_no_property_fails_because_the_machine_is_busy() -> None:
    """The profile of all tests has no deadline and no check of the speed of examples."""
    assert settings().deadline is None
    assert HealthCheck.too_slow in settings().suppress_health_check
