"""Numbers and ages in sentences for people."""

from __future__ import annotations

_UNITS = ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min"))
"""From so many seconds on -> seconds of the unit, and its name; below, an age is in seconds."""


def count_of(number: int, noun: str) -> str:
    """Return `1 ticket`, `2 tickets`, `2 entries`, `2 nonconformities`."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith(("ry", "ty")) else f"{number} {noun}s"


def ago(seconds: float) -> str:
    """Return an age in whole units (`12 s ago`, `3 h ago`).

    What lies a moment in the future, by another process's clock, is `0 s ago`.
    """
    whole = max(0, round(seconds))
    for least, unit, name in _UNITS:
        if whole >= least:
            return f"{whole // unit} {name} ago"
    return f"{whole} s ago"


def percent(part: int, whole: int) -> int | None:
    """Return a share in whole percent, halves rounded up; None of nothing."""
    return (200 * part + whole) // (2 * whole) if whole else None
