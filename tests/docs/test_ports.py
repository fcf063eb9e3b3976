"""Ports are used: each protocol is the type of something, and each of its methods is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORTS = ROOT / "capa_sync" / "ports"


@cache
def trees() -> dict[Path, ast.Module]:
    """Return every file of the program, parsed; not at import, which each test worker does."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "capa_sync").rglob("*.py"))}


def protocols() -> Iterator[tuple[Path, ast.ClassDef]]:
    """Yield every protocol of the program with its file."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
                yield path, node


def annotations(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield all annotations of a module, and the bounds of its type variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield node.returns
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "TypeVar":
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "bound")


@cache
def names_in_types() -> dict[Path, set[str]]:
    """Return the names that each file uses as types."""
    return {
        path: {part.id for found in annotations(tree) for part in ast.walk(found) if isinstance(part, ast.Name)}
        for path, tree in trees().items()
    }


def typed_by(name: str) -> list[Path]:
    """Return the files in which something is typed by this name."""
    return [path for path, names in names_in_types().items() if name in names]


@cache
def called() -> frozenset[str]:
    """Return the names of all attributes that are read anywhere outside the ports."""
    return frozenset(
        node.attr
        for path, tree in trees().items()
        if not path.is_relative_to(PORTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    )


def test_something_is_typed_by_each_protocol() -> None:
    """A protocol that is the type of nothing checks nothing, so it must be used or removed."""
    names = [node.name for _, node in protocols()]
    assert len(names) > 5
    assert not [name for name in names if not typed_by(name)]


def test_each_port_is_named_outside_of_the_ports() -> None:
    """Another module uses the port as a type, or gets it from another port."""
    names = [node.name for path, node in protocols() if path.is_relative_to(PORTS)]
    assert len(names) > 5
    assert not [
        name for name in names if all(path.is_relative_to(PORTS) for path in typed_by(name)) and name != "Parser"
    ]


def test_each_method_of_a_port_is_called() -> None:
    """No port demands a method that is never called."""
    methods = {
        f"{node.name}.{part.name}"
        for path, node in protocols()
        if path.is_relative_to(PORTS)
        for part in node.body
        if isinstance(part, ast.FunctionDef)
    }
    assert not {method for method in methods if method.partition(".")[2] not in called()}


def test_the_store_is_reached_through_its_package_alone() -> None:
    """Other packages use the typed interface of the store's package: they import none of its modules."""
    behind = {
        f"{path.relative_to(ROOT)}: {node.module}"
        for path, tree in trees().items()
        if "store" not in path.relative_to(ROOT).parts
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("capa_sync.store.")
    }
    assert not behind
