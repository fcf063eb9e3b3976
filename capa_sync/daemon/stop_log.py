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
    """Log a safety stop of a source, unless this process has told the same one within the last hour."""
    cause = _NUMBER.sub("", str(stop))
    if context.stop_told is not None:
        told, at = context.stop_told
        if told == cause and at <= now < at + REMINDER:
            return
    context.stop_told = (cause, now)
    log(LogAction.SAFETY_STOP, level="warning", source=context.name, cause=str(stop))


def forget_stop(context: SourceContext) -> None:
    """Note that no stop holds: the next one is logged at once."""
    context.stop_told = None
