"""How far an open warning has risen: owner, ISMS lead, line manager, management report (docs/digest.md)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from capa_sync.model.digest import DigestItem
from capa_sync.model.finding import Severity

TO_LEAD = timedelta(days=7)
"""A warning of severity high that is open for longer is shown to the lead as escalated."""
TO_MANAGER = timedelta(days=21)
"""A warning of severity high or medium that is open for longer goes to the owner's line manager."""
TO_MANAGEMENT = timedelta(days=30)
"""A warning on a major nonconformity that is open for longer belongs into the management report."""
BEFORE_DEADLINE = timedelta(days=14)
"""So does any warning when the certification body's deadline is less than this away."""

_RISING = frozenset({Severity.HIGH, Severity.MEDIUM})


def goes_to_lead(item: DigestItem, now: datetime) -> bool:
    """Tell whether the lead sees a warning as escalated."""
    return item.severity == Severity.HIGH and _is_older(item, now, TO_LEAD)


def goes_to_manager(item: DigestItem, now: datetime) -> bool:
    """Tell whether a warning goes to the line manager of its owner."""
    return item.severity in _RISING and _is_older(item, now, TO_MANAGER)


def goes_to_management(item: DigestItem, now: datetime) -> bool:
    """Tell whether a warning belongs into the management report."""
    if item.matter != "warning":
        return False
    return (item.grade == "major" and _is_older(item, now, TO_MANAGEMENT)) or _is_near(item.cb_deadline, now)


def _is_older(item: DigestItem, now: datetime, length: timedelta) -> bool:
    return item.matter == "warning" and item.since is not None and now - item.since > length


def _is_near(deadline: date | datetime | None, now: datetime) -> bool:
    if deadline is None:
        return False
    if isinstance(deadline, datetime):
        return deadline - now < BEFORE_DEADLINE
    return deadline - now.date() < BEFORE_DEADLINE
