"""Looks through the register for damage, a table at a time, so that a bad disk is not first met by a restore."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import Register


class DamageWatch:
    """Takes the next table at each look, in a thread of its own: a large one takes seconds.

    Args:
        register: what to look through.
        on_damage: told what was found.
    """

    def __init__(self, register: Register, on_damage: Callable[[RegisterUnavailable], None]) -> None:
        self._register = register
        self._on_damage = on_damage
        self._tables = itertools.cycle(register.tables)
        self._looking: threading.Thread | None = None

    def look(self) -> None:
        """Begin to look through the next table, unless the last one still takes its time."""
        if self._looking is not None and self._looking.is_alive():
            return
        table = next(self._tables)
        self._looking = threading.Thread(target=self.look_through, args=(table,), name="damage-watch", daemon=True)
        self._looking.start()

    def look_through(self, table: str) -> None:
        """Look through one table."""
        try:
            self._register.check_damage(table)
        except RegisterUnavailable as error:
            self._on_damage(error)
