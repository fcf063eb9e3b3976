"""At the end of each cycle: the figures of the months, counted anew when a record changed or a month began."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from capa_sync.daemon.runtime import Runtime
from capa_sync.register import month_figures


def keep_monthly_figures(runtime: Runtime, now: datetime) -> None:
    """Store the figures of all months where they are stale; otherwise this reads one row.

    One transaction: of two sources that end together, the second sees what the first has stored.
    """
    timezone = runtime.options.timezone
    today = now.astimezone(ZoneInfo(timezone)).date()
    month, monthly = f"{today:%Y-%m}", runtime.register.monthly
    if not monthly.is_stale(timezone, month):
        return
    with runtime.register.transaction():
        monthly.save(month_figures(monthly.lives(timezone, today), today), timezone, month)
