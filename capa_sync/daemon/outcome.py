"""The possible outcomes of evaluating one due ticket; plain values that can be sent between processes."""

from __future__ import annotations

from capa_sync.daemon.plan_cache import PickledPlan
from capa_sync.findings import What
from capa_sync.model.light import light
from capa_sync.store import JudgedRows


@light
class Quarantined:
    """A quarantined ticket: it cannot be judged, for these reasons."""

    ticket_id: str
    reasons: tuple[str, ...]


@light
class NotMirrored:
    """A ticket that is not judged: its present content is unknown, or it is gone and was never judged."""

    ticket_id: str


@light
class LeftToPrimary:
    """A duplicate of a joined record: the primary ticket carries the record."""

    ticket_id: str


@light
class Evaluated:
    """What to store of a judged record, and what happened to its findings: (what, rule).

    `plan` is made at once, because the record is in memory; None for a ticket that never had a finding or a write.
    """

    ticket_id: str
    rows: JudgedRows
    events: tuple[tuple[What, str], ...]
    plan: PickledPlan | None


Outcome = Quarantined | NotMirrored | LeftToPrimary | Evaluated
