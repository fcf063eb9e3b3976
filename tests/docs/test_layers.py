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
    "a stage imports another": ("rules/planted.py", "import capa_sync.store\n"),
    "the daemon reads settings": ("daemon/planted.py", "import capa_sync.settings\n"),
    "a second importer of jira": ("daemon/planted.py", "import jira\n"),
    "a second importer of pysnow": ("sources/planted.py", "import pysnow\n"),
    "SQL outside the store": ("daemon/planted.py", "import sqlite3\n"),
    "a second importer of apscheduler": ("cli/planted.py", "import apscheduler\n"),
    "a second importer of tenacity": ("writeback/planted.py", "import tenacity\n"),
    "a package without a layer": ("helpers/__init__.py", "\n"),
    "the product opens the sandbox": ("daemon/planted.py", "import capa_sync.sandbox\n"),
    "a cycle in the benchmarks": ("../benchmarks/lives.py", "import benchmarks.jira_paint\n"),
}


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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_a_contract(copy: Path, fault: str) -> None:
    """Each kind of violation is found."""
    place, content = FAULTS[fault]
    file = copy / "capa_sync" / place
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'"""Planted."""\n\nfrom __future__ import annotations\n\n{content}', encoding="utf-8")
    done = lint(copy)
    assert done.returncode != 0, f"{fault} was not noticed:\n{done.stdout}"


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
