"""Loads a library without other libraries that it would load where they are installed, and that we do not need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Make these modules appear not to be installed, but where they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's mark of an absent module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
