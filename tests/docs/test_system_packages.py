"""`make test` announces changes to the system before it makes them, and has an option against them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "tools" / "system-packages.sh"
ALL = "openssl chromium chromium-driver debootstrap systemd nginx-light gcc libc6-dev libreoffice-calc-nogui"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH on which nothing is installed; `apt-get` prints a line and records its arguments."""
    for name, text in {
        "id": "#!/bin/sh\necho ${USER_ID:-0}\n",
        "apt-get": f'#!/bin/sh\necho "apt-get runs"; echo "$@" >> {tmp_path}/called\n',
    }.items():
        (tmp_path / name).write_text(text, encoding="ascii")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def _run(bare: Path, *command: str, **variables: str) -> str:
    done = subprocess.run(
        command or ["/bin/sh", str(SCRIPT)], env={"PATH": str(bare), **variables}, capture_output=True, text=True,
        check=True, cwd=ROOT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


def _called(bare: Path) -> str:
    file = bare / "called"
    return file.read_text(encoding="ascii") if file.exists() else ""


def test_root_reads_what_is_installed_and_how_to_refuse_before_anything_runs(bare: Path) -> None:
    """The names and the option against it are printed before apt-get runs."""
    output, _, after = _run(bare).partition("apt-get runs")
    assert f"missing here: {ALL}" in output
    assert "make test SYSTEM_PACKAGES=no" in output
    assert "missing here" not in after
    assert "install" in _called(bare)
    assert _called(bare).splitlines()[-1].endswith(ALL)


@pytest.mark.parametrize("variables", [{"SYSTEM_PACKAGES": "no"}, {"USER_ID": "1000"}], ids=["refused", "not root"])
def test_nothing_is_installed_when_refused_or_without_root(bare: Path, variables: dict[str, str]) -> None:
    """The missing packages are named all the same."""
    output = _run(bare, **variables)
    assert ALL in output
    assert _called(bare) == ""


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_make_passes_the_refusal_on(bare: Path, by: str) -> None:
    """It works as an argument of make and as a variable."""
    (bare / "sh").symlink_to("/bin/sh")
    make = next(path for path in ("/usr/bin/make", "/bin/make") if os.access(path, os.X_OK))
    output = (
        _run(bare, make, "system", "SYSTEM_PACKAGES=no")
        if by == "argument"
        else _run(bare, make, "system", SYSTEM_PACKAGES="no")
    )
    assert output.startswith("SYSTEM_PACKAGES=no: nothing is installed")
    assert _called(bare) == ""
