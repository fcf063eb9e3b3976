"""After each census: the figures of the months, counted anew where a record changed."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from capa_sync.daemon.clocks import has_confirmed
from capa_sync.daemon.register_checks import has_census_since
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.register import month_figures


def keep_monthly_figures(runtime: Runtime, context: SourceContext, since: datetime) -> None:
    """Count the months anew in a cycle in which a census of this source ended, when a month begins, and at first.

    Counting reads every record, and no poll may. `since` is when the cycle began.
    """
    timezone, month = runtime.options.timezone, f"{_today(runtime, since):%Y-%m}"
    if not runtime.register.monthly.is_of(timezone, month) or has_census_since(runtime, context, since):
        count_months(runtime, since, is_proven=has_confirmed(runtime, context.name, runtime.clock.now()))


def count_months(runtime: Runtime, now: datetime, *, is_proven: bool = False) -> None:
    """Store the figures of all months where they are stale; otherwise this reads one row.

    `is_proven`: a tracker has just shown that our clock is right, so that what is kept of later months is wrong.
    One transaction: of two sources that end together, the second sees what the first has stored.
    """
    timezone, today = runtime.options.timezone, _today(runtime, now)
    month, monthly = f"{today:%Y-%m}", runtime.register.monthly
    if not monthly.is_stale(timezone, month) and not (is_proven and monthly.knows_later(month)):
        return
    with runtime.register.transaction():
        monthly.save(month_figures(monthly.lives(timezone, today), today), timezone, month, is_proven=is_proven)


def _today(runtime: Runtime, now: datetime) -> date:
    return now.astimezone(ZoneInfo(runtime.options.timezone)).date()
