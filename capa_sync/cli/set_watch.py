"""The verdict sets of a daemon: what is live in its register, and edits of the files that its settings name."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from capa_sync.cli.context import equipped_runtime, first_configuration
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import UserError
from capa_sync.live.changing import activate
from capa_sync.live.compare import unactivated
from capa_sync.live.files import verdict_set_of, with_verdict_settings
from capa_sync.live.settle import settle
from capa_sync.model.clock import Clock
from capa_sync.model.userfile import yaml_files
from capa_sync.model.verdict_set import How, VerdictSet
from capa_sync.settings import load_settings
from capa_sync.starter import rule_paths
from capa_sync.store import Register
from capa_sync.wiring import Configuration, Setup, configured

Signature = frozenset[tuple[str, int, int, int]]
"""Path, modification time in nanoseconds, size and inode of each file."""


class SetWatch:
    """Sees edits by looking at the files, which works on every file system; implements `daemon.live_sets.LiveSets`.

    Args:
        setup: as the daemon started with; of an edited settings file only what decides a verdict is read again.
        clock: the time. stop: as in `Runtime`.
    """

    def __init__(self, setup: Setup, clock: Clock, stop: threading.Event) -> None:
        self._setup = setup
        self._clock = clock
        self._stop = stop
        self._register: Register | None = None
        self._first = first_configuration(setup)
        self._people: frozenset[Path] = frozenset()
        self._judged = self._edited = self._signature(setup)

    def first(self, register: Register) -> Configuration:
        """Return the configuration that the daemon starts with."""
        self._register = register
        return self._settle(register, self._first)

    def runtime(self) -> Runtime:
        """Return a runtime with the live set."""
        register = self._opened()
        return equipped_runtime(self._settle(register, None), register, self._clock, self._stop)

    def look(self) -> None:
        """Look for edits; a set is checked once its files have been the same for two looks."""
        signature = self._signature(self._setup)
        if signature != self._edited:
            self._edited = signature  # somebody may still be saving
        elif signature != self._judged:
            self._judged = signature
            self._check(self._opened())

    def _opened(self) -> Register:
        assert self._register is not None  # noqa: S101 - `first` was called
        return self._register

    def _settle(self, register: Register, first: Configuration | None) -> Configuration:
        found = settle(
            self._setup,
            register,
            self._clock.now(),
            getpass.getuser(),
            stores=True,
            is_lenient=True,
            first=first,
        )
        mappings = found.configuration.mappings.values()
        self._people = frozenset(
            self._setup.folder / mapping.people.file for mapping in mappings if mapping.people.file
        )
        if found.note:
            log(LogAction.SET_ACTIVATED, why=found.note)
        for problem in found.refused:
            log(LogAction.SET_REFUSED, level="warning", problem=str(problem))
        if found.waiting and not found.refused:
            log(LogAction.SET_WAITS, changed=", ".join(found.waiting))
        return found.configuration

    def _check(self, register: Register) -> None:
        """Check and test the set in the files; make it live, or log that it waits or why it is refused."""
        live = register.verdict_sets.live()
        stored = register.verdict_sets.load(live.set_hash) if live is not None else VerdictSet(())
        try:
            self._setup = setup = self._edited_setup()
            changed = unactivated(setup.settings, setup.folder, stored)
            if not changed:
                return
            saved = configured(setup)
        except UserError as error:
            for problem in error.problems:
                log(LogAction.SET_REFUSED, level="warning", problem=str(problem))
            return
        if setup.settings.rules_live == "on_save":
            now, by = self._clock.now(), getpass.getuser()
            activate(register, verdict_set_of(saved), saved, now, by, How.ON_SAVE)
            log(LogAction.SET_ACTIVATED, how=How.ON_SAVE.value, changed=", ".join(changed))
        else:
            log(LogAction.SET_WAITS, changed=", ".join(changed))

    def _edited_setup(self) -> Setup:
        """Return the setup with what decides a verdict as the settings file says now. Raises UserError."""
        file = self._setup.file
        return with_verdict_settings(self._setup, load_settings(file, os.environ), file)

    def _signature(self, setup: Setup) -> Signature:
        try:
            return frozenset(filter(None, map(_stat_of, self._files(setup))))
        except UserError:  # it is reported when the set is loaded
            return frozenset()

    def _files(self, setup: Setup) -> Iterator[Path]:
        yield setup.file
        yield from yaml_files(rule_paths(setup.settings.rules, setup.folder))
        yield from (setup.folder / source.mapping for source in setup.settings.sources.values())
        yield from self._people


def _stat_of(file: Path) -> tuple[str, int, int, int] | None:
    try:
        found = file.stat()
    except OSError:  # it is reported when the set is loaded
        return None
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino
