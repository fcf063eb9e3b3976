"""Which values of a record's history are not known, as its entries say: most often the mapping does not list them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from capa_sync.model.record import FieldChange
from capa_sync.model.values import ValueState

HISTORY_OF = {
    "action_started_at": ("actions", "stage"),
    "implemented_at": ("stage",),
    "closed_at": ("stage",),
    "closed_by": ("stage",),
    "replans": ("due_at",),
    "reviewed_at": ("effectiveness_result",),
}
"""Subject without a history of its own -> the subjects from whose history it is computed."""
UNSURE = frozenset({ValueState.ERROR, ValueState.UNREADABLE})
"""States of a value that is there and that no rule can judge."""


def unlisted_values(timeline: Sequence[FieldChange], fields: Iterable[str]) -> list[str]:
    """Return why past values of some fields are not known, each reason once, the oldest first."""
    named = frozenset(fields)
    values = (value for change in timeline if change.field in named for value in (change.old, change.new))
    return list(dict.fromkeys(value.reason for value in values if value.state in UNSURE and value.reason))
