"""`python -m tests.tools.mutants [MODULE ...]`: mutation testing with mutmut, module by module, by unit tests alone.

mutmut changes one operator, argument or literal of one function at a time; the unit tests must fail for each change.
The script prints killed and surviving mutants of each module, and each survivor that `same_program.toml` does not
list. It ends with 1 when fewer than 90 % of a module's mutants are killed, when a survivor of a module whose every
mutant must be killed is not listed, or when an entry of the list matches no survivor.

`--again` tests only the survivors of the last run again. Work files stay in `.mutants/`, one folder for each module.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutants"
LIST = Path(__file__).with_name("same_program.toml")
LEAST_KILLED = 0.9
_KILLED = {1, 3, 24, 36, 152, 255, -9, -11, -24}
"""Exit codes of mutmut's test process: a failed test, a crash, or a run that does not end."""
_LINKED = ("capa_sync", "tests", "rules", "mappings", "deploy", "docs", "benchmarks", "README.md", "pyproject.toml")


@dataclass(frozen=True)
class Module:
    """A part of the program that is tested as one.

    Attributes:
        files: patterns of its source files. tests: the unit tests that must kill its mutants.
        every: each survivor must be listed as the same program.
        without: tests that are left out, because they take long and concern other files.
        compiled: the code runs when a phrase is compiled, so that phrases are compiled anew for each mutant.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    every: bool = False
    without: tuple[str, ...] = ()
    compiled: bool = False


_EVALUATION = ("evaluate", "conditions", "ruleset", "context", "gates", "calendar", "profiles", "moments")
_QUICK = tuple(
    f"tests/unit/rules/test_{name}.py"
    for name in (
        "calendar",
        "edges",
        "gates",
        "history_of_a_record",
        "limits_of_time",
        "parts_of_a_verdict",
        "read_digests",
        "rule_files",
        "shipped_rules",
        "truth",
        "verdict_words",
        "vocabulary",
    )
)
"""The unit tests of rules without those of whole lives, of references and of texts, which take minutes."""
_OF_PHRASES = tuple(
    f"tests/unit/rules/test_{name}.py"
    for name in (
        "answers_about_actions",
        "answers_about_closing",
        "answers_about_dates",
        "answers_about_history",
        "answers_about_moved_dates",
        "answers_about_order",
        "answers_about_values",
        "languages",
        "neighbours",
        "phrase_parts",
        "refused_phrases",
        "registered_phrases",
        "suggestions",
        "truth",
        "vocabulary",
    )
)
MODULES: Mapping[str, Module] = {
    "evaluation": Module(tuple(f"capa_sync/rules/{name}.py" for name in _EVALUATION), _QUICK, every=True),
    "phrases": Module(("capa_sync/rules/phrases/*.py",), _OF_PHRASES, compiled=True),
    "findings": Module(("capa_sync/findings/*.py",), ("tests/unit/findings",)),
    "guard": Module(("capa_sync/writeback/guard.py",), ("tests/unit/writeback/test_guard.py",), every=True),
    "plan": Module(
        tuple(f"capa_sync/writeback/{name}.py" for name in ("plan", "desired_state", "reported")),
        tuple(f"tests/unit/writeback/test_{name}.py" for name in ("plan", "render", "reported_writes")),
        without=(
            "tests/unit/writeback/test_render.py::test_no_text_is_longer_than_the_limit_or_has_control_characters",
        ),
    ),
    "timeline": Module(
        ("capa_sync/mapping/timeline.py", "capa_sync/mapping/stages.py"),
        ("tests/unit/mapping/test_history_steps.py", "tests/unit/mapping/test_stages.py"),
    ),
    "cursors": Module(
        (
            "capa_sync/sources/jira/sweep.py",
            "capa_sync/sources/servicenow/state.py",
            "capa_sync/sources/servicenow/keyset.py",
        ),
        (
            "tests/unit/sources/jira/test_jira_sweep.py",
            "tests/unit/sources/servicenow/test_servicenow_answers.py",
            "tests/unit/sources/servicenow/test_servicenow_cursor.py",
            "tests/unit/sources/servicenow/test_servicenow_keyset.py",
        ),
        every=True,
    ),
}


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test killed: the function, its source text, and the text in the mutant."""

    name: str
    function: str
    was: str
    now: str

    def matches(self, entry: Mapping[str, str]) -> bool:
        """Return whether an entry of the list means this mutant."""
        return (self.function, self.was, self.now) == (entry["function"], _plain(entry["was"]), _plain(entry["now"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the modules and return the exit code."""
    parser = argparse.ArgumentParser(prog="mutants", description="mutation testing by unit tests alone")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--again", action="store_true", help="test only the survivors of the last run again")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many mutants at a time")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.modules) - set(MODULES)):
        parser.error(f"no module {', '.join(unknown)}: choose from {', '.join(MODULES)}")
    entries = list(_listed())
    lines, missed = [f"{'module':12}{'mutants':>9}{'killed':>9}{'listed':>9}{'open':>7}{'killed %':>10}"], 0
    for name in options.modules or MODULES:
        results = run(name, again=options.again, processes=options.processes)
        survivors = list(survivors_of(name, results))
        mine = [entry for entry in entries if entry["module"] == name]
        unlisted = [survivor for survivor in survivors if not any(map(survivor.matches, mine))]
        stale = [entry for entry in mine if not any(survivor.matches(entry) for survivor in survivors)]
        share = 1 - len(survivors) / len(results)
        missed += share < LEAST_KILLED or bool(stale) or (MODULES[name].every and bool(unlisted))
        _report(unlisted, stale)
        killed, listed = len(results) - len(survivors), len(survivors) - len(unlisted)
        lines.append(f"{name:12}{len(results):9}{killed:9}{listed:9}{len(unlisted):7}{share:10.1%}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if missed else 0


def _listed() -> Iterator[Mapping[str, str]]:
    """Yield the entries of the list, one for each text in the mutant; an entry may have several."""
    for entry in tomllib.loads(LIST.read_text(encoding="utf-8")).get("same", []):
        texts = entry["now"]
        yield from (entry | {"now": text} for text in ([texts] if isinstance(texts, str) else texts))


def run(name: str, *, again: bool, processes: int) -> dict[str, int]:
    """Run mutmut on a module, and return the exit code of the tests by mutant."""
    folder = WORK / name
    if not again:
        shutil.rmtree(folder, ignore_errors=True)
        _prepare(folder, MODULES[name])
    _mutmut(folder, MODULES[name], processes)
    if left := [mutant for mutant, code in _results(folder).items() if code not in _KILLED]:
        _mutmut(folder, MODULES[name], processes, *left)
    results = _results(folder)
    if untested := [mutant for mutant, code in results.items() if code is None]:
        raise SystemExit(f"{len(untested)} mutants of {name} were not tested: run {name} again")
    return {mutant: code for mutant, code in results.items() if code is not None}


def _mutmut(folder: Path, module: Module, processes: int, *mutants: str) -> None:
    """Run mutmut on all mutants without a result, or on these; what it prints goes to `log.txt` in the folder.

    Mutants that are named are tested in processes that import the program anew. This takes longer, so that only the
    survivors of a first run are tested in this way.
    """
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", str(processes), *mutants]
    env = os.environ | {
        "PYTHONPATH": str(folder),
        "CAPA_SYNC_FRESH_IMPORTS": "1" if mutants else "",
        "CAPA_SYNC_COMPILE_ANEW": "1" if module.compiled else "",
    }
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(command, cwd=folder, check=False, env=env, stdout=output, stderr=output)
    if done.returncode:
        raise SystemExit(f"mutmut failed; the end of {log}:\n{log.read_text(encoding='utf-8')[-3000:]}")


def survivors_of(name: str, results: Mapping[str, int]) -> Iterator[Survivor]:
    """Yield the mutants of a module that no test killed."""
    with contextlib.chdir(WORK / name):
        # mutmut reads the settings of the folder in which it is imported
        from mutmut.configuration import reset_config
        from mutmut.mutation.diff_apply import get_diff_for_mutant

        reset_config()
        for mutant in sorted(mutant for mutant, code in results.items() if code not in _KILLED):
            lines = get_diff_for_mutant(mutant).splitlines()[3:]
            was, now = (_plain("\n".join(line[1:] for line in lines if line[0] == sign)) for sign in "-+")
            yield Survivor(mutant, _function(mutant), was, now)


def _prepare(folder: Path, module: Module) -> None:
    """Make the folder in which mutmut runs: links to the sources, and its settings."""
    folder.mkdir(parents=True)
    for link in _LINKED:
        (folder / link).symlink_to(ROOT / link)
    settings: dict[str, Iterable[str]] = {
        "source_paths": ("capa_sync",),
        "only_mutate": module.files,
        "also_copy": [link for link in _LINKED if link not in ("capa_sync", "tests", "pyproject.toml")],
        "pytest_add_cli_args": (
            *("-p", "tests.tools.fresh_imports", "--hypothesis-seed=0"),
            *("--tb=no", "--assert=plain"),  # why a test failed is not shown
            *("-p", "no:cacheprovider", "-p", "no:unraisableexception"),  # the latter collects garbage at each end
            *(f"--deselect={name}" for name in module.without),
        ),
        "pytest_add_cli_args_test_selection": module.tests,
    }
    text = "[mutmut]\n" + "".join(f"{key} =\n" + "".join(f"  {line}\n" for line in settings[key]) for key in settings)
    (folder / "setup.cfg").write_text(text, encoding="utf-8")


def _results(folder: Path) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for meta in sorted((folder / "mutants" / "capa_sync").rglob("*.py.meta")):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def _function(mutant: str) -> str:
    """Return `package.module.Class.function` of a mutant's name."""
    module, _, name = mutant.rpartition(".")
    name = re.sub(r"__mutmut_\d+$", "", name)
    return f"{module}.{name.removeprefix('x_') if name.startswith('x_') else name[2:].replace('ǁ', '.')}"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _report(unlisted: Iterable[Survivor], stale: Iterable[Mapping[str, str]]) -> None:
    for survivor in unlisted:
        sys.stdout.write(f"survived: {survivor.function}\n  was: {survivor.was}\n  now: {survivor.now}\n")
    for entry in stale:
        sys.stdout.write(f"listed, but did not survive: {entry['function']}\n  now: {entry['now']}\n")


if __name__ == "__main__":
    raise SystemExit(main())
