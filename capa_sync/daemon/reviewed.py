"""What one record showed at a past instant, for the management review."""

from __future__ import annotations

from capa_sync.daemon.explaining_past import judge_past
from capa_sync.daemon.past import map_past
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.model.record import Unmapped
from capa_sync.model.review import ReviewRecord
from capa_sync.model.ticket import Presence
from capa_sync.register.review_facts import review_facts

_UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})


def reviewed_record(
    runtime: Runtime, context: SourceContext, ticket_id: str, mirror: PastMirror
) -> ReviewRecord | str | None:
    """Return what a record shows, why that is not known, or None where it was not there or speaks through another.

    The runtime's mappings are bound to the facts of the mirror's instant.
    """
    presence = mirror.presence(context.name, ticket_id)
    if presence in _UNSEEN:
        return f"not counted: its presence was {presence}"
    inputs = runtime.inputs(context, mirror.at)
    record = map_past(inputs, ticket_id, mirror)
    if isinstance(record, Unmapped):
        return "not counted: the ticket could not be mapped"
    if record is None or (record.source, record.ticket_id) != (context.name, ticket_id):
        return None
    return review_facts(record, judge_past(inputs, record, mirror, explain=False), runtime.options.timezone)
