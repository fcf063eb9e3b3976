"""The forking process of the tests imports the program, so that its children need not."""

from __future__ import annotations

import sys

from tests.daemon.conftest import MakeHarness
from tests.daemon.fork_server import IMPORTS, Child


def imported(child: Child) -> set[str]:
    """Return the modules that a child imported itself, without those of Python."""
    (line,) = [line for line in child.err.splitlines() if line.startswith("imported:")]
    return {name for name in line.split()[1:] if name.partition(".")[0] not in sys.stdlib_module_names}


def test_a_child_finds_the_program_imported(make_harness: MakeHarness) -> None:
    """Verbs import when they are called: a child that did so would take a second longer, in a thousand children."""
    harness = make_harness("jira", "servicenow")
    harness.create_broken("jira")
    for words in ("sync --release all", "status --json", "plan", "explain CAPA-1", "rebuild", "retry", "init new"):
        assert imported(harness.run(*words.split(), **{IMPORTS: "1"})) == set(), words
    with harness.daemon(**{IMPORTS: "1"}) as daemon:
        daemon.wait_for_cycles(1, harness.names)
        assert imported(daemon.stop()) == set()
