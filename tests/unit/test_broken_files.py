"""Broken rule, mapping and people files, as people who are no programmers write them, and the answer to each.

The files are in `tests/broken/`; the index of each kind names the mistake and the exact answer.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from capa_sync.errors import Problem, UserError
from capa_sync.mapping.loader import load_mapping
from capa_sync.mapping.people import load_people
from capa_sync.rules.loader import check_rules

BROKEN = Path(__file__).resolve().parents[1] / "broken"
KINDS = ("rules", "mappings", "people")
LONGEST = 260
"""Characters of an answer that a person still reads as one line."""
PARSER_WORDS = (
    "token",
    "scalar",
    "block end",
    "block mapping",
    "flow mapping",
    "CommentedMap",
    "ordereddict",
    "Error(",
)
"""Words of the YAML library and of Python, which say nothing to the reader of an answer."""
BY_COMMAND = (
    "phrase-misspelt.yaml",
    "same-id-twice",
)


def index_of(kind: str) -> list[dict[str, Any]]:
    """Return the entries of the index of one kind of file."""
    entries: list[dict[str, Any]] = tomllib.loads((BROKEN / f"{kind}.toml").read_text(encoding="utf-8"))["mistakes"]
    return entries


CASES = [(kind, entry) for kind in KINDS for entry in index_of(kind)]


def answers(kind: str, path: Path) -> list[Problem]:
    """Return what the real loader of this kind of file says."""
    if kind == "rules":
        return check_rules([path])
    try:
        (load_mapping if kind == "mappings" else load_people)(path, str(path))
    except UserError as error:
        return error.problems
    return []


@pytest.mark.parametrize(("kind", "entry"), CASES, ids=[f"{kind}/{entry['path']}" for kind, entry in CASES])
def test_a_broken_file_is_answered_as_its_index_says(
    kind: str, entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every mistake of the file has its line, its cause and what to write instead, and there is no other answer."""
    monkeypatch.chdir(BROKEN / kind)
    found = answers(kind, Path(entry["path"]))
    assert [str(problem) for problem in found] == entry["answers"]
    for problem in found:
        assert problem.line > 0
        assert problem.hint
        assert "\n" not in str(problem)
        assert len(str(problem)) <= LONGEST
        assert not [word for word in PARSER_WORDS if word in str(problem)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_broken_file_is_in_its_index_once(kind: str) -> None:
    """No file is left out, and none is named twice."""
    named = [entry["path"] for entry in index_of(kind)]
    assert sorted(named) == sorted({path.name for path in (BROKEN / kind).iterdir()})
    assert len({entry["mistake"] for entry in index_of(kind)}) == len(named)


def test_there_are_enough_broken_files_of_each_kind() -> None:
    """The numbers that were asked for: 100 in all; 40 rule files, 40 mapping files and 20 people files."""
    counts = [len(index_of(kind)) for kind in KINDS]
    assert all(count >= least for count, least in zip(counts, (40, 40, 20), strict=True))


@pytest.mark.parametrize("path", BY_COMMAND)
def test_the_command_says_the_same(path: str) -> None:
    """`rules check` prints the answers, one a line, and ends with 2."""
    (entry,) = [entry for entry in index_of("rules") if entry["path"] == path]
    command = [sys.executable, "-m", "capa_sync", "rules", "check", path]
    done = subprocess.run(command, cwd=BROKEN / "rules", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if ".yaml:" in line] == entry["answers"]
    assert "Traceback" not in done.stderr
