"""Names are the terms that an engineer of Airbyte, dlt, Datasette or procrastinate knows; prose is not checked."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BANNED = frozenset(
    {
        "house", "houses", "clerk", "clerks", "desk", "weigh", "weighed", "foresight", "foreseen", "shelf",
        "shelves", "kin", "agenda", "tray", "crew", "abreast", "courier", "carrier", "carriers", "knob", "knobs",
        "nursery", "bench", "paper",
    }
)  # fmt: skip
"""Metaphors of our own that stood for runtime, worker, evaluation, table spec, related tickets, queue, …"""
STANDARD = {"service_desk": "Jira's own word", "capa_sync.sources.jira.service_desk": "the same"}
SHARED_CLASSES = frozenset[str]()
"""Class names that are allowed for more than one thing, each with its reason; there is none."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words_of(name: str) -> list[str]:
    """`_SourceContext2` -> source, context, 2."""
    return [word.lower() for word in _WORD.findall(name)]


@cache
def trees() -> dict[str, ast.Module]:
    """Every Python file of the repository, parsed."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {
        name: ast.parse((ROOT / name).read_text(encoding="utf-8"))
        for name in listed.split()
        if (ROOT / name).is_file()
    }


def names_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every name that a file defines, with its line: classes, functions, arguments, variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("test_"):  # a test's name is a sentence
                yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def test_no_name_is_a_metaphor_of_our_own() -> None:
    """Each name uses the standard word for its meaning."""
    found = [
        f"{file}:{line}: {name}"
        for file, tree in trees().items()
        for line, name in names_in(tree)
        if name.strip("_") not in STANDARD and "service_desk" not in name and BANNED & set(words_of(name))
    ]
    found += [
        file
        for file in trees()
        if "service_desk" not in file
        and "verification_desk" not in file  # names that others gave
        and BANNED & {word for part in file.split("/") for word in words_of(part)}
        and not file.startswith("benchmarks/")
    ]
    assert found == []


def test_a_class_name_of_the_package_means_one_thing() -> None:
    """No two public classes of the package share a name."""
    places = defaultdict(list)
    for file, tree in trees().items():
        if file.startswith("capa_sync/"):
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(file)
    doubled = {name: files for name, files in places.items() if len(files) > 1 and name not in SHARED_CLASSES}
    assert doubled == {}
