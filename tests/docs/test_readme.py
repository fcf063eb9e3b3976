"""README's own lines for a new machine work as they stand: they are read from the page and run in a clean folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(title: str) -> str:
    """Return the first block of commands under a heading of README.md."""
    _, _, section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {title}\n")
    found = _BLOCK.search(section.partition("\n## ")[0])
    assert found is not None, title
    return found[1]


def clone(folder: Path) -> Path:
    """Copy what git has of this tree, as a clone has it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            target = folder / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return folder / "clone"


def environment() -> dict[str, str]:
    """Return the variables of a person who has no virtual environment active; modules are compiled when imported."""
    own = str(Path(sys.executable).parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CAPA_SYNC_"))}
    kept.pop("VIRTUAL_ENV", None)
    kept["PIP_NO_COMPILE"] = "0"  # pip's way to say: compile nothing
    return kept | {"PATH": os.pathsep.join(part for part in kept["PATH"].split(os.pathsep) if part != own)}


def has_index(folder: Path) -> bool:
    """Say whether pip reaches a package index, by a package that no lock of ours decides about."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries", "1", "-d", str(folder), "pip"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_the_lines_for_your_own_trackers_make_a_starter(tmp_path: Path) -> None:
    """A virtual environment, the locked packages with their hashes, the program, and `init`."""
    if not has_index(tmp_path / "probe"):
        pytest.skip("no package index can be reached")
    lines = commands("Your own trackers")
    for word in ("-m venv", "--require-hashes -r requirements.lock", "capa-sync init"):
        assert word in lines
    script = f"set -eu\n{lines}\ncommand -v capa-sync\ncapa-sync rules check rules\n"
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=clone(tmp_path), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tmp_path}/clone/.venv/bin/capa-sync" in done.stdout.splitlines()
    assert (tmp_path / "my-capa" / "capa-sync.toml").is_file()
