"""The suite itself: what it says when data is absent, and what its tests wait for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE = '''"""Four tests, three of which need what is not there."""

from __future__ import annotations

import pytest

from tests.absent_data import DATA, SPECS, needs, require


@needs(DATA / "no-such-site")
@pytest.mark.parametrize("number", [1, 2])
def test_of_data(number: int) -> None:
    raise AssertionError


def test_of_specs() -> None:
    require(SPECS / "no-such-vendor")
    raise AssertionError


def test_of_a_program() -> None:
    pytest.skip("nothing of that name is installed")
'''


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_skipped_for_absent_data_is_one_line(tmp_path: Path, workers: str) -> None:
    """Tests that lack data beside the repository are counted in one line; any other skip keeps its own."""
    (tmp_path / "test_sample.py").write_text(_SAMPLE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", "-n", workers, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PY_COLORS": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if "absent" in line] == [
        "3 tests skipped for absent data: ../shared/data (2), ../shared/specs (1)"
    ]
    [other] = [line for line in lines if line.startswith("SKIPPED [1]")]
    assert other.endswith("test_sample.py:22: nothing of that name is installed")
    assert "4 skipped" in lines[-1]


def test_nobody_else_looks_for_data_beside_the_repository() -> None:
    """One module knows where such data is, so that no skip for its absence is left out of that line."""
    words = ('/ "' + 'shared"', "/" + "work/", '"../' + "shared")
    listed = subprocess.run(["git", "ls-files", "tests"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if name.endswith(".py") and name != "tests/absent_data.py"]
    assert [name for name in names if any(word in (ROOT / name).read_text(encoding="utf-8") for word in words)] == []
