"""The instant at which a record is judged, and the instant at which it is judged again because time alone passes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from capa_sync.daemon.inputs import PipelineInputs
from capa_sync.daemon.waiving import TicketWaivers
from capa_sync.model.finding import Verdict
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import Presence


def judged_at(inputs: PipelineInputs, record: CapaRecord) -> datetime:
    """Return the instant at which a record is judged: now, or the instant when its ticket was no longer there.

    Time alone therefore changes no verdict on a ticket that vanished.
    """
    if record.presence is Presence.PRESENT:
        return inputs.now
    tickets = inputs.past or inputs.register.tickets
    since = tickets.presence_since(record.source, record.ticket_id)
    return min(since, inputs.now) if since is not None else inputs.now


def next_due_at(record: CapaRecord, verdicts: Iterable[Verdict], waivers: TicketWaivers) -> datetime | None:
    """Return the earliest instant at which time alone may change a verdict or end a waiver.

    None for a ticket that vanished.
    """
    if record.presence is not Presence.PRESENT:
        return None
    instants = [verdict.next_due for verdict in verdicts if verdict.next_due is not None]
    if waivers.next_end is not None:
        instants.append(waivers.next_end)
    return min(instants, default=None)
