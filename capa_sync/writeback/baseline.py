"""The baseline: tickets closed before this date are judged and shown, never written to (docs/contract.md 4)."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from capa_sync.model.record import SIDE_STAGES, CapaRecord, Stage

_ENDED = SIDE_STAGES | {Stage.CLOSED}


def is_before_baseline(record: CapaRecord, baseline: date | None, zone: str) -> bool:
    """Return whether a record was closed (rejected, cancelled, duplicate) on a day before `baseline` in `zone`."""
    if baseline is None or record.stage not in _ENDED:
        return False
    return ended_at(record).astimezone(ZoneInfo(zone)).date() < baseline


def ended_at(record: CapaRecord) -> datetime:
    """Return when the record last entered its present stage; its creation when the history has no such entry."""
    entries = (change.at for change in reversed(record.timeline) if change.field == "stage")
    return next(entries, record.created_at)
