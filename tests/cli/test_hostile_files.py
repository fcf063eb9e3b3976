"""Hostile or broken files of users give one line each, within bounds, and never an internal error."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from capa_sync.cli.trackers import loaded_tracker
from capa_sync.errors import UserError
from capa_sync.mapping.loader import load_mapping
from capa_sync.rules.loader import load_rules
from capa_sync.settings import load_settings
from tests.cli.hostile_files import CASES, LOADERS, MEBIBYTE
from tests.daemon.fork_server import ROOT

MAY_LOAD = {
    "sandbox: stamps of nothing",
    "sandbox: half a character",
    "sandbox: a ticket of null",
    "sandbox: a ticket of a list",
    "sandbox: fields of a word",
    "sandbox: a changelog of a word",
    "sandbox: a deep ticket",
    "sandbox: a number as id",
    "sandbox: no number",
    "settings: a port that is none",
    "settings: many lines",
}
"""Contents that are no mistake and no danger; their effect is asserted where they are used."""


CHILD = """
import json, resource, sys, tempfile, traceback
from pathlib import Path
from tests.cli.hostile_files import CASES, problems_of

def peak():  # KiB of this program alone: ru_maxrss is inherited from the process that started it
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))


for name, (kind, content) in CASES.items():
    if kind == sys.argv[1]:
        with tempfile.TemporaryDirectory() as folder:
            raised, problems = "", []
            before = resource.getrusage(resource.RUSAGE_SELF)
            try:
                problems = problems_of(kind, content, Path(folder))
            except Exception:
                raised = traceback.format_exc()
            after = resource.getrusage(resource.RUSAGE_SELF)
            found = {"raised": raised, "used": after.ru_utime - before.ru_utime, "peak": peak(), "folder": folder}
            found["problems"] = [(problem.file, problem.line, str(problem)) for problem in problems]
            print(json.dumps({"name": name, **found}), flush=True)
"""


@cache
def outcomes(kind: str) -> dict[str, Any]:
    """Load all cases of a kind in one process; return by name what was found and what it cost."""
    done = subprocess.run([sys.executable, "-c", CHILD, kind], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = map(json.loads, done.stdout.splitlines())
    return {outcome["name"]: outcome for outcome in found}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_in_one_line_with_its_place(name: str) -> None:
    """Each problem has a file, a line number and a one-line message; nothing else is raised for any content."""
    outcome = outcomes(CASES[name][0])[name]
    assert outcome["raised"] == ""
    assert outcome["problems"] or name in MAY_LOAD
    assert len(outcome["problems"]) <= 60
    for file, line, words in outcome["problems"]:
        assert line >= 1, words
        assert outcome["folder"] in file
        assert len(words.splitlines()) == 1
        assert len(words) < 1_000 + len(outcome["folder"])


@pytest.mark.parametrize("kind", LOADERS)
def test_hostile_files_cost_no_more_than_seconds_and_200_mib(kind: str) -> None:
    """All cases run in one process: the peak of memory, and the computing time (not the waiting) of each."""
    found = outcomes(kind)
    assert list(found) == [name for name, (case_kind, _) in CASES.items() if case_kind == kind]
    assert max(outcome["used"] for outcome in found.values()) < 5, max(
        found.values(), key=lambda outcome: outcome["used"]
    )
    assert max(outcome["peak"] for outcome in found.values()) < 200 * 1_024


@pytest.mark.parametrize("kind", ["mapping", "rule", "settings", "sandbox"])
def test_a_pipe_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    """A named pipe would be read for ever, so it is refused."""
    names = {"mapping": "map.yaml", "rule": "some-rule.yaml", "settings": "capa-sync.toml", "sandbox": "cloud.jsonl"}
    file = tmp_path / names[kind]
    os.mkfifo(file)
    loads: dict[str, Callable[[Path], object]] = {
        "mapping": load_mapping,
        "rule": lambda path: load_rules([path]),
        "settings": lambda path: load_settings(path, {}),
        "sandbox": lambda path: loaded_tracker(path, 0).__enter__(),
    }
    with pytest.raises(UserError, match="no regular file"):
        loads[kind](file)


def test_a_folder_of_rules_is_looked_through_within_bounds(tmp_path: Path) -> None:
    """A home folder as `rules` costs no minutes and no error of its own; hidden folders are left out."""
    rule = (ROOT / "rules" / "grade-set.yaml").read_bytes()
    for name in ("..2026_06_01", ".git", "."):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "grade-set.yaml").write_bytes(rule)
    assert list(load_rules([tmp_path]).texts) == ["grade-set"]
    (tmp_path / "much").mkdir()
    for number in range(10_001):
        (tmp_path / "much" / f"{number}.txt").touch()
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(UserError, match=r"more than 20,000 files and folders below it; name the folder"):
        load_rules([tmp_path])


def test_a_gzip_bomb_is_refused_by_its_first_line(tmp_path: Path) -> None:
    """The file holds one line of 200 MB in 200 kB."""
    file = tmp_path / "world.jsonl.gz"
    file.write_bytes(
        gzip.compress(b'{"kind": "site", "face": "cloud"}\n[' + b" " * (200 * MEBIBYTE), compresslevel=1)
    )
    with pytest.raises(UserError, match=r"world\.jsonl\.gz:2: this line is longer"), loaded_tracker(file, 0):
        pass


def problems_of_people_file(name: str, folder: Path) -> list[str]:
    """Return the problems of a mapping whose people file has this name."""
    text = (ROOT / "mappings" / "jira-cloud.yaml").read_text()
    assert "people: people.yaml" in text
    (folder / "map.yaml").write_text(text.replace("people: people.yaml", f"people: {json.dumps(name)}"))
    try:
        load_mapping(folder / "map.yaml")
    except UserError as error:
        return [str(problem) for problem in error.problems]
    return []


SECRETS = {
    "a secret of one line": "hunter2-top-secret\n",
    "an environment file": "hunter2=top-secret\n",
    "a map of secrets": "hunter2: top-secret\n",
    "a map of the same secret twice": "hunter2: top-secret\nhunter2: top-secret\n",
    "a key": "-----BEGIN hunter2 KEY-----\ntop-secret: *x\n@@\n",
    "no YAML": "hunter2: [top-secret\n@`",
    "an undefined alias": "hunter2: *top-secret\n",
    "a tag": "hunter2: !top-secret x\n",
}


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_of_a_file_that_is_no_people_file_is_repeated(secret: str, tmp_path: Path) -> None:
    """A person may name any file by mistake, also a file of secrets."""
    (tmp_path / "people.yaml").write_text(SECRETS[secret])
    reported = problems_of_people_file("people.yaml", tmp_path)
    assert reported
    assert all("people.yaml:" in line for line in reported)
    assert not any("hunter2" in line or "top-secret" in line for line in reported), reported


@pytest.mark.parametrize(
    "name", ["../people.yaml", "sub/../../people.yaml", "/etc/passwd", "link.yaml", "loop", "sub"]
)
def test_the_people_file_stays_in_the_mapping_s_folder(name: str, tmp_path: Path) -> None:
    """A name or a link that leads out of it, to itself, or to no regular file is refused at its line."""
    folder = tmp_path / "mappings"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "people.yaml").write_text("people: {hunter2: {}}\n")
    (folder / "link.yaml").symlink_to(tmp_path / "people.yaml")
    (folder / "loop").symlink_to("loop")
    reported = problems_of_people_file(name, folder)
    assert len(reported) == 1
    assert "hunter2" not in reported[0]
    assert "no file in the mapping's folder" in reported[0] or "no regular file" in reported[0]


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    """Mounted configuration uses such links."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "people.yaml").write_text("people: {}\n")
    (tmp_path / "people.yaml").symlink_to("..data/people.yaml")
    assert problems_of_people_file("people.yaml", tmp_path) == []


@pytest.mark.parametrize("name", ["a\0b", "a" * 5_000])
def test_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path) -> None:
    """The name has a null character, or is longer than any file system allows."""
    reported = problems_of_people_file(name, tmp_path)
    assert len(reported) == 1
    assert "map.yaml:" in reported[0]


def test_too_many_rule_files_are_refused(tmp_path: Path) -> None:
    """A large folder that is named by mistake is not read for hours."""
    for number in range(501):
        (tmp_path / f"rule-{number:03}.yaml").write_text("")
    with pytest.raises(UserError, match=r"rule-500\.yaml:1: there are more than 500 rule files"):
        load_rules([tmp_path])
