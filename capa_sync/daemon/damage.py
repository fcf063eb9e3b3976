"""Checks the register for damage, one table at a time, so that a bad disk is noticed before a restore."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

from capa_sync.errors import RegisterUnavailable
from capa_sync.store import Register


class DamageWatch:
    """Checks one table per call, in a separate thread, because a large table takes seconds.

    Args:
        register: the register to check.
        on_damage: called with the error when damage is found.
    """

    def __init__(self, register: Register, on_damage: Callable[[RegisterUnavailable], None]) -> None:
        self._register = register
        self._on_damage = on_damage
        self._tables = itertools.cycle(register.tables)
        self._looking: threading.Thread | None = None

    def look(self) -> None:
        """Start the check of the next table, unless the last check is still running."""
        if self._looking is not None and self._looking.is_alive():
            return
        table = next(self._tables)
        self._looking = threading.Thread(target=self.look_through, args=(table,), name="damage-watch", daemon=True)
        self._looking.start()

    def look_through(self, table: str) -> None:
        """Check one table."""
        try:
            self._register.check_damage(table)
        except RegisterUnavailable as error:
            self._on_damage(error)
