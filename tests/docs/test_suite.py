"""The suite itself: what it says when data is absent, and what its tests wait for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.samples import ALL, SHARE

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE = '''"""Four tests, three of which need what is not there."""

from __future__ import annotations

import pytest

from tests.absent_data import DATA, SPECS, needs, require


@needs(DATA / "no-such-site")
@pytest.mark.parametrize("number", [1, 2])
def test_of_data(number: int) -> None:
    raise AssertionError


def test_of_specs() -> None:
    require(SPECS / "no-such-vendor")
    raise AssertionError


def test_of_a_program() -> None:
    pytest.skip("nothing of that name is installed")
'''


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_skipped_for_absent_data_is_one_line(tmp_path: Path, workers: str) -> None:
    """Tests that lack data beside the repository are counted in one line; any other skip keeps its own."""
    (tmp_path / "test_sample.py").write_text(_SAMPLE, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", "-n", workers, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PY_COLORS": "0"}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if "absent" in line] == [
        "3 tests skipped for absent data: ../shared/data (2), ../shared/specs (1)"
    ]
    [other] = [line for line in lines if line.startswith("SKIPPED [1]")]
    assert other.endswith("test_sample.py:22: nothing of that name is installed")
    assert "4 skipped" in lines[-1]


def test_nobody_else_looks_for_data_beside_the_repository() -> None:
    """One module knows where such data is, so that no skip for its absence is left out of that line."""
    words = ('/ "' + 'shared"', "/" + "work/", '"../' + "shared")
    listed = subprocess.run(["git", "ls-files", "tests"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if name.endswith(".py") and name != "tests/absent_data.py"]
    assert [name for name in names if any(word in (ROOT / name).read_text(encoding="utf-8") for word in words)] == []


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node


def impatient(tree: ast.AST) -> Iterator[int]:
    """Yield the lines in which a test gives up after a number of seconds of its own, or compares a time with one."""
    for name, call in calls(tree):
        named = [word.value for word in call.keywords if word.arg == "timeout" and name != "timeout"]
        given = call.args[:1] if name in ("wait", "join", "communicate") else []
        if any(_seconds(value) for value in [*named, *given]):
            yield call.lineno
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Lt, ast.LtE)):
            clocks = {"monotonic", "perf_counter", "time"}
            if _seconds(node.comparators[0]) and clocks & {name for name, _ in calls(node.left)}:
                yield node.lineno


def _seconds(value: ast.expr) -> bool:
    """Say whether a value is a number of seconds that a busy machine may need; a pause or a test's input is less."""
    return isinstance(value, ast.Constant) and isinstance(value.value, (int, float)) and 1 <= value.value < PATIENCE


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("process.wait(20)", True),
        ("thread.join(timeout=5)", True),
        ("requests.get(url, timeout=10)", True),
        ("assert time.monotonic() - began < 25", True),
        ("process.wait(PATIENCE)", False),
        ("over.wait(0.05)", False),
        ("subprocess.run(command, timeout=800)", False),
        ("assert time.monotonic() - began >= 2", False),
    ],
)
def test_impatience_is_recognised(code: str, found: bool) -> None:
    """What the next test looks for, and what it leaves alone."""
    assert bool([*impatient(ast.parse(code))]) == found


def test_no_test_gives_up_after_seconds_of_its_own() -> None:
    """All patience is one constant, so that a busy machine fails no test."""
    found = [f"{file}:{line}" for file in (ROOT / "tests").rglob("*.py") for line in impatient(parsed(file))]
    assert found == []


def test_processes_are_signalled_by_those_who_wait_for_them() -> None:
    """A bare process id may be a stranger's by now; who waits for a process knows. Any may kill itself."""
    found = [
        f"{file}:{call.lineno}"
        for file in (ROOT / "tests").rglob("*.py")
        for name, call in calls(parsed(file))
        if name in ("kill", "killpg") and call.args and "getpid()" not in ast.unparse(call.args[0])
    ]
    assert found == []


@cache
def parsed(file: Path) -> ast.Module:
    """Return the code of a file."""
    return ast.parse(file.read_text(encoding="utf-8"))


def collected(sample: str) -> list[str]:
    """Return the names of the tests of one large folder that a sample has."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--collect-only",
        "--sample",
        sample,
        "tests/sync/test_faults.py",
    ]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    return [line for line in output.splitlines() if "::" in line]


@pytest.mark.slow
def test_a_sample_has_its_share_of_each_test_and_the_same_one_again() -> None:
    """No test that is not slow is left out as a whole, and two samples differ."""
    every, one, again, other = (collected(sample) for sample in (ALL, "one", "one", "other"))
    parameters = Counter(name.partition("[")[0] for name in every)
    assert one == again != other
    assert set(one) | set(other) < set(every)
    assert Counter(name.partition("[")[0] for name in one) == {
        test: -(-number // SHARE) for test, number in parameters.items()
    }
    assert max(parameters.values()) > 2 * SHARE  # so that two of them make a sample
