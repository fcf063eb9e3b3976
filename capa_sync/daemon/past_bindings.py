"""The mappings bound to the site facts of past instants, each binding made once for the instants that share it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from capa_sync.daemon.explaining_past import facts_known_at
from capa_sync.daemon.runtime import Runtime
from capa_sync.mapping import BoundMapping, bind
from capa_sync.model.site import SiteFacts
from capa_sync.store import Register

_Known = tuple[int, str, int, int]
"""Number of the verdict set, source, and how many changes of the site had happened by the read and by the instant."""


class PastBindings:
    """Binds mappings as `bind_as_known_at` does, for one ticket at many instants.

    Args:
        register: where site facts are read. changes: source -> when its facts, or accounts that the ticket names,
            changed.
    """

    def __init__(self, register: Register, changes: Mapping[str, Collection[datetime]]) -> None:
        self._register = register
        self._changes = {source: sorted(instants) for source, instants in changes.items()}
        self._made: dict[_Known, tuple[SiteFacts, BoundMapping] | None] = {}

    def bind(self, runtime: Runtime, number: int, at: datetime, reads: Mapping[str, datetime | None]) -> None:
        """Bind the mappings of the runtime of a verdict set; `reads` are the reads that show the instant."""
        for name, context in runtime.contexts.items():
            read_by, instants = reads[name] or at, self._changes.get(name, [])
            known = (number, name, bisect_right(instants, read_by), bisect_right(instants, at))
            if known not in self._made:
                facts = facts_known_at(self._register, name, at, read_by)
                pins = self._register.facts.pins(name)
                self._made[known] = (facts, bind(context.mapping, facts, pins)) if facts is not None else None
            if (made := self._made[known]) is not None:
                context.facts, context.bound = made


def accounts_of(facts: SiteFacts | None, named: Iterable[str]) -> set[str]:
    """Return the ids of the accounts that a ticket names by id or by alias."""
    wanted = set(named)
    known = facts.accounts if facts is not None else ()
    return wanted | {account.id for account in known if not wanted.isdisjoint(account.aliases)}
