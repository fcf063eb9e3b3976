"""Processes that open a register or hold its lock, and the tickets that they commit."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from capa_sync.store import Register
from tests.unit.store.fake_parser import PARSER, SOURCE, T0, FakeTicket, page

ROOT = Path(__file__).parents[3]
_HOLD = """
import sys
from pathlib import Path
from capa_sync.store import RegisterLock
with RegisterLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(register: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(register)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def fill(register: Register, first: int, count: int, text: str = "x") -> None:
    """Commit one page of tickets."""
    readings = [FakeTicket(str(n), f"CAPA-{n}", {"text": text}).reading() for n in range(first, first + count)]
    run = register.runs.start(SOURCE, "changes", T0)
    register.tickets.commit_page(SOURCE, page(*readings, position=str(first)), T0, run, PARSER)


def python(code: str, *args: object) -> subprocess.Popen[str]:
    """Start a Python process with the repository on its path."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
