"""When a safety stop is logged: as it begins, as its cause changes, and once an hour as a reminder."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import SourceContext
from capa_sync.errors import SafetyStop

REMINDER = timedelta(hours=1)
_NUMBER = re.compile(r"\d[\d.,:-]*( new)?( \w+)?")
"""A number with its noun: another count of tickets is no other cause."""


def log_stop(context: SourceContext, stop: SafetyStop, now: datetime) -> None:
    """Log a safety stop of a source, unless this process logged the same one within the last hour."""
    cause = _NUMBER.sub("", str(stop))
    if context.last_stop is not None:
        logged, at = context.last_stop
        if logged == cause and at <= now < at + REMINDER:
            return
    context.last_stop = (cause, now)
    log(LogAction.SAFETY_STOP, level="warning", source=context.name, cause=str(stop))


def forget_stop(context: SourceContext) -> None:
    """Note that no stop holds: the next one is logged at once."""
    context.last_stop = None
