"""A verb's log never mixes with its result."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from capa_sync.store import open_register
from tests.daemon.fork_server import ROOT


def test_a_verb_that_logs_what_it_did_prints_its_result_alone(tmp_path: Path) -> None:
    """Making a set live is logged; a process of its own, because another verb of the same one may set up the log."""
    _run(tmp_path, "init", ".")
    open_register(tmp_path / "register.db", clock_now=datetime.now(UTC)).close()
    done = _run(tmp_path, "activate", "--json")
    assert json.loads(done.stdout)["state"] == "live"
    assert done.stderr == ""


def _run(folder: Path, *verb: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from capa_sync.cli.app import main; main()",
    ]
    return subprocess.run([*command, *verb], cwd=folder, text=True, capture_output=True, check=True)
