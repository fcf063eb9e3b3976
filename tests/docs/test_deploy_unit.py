"""The systemd unit: accepted by systemd's own checker, and hardened by systemd's own measure."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "capa-sync.service"
README = UNIT.with_name("README.md")

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


PAGE = UNIT.with_name("capa-sync-page.service")


@pytest.fixture(params=[UNIT, PAGE], ids=lambda unit: unit.stem)
def any_unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of each unit with an interpreter that exists on this machine."""
    copy = tmp_path / request.param.name
    text = request.param.read_text(encoding="utf-8")
    copy.write_text(text.replace("/opt/capa-sync/.venv/bin/python", sys.executable), encoding="utf-8")
    return copy


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return a copy of the unit with an interpreter that exists on this machine; nothing else is changed."""
    copy = tmp_path / UNIT.name
    text = UNIT.read_text(encoding="utf-8")
    assert text.count("/opt/capa-sync/.venv/bin/python") == 1
    copy.write_text(text.replace("/opt/capa-sync/.venv/bin/python", sys.executable), encoding="utf-8")
    return copy


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_systemd_has_nothing_to_complain_of(any_unit: Path) -> None:
    """`systemd-analyze verify` prints nothing; a misspelt key causes a message."""
    unit = any_unit
    result = analyze("verify", str(unit))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    unit.write_text(unit.read_text(encoding="utf-8").replace("ProtectHome=", "ProtectHom="), encoding="utf-8")
    assert "ProtectHom" in analyze("verify", str(unit)).stderr


def test_the_exposure_is_as_low_as_the_readme_says(unit: Path) -> None:
    """`systemd-analyze security` gives the number that deploy/README.md states, and it is low."""
    result = analyze("security", "--offline=yes", str(unit)).stdout
    level = re.search(r"Overall exposure level for capa-sync.service: ([\d.]+)", result)
    written = re.search(r"exposure ([\d.]+) \(0 is none", README.read_text(encoding="utf-8"))
    assert level is not None
    assert written is not None
    assert (level[1], float(level[1]) < 1.5) == (written[1], True)
