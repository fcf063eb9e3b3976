"""The instants of the platform: UTC in whole seconds, as texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_TIME_LENGTH = len("2026-01-01 00:00:00")
_FIRST_YEAR, _END_YEAR = "1990", "2200"
PLATFORM_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def to_platform_time(instant: datetime) -> str:
    """Write an instant as the platform stores it: UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def from_platform_time(text: str) -> datetime:
    """Read a stored instant. Raises ValueError, also for one outside 1990-2200: no deadline counts from it."""
    if len(text) != _TIME_LENGTH or not _FIRST_YEAR <= text[:4] < _END_YEAR:
        raise ValueError(text)
    return datetime.fromisoformat(f"{text}+00:00")
