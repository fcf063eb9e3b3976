"""By what a record is compared with all others: each of its requirements, with its kind of cause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from capa_sync.model.record import SIDE_STAGES, CapaRecord, Stage
from capa_sync.model.similar import SimilarKey

_TRACKS = frozenset({"nonconformity", "preventive"})
_BETWEEN = " / "
_MOST_KEYS = 20
_LONGEST = 200


def similar_keys(record: CapaRecord, columns: Mapping[str, object], timezone: str) -> list[SimilarKey]:
    """Return the keys of a record; none for one that is no nonconformity, or names no requirement or kind of cause.

    `columns` are those of its row in the register.
    """
    fields = record.fields
    category, requirements = fields["cause_category"].data, fields["requirement_ref"].data
    if not isinstance(category, str) or not isinstance(requirements, tuple):
        return []
    if record.stage in SIDE_STAGES or fields["track"].data not in _TRACKS:
        return []
    found_on, closed_on = _day(columns["open_from"], timezone), _day(columns["closed_at"], timezone)
    if found_on is None or (record.stage is Stage.CLOSED and closed_on is None):
        return []
    is_effective = fields["effectiveness_result"].data == "effective"
    names = dict.fromkeys(" ".join(name.casefold().split())[:_LONGEST] for name in requirements[:_MOST_KEYS])
    return [
        SimilarKey(f"{name}{_BETWEEN}{category}", record.ticket_key, found_on, closed_on, is_effective)
        for name in names
        if name
    ]


def _day(instant: object, timezone: str) -> date | None:
    return instant.astimezone(ZoneInfo(timezone)).date() if isinstance(instant, datetime) else None
