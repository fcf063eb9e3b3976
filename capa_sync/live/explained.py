"""Every verdict on a ticket for the page, as `capa-sync explain` prints it, judged by the live set."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from capa_sync.daemon.explaining import explain_ticket
from capa_sync.live.settle import settle
from capa_sync.model.clock import Clock
from capa_sync.model.workshop import ExplainedTicket
from capa_sync.rules import explain_lines
from capa_sync.settings import Settings
from capa_sync.store import Register
from capa_sync.wiring import Configuration, build_runtime_for_reading, set_up


class TicketExplainer:
    """Explains tickets from the mirror; safe for many threads.

    Args:
        settings, file: as the page was started with. clock: the time.
    """

    def __init__(self, settings: Settings, file: Path, clock: Clock) -> None:
        self._settings, self._file, self._clock = settings, file, clock
        self._loaded: tuple[int, Configuration] | None = None
        self._lock = threading.Lock()

    def explain(self, register: Register, source: str, ticket_id: str) -> Sequence[ExplainedTicket]:
        """Explain one mirrored ticket, or say why it is not known. Raises UserError where no set can be loaded."""
        runtime = build_runtime_for_reading(self._configuration(register), register, self._clock)
        name = f"{source}:{register.tickets.key(source, ticket_id)}"
        return [
            ExplainedTicket(
                found.headline,
                found.notes,
                [explain_lines(verdict, found.timezone, found.names) for verdict in found.verdicts],
            )
            for found in explain_ticket(runtime, name, self._clock.now())
        ]

    def _configuration(self, register: Register) -> Configuration:
        """Return the live set, loaded again when another one is live; where none is, the one that is to come."""
        live = register.verdict_sets.live()
        with self._lock:
            if live is not None and self._loaded is not None and self._loaded[0] == live.number:
                return self._loaded[1]
            setup = set_up(self._settings, self._file, os.environ, with_secrets=False)
            by = getpass.getuser()
            found = settle(setup, register, self._clock.now(), by, stores=False, keeps_live=True).configuration
            self._loaded = (live.number, found) if live is not None else None
            return found
