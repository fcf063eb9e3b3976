"""The baseline: tickets closed before it are judged and shown, never written to (CONTRACT.md 4)."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from capa_sync.model.record import SIDE_STAGES, CapaRecord, Stage

_ENDED = SIDE_STAGES | {Stage.CLOSED}


def is_before_baseline(record: CapaRecord, baseline: date | None, zone: str) -> bool:
    """Tell whether a record is closed (rejected, cancelled, duplicate) since a day before `baseline` in `zone`."""
    if baseline is None or record.stage not in _ENDED:
        return False
    return ended_at(record).astimezone(ZoneInfo(zone)).date() < baseline


def ended_at(record: CapaRecord) -> datetime:
    """Return the last entry into the stage the record is in; its creation when the history holds none."""
    entries = (change.at for change in reversed(record.timeline) if change.field == "stage")
    return next(entries, record.created_at)
