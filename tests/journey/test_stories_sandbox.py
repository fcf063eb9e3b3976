"""`capa-sync sandbox` as a user runs it: a process that serves until SIGTERM."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import requests

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def sandbox(*arguments: str) -> subprocess.Popen[str]:
    """Start the command."""
    command = [sys.executable, "-m", "capa_sync", "sandbox", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_loaded_tracker_serves_until_terminated(tmp_path: Path) -> None:
    """It prints its address and how to sign in, answers, and ends with 0 on SIGTERM."""
    file = tmp_path / "world.jsonl"
    lines = [{"kind": "site", "face": "datacenter"}, {"kind": "ticket", "issue": {"key": "OPS-1", "fields": {}}}]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with sandbox("--load", str(file), "--port", "0") as process:
        try:
            assert process.stdout is not None
            name, url, *_how = process.stdout.readline().split()
            assert name == "jira-dc"
            assert "OPS-1" in requests.get(f"{url}/browse/OPS-1", timeout=PATIENCE).text
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_a_bad_file_ends_with_two_and_one_line(tmp_path: Path) -> None:
    """A mistake of the user is one line on stderr, without a traceback."""
    file = tmp_path / "world.jsonl"
    file.write_text('{"kind": "site", "face": "server"}\n', encoding="utf-8")
    with sandbox("--load", str(file)) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{file}:1: there is no face 'server'" in err
