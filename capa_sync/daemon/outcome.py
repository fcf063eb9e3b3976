"""What weighing one due ticket comes to; plain values that may pass between processes."""

from __future__ import annotations

from dataclasses import dataclass

from capa_sync.daemon.kept import SealedPlan
from capa_sync.findings import What
from capa_sync.store import JudgedRows


@dataclass(frozen=True, slots=True)
class Aside:
    """A ticket that cannot be judged, with the reasons."""

    ticket_id: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """A ticket of which nothing is known now."""

    ticket_id: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A ticket whose joined twin carries the record."""

    ticket_id: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is to be stored of a judged record, and what happened to its findings: (what, rule).

    `plan` is made while the record is at hand; None for a ticket that never had a finding or a write.
    """

    ticket_id: str
    rows: JudgedRows
    events: tuple[tuple[What, str], ...]
    plan: SealedPlan | None


Outcome = Aside | Unseen | HandedOver | Weighed
