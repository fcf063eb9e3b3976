"""Checks the form of a line of a sandbox file before it is loaded, so that a mistake is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ID = "a text or a number"
OBJECT: Mapping[str, Any] = {}

Shape = Any
"""What a value must be: `ID`, a list of one shape for each entry, or an object with shapes by name.

A name that ends with `!` is needed; every other one may be absent or null, and further names are allowed.
"""


class ShapeError(ValueError):
    """A line has not the form of the file; the message says what is wrong where."""


def check_shape(value: object, shape: Shape, path: str = "this line") -> None:
    """Raise ShapeError for the first part of a value that has another form than the shape says."""
    if isinstance(shape, Mapping):
        _check_object(value, shape, path)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _wrong(path, "a list", value)
        for number, entry in enumerate(value, 1):
            check_shape(entry, shape[0], f"entry {number} of {path}")
    elif not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _wrong(path, ID, value)


def _check_object(value: object, shape: Mapping[str, Shape], path: str) -> None:
    if not isinstance(value, dict):
        raise _wrong(path, "an object", value)
    prefix = "" if path == "this line" else f"{path}."
    for noted, part in shape.items():
        name = noted.removesuffix("!")
        if value.get(name) is not None:
            check_shape(value[name], part, _joined(prefix, name))
        elif noted != name:
            message = f"{path} needs `{name}`"
            raise ShapeError(message)


def _joined(prefix: str, name: str) -> str:
    """Return the place of a member: `a.b`, and in an entry of a list `c` of entry 3 of `a.b`."""
    if prefix.startswith("entry "):
        return f"`{name}` of {prefix.removesuffix('.')}"
    return f"`{prefix.replace('`', '')}{name}`"


def _wrong(path: str, wanted: str, found: object) -> ShapeError:
    return ShapeError(f"{path} must be {wanted}, and is {_KINDS.get(type(found), 'a number')}")


_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
