"""Waivers that members of the waiver group ask for on the page: checked as `waive` does it, left for the daemon."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from capa_sync.cli.context import open_for_reading, register_path
from capa_sync.errors import UserError
from capa_sync.model.clock import Clock
from capa_sync.settings import Settings

if TYPE_CHECKING:
    from capa_sync.daemon.runtime import Runtime
    from capa_sync.store import Register
    from capa_sync.wiring import Configuration


class PageWaiving:
    """Implements `capa_sync.model.page.Waiving` by the register's live set, which is loaded when another is live."""

    def __init__(self, settings: Settings, config: Path, clock: Clock) -> None:
        self._settings, self._config, self._clock = settings, config, clock
        self._path = register_path(config, settings)
        self._loaded: tuple[int, Configuration] | None = None

    def may(self, name: str) -> bool:
        """Return whether somebody may waive; nobody may while the live set cannot be loaded."""
        try:
            with open_for_reading(self._path, self._clock) as register:
                mappings = self._configuration(register).mappings.values()
        except UserError:
            return False
        groups = [
            (mapping.people, mapping.people.groups.get(mapping.people.waiver_group, ())) for mapping in mappings
        ]
        return any(name in members and name not in people.gone for people, members in groups)

    def waive(self, ticket: str, rule: str, until: str, reason: str, by: str) -> bool:
        """Leave a request for a waiver. Raises UserError when it would not count."""
        from capa_sync.daemon.waiver_requests import WaiverWish, waiting_waiver_of
        from capa_sync.model.waiver import Way
        from capa_sync.store import WAIVE, waiver_as_json

        wish = WaiverWish(ticket, rule, until, reason, by, "", recorded_by=getpass.getuser(), way=Way.PAGE)
        with self._runtime() as runtime:
            waiver, waits = waiting_waiver_of(runtime, wish, self._clock.now())
        self._leave(WAIVE, {**waiver_as_json(waiver), "waits": waits})
        return waits

    def approve(self, ticket: str, rule: str, by: str) -> None:
        """Leave a request for a second person. Raises UserError when nothing waits, or this person may not."""
        from capa_sync.daemon.waiver_requests import approval_of
        from capa_sync.store import APPROVE

        with self._runtime() as runtime:
            waiver = approval_of(runtime, ticket, rule, by, self._clock.now())
        asked = {"source": waiver.source, "ticket_id": waiver.ticket_id, "id": waiver.id, "by": waiver.approved_by}
        self._leave(APPROVE, asked)

    @contextmanager
    def _runtime(self) -> Iterator[Runtime]:
        from capa_sync.wiring import build_runtime_for_reading

        with open_for_reading(self._path, self._clock) as register:
            yield build_runtime_for_reading(self._configuration(register), register, self._clock)

    def _configuration(self, register: Register) -> Configuration:
        """Return the live set; where none is live, the set that `sync` will take."""
        from capa_sync.live.settle import settle
        from capa_sync.wiring import set_up

        live = register.verdict_sets.live()
        if live is not None and self._loaded is not None and self._loaded[0] == live.number:
            return self._loaded[1]
        setup = set_up(self._settings, self._config, os.environ, with_secrets=False)
        now = self._clock.now()
        found = settle(setup, register, now, getpass.getuser(), stores=False, keeps_live=True).configuration
        self._loaded = (live.number, found) if live is not None else None
        return found

    def _leave(self, verb: str, asked: Mapping[str, object]) -> None:
        from capa_sync.daemon.requests import ask
        from capa_sync.store import open_register

        now = self._clock.now()
        with open_register(self._path, clock_now=now, now=self._clock.now, create=False) as register:
            ask(register, verb, asked, now)
