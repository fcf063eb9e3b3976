"""The keys of the settings model."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from types import UnionType
from typing import get_args, get_origin

from pydantic import BaseModel


def keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of the settings model; `*` stands for a name that the user chooses."""
    for name, field in model.model_fields.items():
        here = (*path, "register" if name == "register_file" else name)
        inner, is_table = field.annotation, False
        if get_origin(inner) in (typing.Union, UnionType):
            inner = next(arg for arg in get_args(inner) if arg is not type(None))
        if get_origin(inner) is dict:
            inner, is_table = get_args(inner)[1], True
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, (*here, "*") if is_table else here)
        else:
            yield here
