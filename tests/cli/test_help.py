"""What a person reads who asks for help: whole sentences, valid examples, and names that the shell completes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from capa_sync.cli.app import cli
from capa_sync.cli.verbs import Verb, VerbCommand, VerbGroup
from tests.daemon.fork_server import ROOT

COMPLETE = "_CAPA_SYNC_COMPLETE"
START = "from capa_sync.cli.app import main; main()"


def _capa_sync(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as on a terminal of 80 columns."""
    return subprocess.run(
        [sys.executable, "-m", "capa_sync", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def _verbs(group: VerbGroup, path: str = "capa-sync") -> dict[str, Verb]:
    """Return every verb by its whole name, the groups themselves left out; only groups are imported."""
    found: dict[str, Verb] = {}
    for name, verb in group.verbs.items():
        inner = verb.load() if name in GROUPS else None
        found |= _verbs(inner, f"{path} {name}") if isinstance(inner, VerbGroup) else {f"{path} {name}": verb}
    return found


GROUPS = {"rules", "register", "mapping"}
"""Verbs that have verbs of their own."""
assert isinstance(cli, VerbGroup)
VERBS = _verbs(cli)


@pytest.mark.parametrize("path", [(), ("rules",), ("register",)], ids=["capa-sync", "rules", "register"])
def test_a_bare_group_prints_its_help_with_every_verb_and_no_summary_cut(path: tuple[str, ...]) -> None:
    """A bare name is a question, not a mistake."""
    asked, bare = _capa_sync(*path, "--help"), _capa_sync(*path)
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout == asked.stdout
    group = cli if not path else cli.verbs[path[0]].load()  # type: ignore[attr-defined]
    words = " ".join(bare.stdout.split())
    for name, verb in group.verbs.items():  # type: ignore[union-attr]
        assert f"{name} {verb.summary}" in words
    assert "..." not in bare.stdout.partition("\n")[2]
    assert max(map(len, bare.stdout.splitlines())) <= 80


def test_each_summary_is_the_first_line_of_the_verbs_own_help() -> None:
    """The list of verbs and the help of the verb have the same words."""
    for group in (cli, cli.verbs["rules"].load(), cli.verbs["register"].load()):  # type: ignore[attr-defined]
        for name, verb in group.verbs.items():
            assert str(verb.load().help).partition("\n")[0] == verb.summary, name


@pytest.mark.parametrize("name", VERBS)
def test_each_verbs_help_ends_with_examples_that_parse(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each example has a line of its own, and the verb accepts its options and arguments."""
    command = VERBS[name].load()
    assert isinstance(command, VerbCommand)
    assert command.examples
    asked = CliRunner(env={"COLUMNS": "80"}).invoke(cli, [*name.split()[1:], "--help"], prog_name="capa-sync")
    assert asked.exit_code == 0
    shown = asked.output
    (tmp_path / "rules").mkdir()
    for file in ("site.jsonl", "rules/action-overdue.yaml"):
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    for line, purpose in command.examples:
        assert any(shown_line.strip().startswith(line) for shown_line in shown.splitlines())
        assert purpose in shown
        words = shlex.split(line.partition(" | ")[0].partition(" > ")[0])
        assert " ".join(words).startswith(name)
        command.make_context(name, words[len(name.split()) :])


def test_an_unknown_verb_is_answered_with_the_nearest_one() -> None:
    """The answer is one line and exit 2."""
    asked = _capa_sync("statsu")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert asked.stderr == "capa-sync: there is no verb 'statsu'; did you mean 'status'?; see `capa-sync --help`\n"
    assert (
        _capa_sync("rules", "xyzzy").stderr
        == "capa-sync rules: there is no verb 'xyzzy'; see `capa-sync rules --help`\n"
    )


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("capa-sync st", "plain,status"),
        ("capa-sync rules ", "plain,schema"),
        ("capa-sync sync --re", "plain,--release"),
    ],
)
def test_the_shell_completes_verbs_and_options(typed: str, offered: str) -> None:
    """The completion is set up for bash as in docs/operating.md."""
    words = typed.split(" ")
    done = subprocess.run(
        [sys.executable, "-c", START],
        cwd=ROOT,
        env={**os.environ, COMPLETE: "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert offered in done.stdout.splitlines(), done
    assert done.stderr == ""


def test_the_readme_names_every_verb() -> None:
    """The table of verbs lists all verbs and no other."""
    rows = [
        line.split("|")[1].split("`")[1::2]
        for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and "/`" not in line
    ]
    named = {name.split()[0] for row in rows for name in row} - {"test", "phrases", "schema"}
    assert sorted(named) == sorted(cli.verbs)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("verb", "words"), [("hold", "also later ones"), ("unhold", "those on single tickets stay")])
def test_holding_and_ending_a_hold_tell_their_own_source(verb: str, words: str) -> None:
    """An option that two verbs have does not mean the same in both."""
    assert words in " ".join(_capa_sync("register", verb, "--help").stdout.split())
