"""The error tree drawn in `errors` matches the tree of its classes."""

from __future__ import annotations

import inspect
import re

from capa_sync import errors
from capa_sync.errors import CapaSyncError, Problem, SourceError, UserError


def drawn() -> dict[str, tuple[str, str]]:
    """Return by class name its parent and the text in its brackets, as drawn."""
    lines = [
        line for line in (errors.__doc__ or "").splitlines() if re.match(r"[│├└ ]*[A-Z]\w+Error$|[│ ]*[├└] ", line)
    ]
    found: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    for line in lines:
        depth = len(re.match(r"[│├└ ]*", line)[0]) // 2  # type: ignore[index]
        for drawing in re.split(r"\s{2,}", line[depth * 2 :])[0].split(" · "):
            match = re.fullmatch(r"(\w+)(?:\((\w+)\))?(?: .*)?", drawing)
            assert match, line
            found[match[1]] = (above[depth - 1] if depth else "", match[2] or "")
            above = [*above[:depth], match[1]]
    return found


def classes() -> dict[str, type[CapaSyncError]]:
    """Return the error classes of the module by name."""
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, CapaSyncError) and kind.__module__ == errors.__name__
    }


def test_every_error_is_drawn_under_its_parent() -> None:
    """The drawing has each class once, under the class that it extends."""
    parents = {name: kind.__bases__[0].__name__ for name, kind in classes().items() if kind is not CapaSyncError}
    assert {name: parent for name, (parent, _) in drawn().items()} == parents | {"CapaSyncError": ""}


def test_a_name_in_brackets_is_an_argument() -> None:
    """An argument in the drawing is one that the class takes and keeps."""
    for name, (_, argument) in drawn().items():
        if argument:
            assert argument in inspect.signature(classes()[name]).parameters, name


def test_a_long_message_is_cut() -> None:
    """What a tracker sends fills no log and no register."""
    error = SourceError("jira", "GET issue/" + "x" * 600_000)
    assert len(str(error)) < 3_000
    assert error.message.endswith("…")


def test_a_mistake_in_a_file_that_several_sources_read_is_told_once() -> None:
    """Three mappings with one people file find its mistake three times; the order stays."""
    first, second = Problem("people.yaml", 18, "a key stands here twice"), Problem("people.yaml", 9, "no such key")
    error = UserError([first, second, first, Problem("people.yaml", 18, "a key stands here twice")])
    assert error.problems == [first, second]
    assert str(error) == f"{first}\n{second}"
