"""Which records are kept no longer: those that ended longer ago than the settings keep them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from capa_sync.daemon.erasing import ErasureScope, owners_of, scope_of
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.light import light


@light
class Outlived:
    """A record whose time is over.

    Attributes:
        scope: what its erasure takes. ended_at: when it was closed, rejected, cancelled, or deleted on its tracker.
        needed_by: records whose time is not over and that have one of its tickets as an action: it goes with them.
    """

    scope: ErasureScope
    ended_at: datetime
    needed_by: frozenset[tuple[str, str]]

    @property
    def may_go(self) -> bool:
        """Whether nothing keeps it."""
        return not self.scope.holds and not self.needed_by


def outlived(runtime: Runtime, now: datetime, sources: Collection[str] | None = None) -> Iterator[Outlived]:
    """Yield the records whose time is over, the longest ended first; of these sources alone, where they are given."""
    ended = runtime.register.erasures.ended_before(now - runtime.retention.keep)
    for (source, ticket_id), ended_at in ended.items():
        if sources is not None and source not in sources:
            continue
        scope = scope_of(runtime, source, ticket_id)
        owners = {owner for ticket in scope.tickets for owner in owners_of(runtime, ticket)}
        yield Outlived(scope, ended_at, frozenset(owners - ended.keys() - set(scope.tickets)))
