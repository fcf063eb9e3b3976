"""Loads sqlite-utils, the library that opens the register and runs its migrations, without pandas and numpy.

sqlite-utils loads both where they are installed, to recognise their values. We store none of them, and they cost each
process 85 MiB and more CPU time than all its other imports together.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Make these modules appear not to be installed, but where they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's mark of an absent module
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _absent("pandas", "numpy"):
    from sqlite_utils import Database as Library
    from sqlite_utils import Migrations

__all__ = ["Library", "Migrations"]
