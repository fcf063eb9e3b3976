"""What a confidential ticket says is in nothing that people take away for a reader."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capa_sync.sandbox.stories.script import Create, Day, Fill
from tests.daemon.conftest import MakeHarness
from tests.daemon.harness import FACTS, Harness

WORD = "Zebrafish"
PERIOD = ("--from", "2026-06-01", "--to", "2026-06-15")


@pytest.fixture(scope="module")
def harness(shared_harness: MakeHarness) -> Harness:
    """A late confidential ticket with a planted word in its texts, beside one that all may see."""
    made = shared_harness("servicenow")
    made.create_broken("servicenow", "open")
    planted = {"title": f"{WORD} title", "description": f"{WORD} description", "confidential": "yes"}
    made.play_event("servicenow", "secret", Create({**FACTS, **planted, "due_at": Day(3)}))
    made.play_event("servicenow", "secret", Fill({"action_text": f"{WORD} action", "root_cause": f"{WORD} cause"}))
    made.sync()
    return made


def _texts(path: Path) -> Iterator[bytes]:
    """Yield what a file, a zip or a folder of these holds."""
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        else:
            yield file.read_bytes()


@pytest.mark.parametrize(
    ("verb", "file", "options"),
    [
        ("export", "all.html", ()),
        ("export", "changes.csv", ("--table", "changes")),
        ("export", "actions.jsonl", ("--table", "actions")),
        ("report", "report.html", PERIOD),
        ("sample", "sample", ("--seed", "x")),
    ],
)
def test_no_exit_has_a_confidential_text_for_a_reader_and_each_has_it_for_an_auditor(
    harness: Harness, verb: str, file: str, options: tuple[str, ...]
) -> None:
    """The auditor's file has the planted word, the reader's does not, and has the open ticket all the same."""
    for role, is_there in (("auditor", True), ("reader", False)):
        path = harness.folder / f"{role}-{file}"
        done = harness.run("register", verb, str(path), *options, "--as-role", role)
        assert done.code == 0, done.err
        texts = list(_texts(path))
        assert any(WORD.encode() in text for text in texts) is is_there
        assert texts


def test_a_reader_gets_no_pack_of_a_confidential_ticket(harness: Harness) -> None:
    """One line says who may take it, and no file is made."""
    path = harness.folder / "pack.zip"
    ticket = harness.key("servicenow", "secret")
    refused = harness.run("register", "pack", ticket, "--output", str(path), "--as-role", "reader")
    assert (refused.code, refused.err) == (
        2,
        f"servicenow:{ticket} is confidential; an auditor may take its pack\n",
    )
    assert not path.exists()
