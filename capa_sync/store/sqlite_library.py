"""Loads sqlite-utils, the library that opens the register and runs its migrations, without pandas and numpy.

sqlite-utils loads both where they are installed, to recognise their values. We store none of them, and they cost each
process 85 MiB and more CPU time than all its other imports together.
"""

from __future__ import annotations

from capa_sync.absent_modules import absent

with absent("pandas", "numpy"):
    from sqlite_utils import Database as Library
    from sqlite_utils import Migrations

__all__ = ["Library", "Migrations"]
