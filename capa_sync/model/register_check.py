"""Checks over the whole register, never on a ticket (docs/clause10.md 3.3): their names, limits and results."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from capa_sync.model.light import light


class CheckName(StrEnum):
    """The checks, in the order of their numbers, G1 first."""

    NEVER_DECIDED = "rules-that-never-decide"
    SILENT_ORIGIN = "origin-without-nonconformity"
    NO_IMPROVEMENT = "no-improvement-decided"
    UNREVIEWED_MAJOR = "major-without-management-review"
    OVERDUE_SHARE = "overdue-share"
    WAIVERS = "waivers"
    COUNT_DIFFERS = "count-differs"


class RegisterCheckState(StrEnum):
    """The result of a check; one that cannot tell claims nothing."""

    OK = "ok"
    RAISED = "raised"
    CANNOT_TELL = "cannot_tell"


@light
class CheckResult:
    """One check, for one source or ("") for all of them; `says` gives the reason in words."""

    check: CheckName
    state: RegisterCheckState
    says: str
    source: str = ""


class RecordSpan(NamedTuple):
    """When a record was open, and when it was late; None: not yet ended, or never."""

    open_from: datetime | None
    open_until: datetime | None
    late_from: datetime | None
    late_until: datetime | None


@light
class RegisterLimits:
    """The limits of the checks, from the settings.

    Attributes:
        origins: origins of which a nonconformity is expected. quiet_after: how long none of an origin, or no decided
            improvement, is no surprise.
        unreviewed_after: how long an open major nonconformity may wait for a management review.
        max_overdue_share: largest share of open records that are late. rising_months: so many months in a row in
            which that share rises are raised, too.
        max_waived_share: largest share of open records with a waived rule.
    """

    origins: tuple[str, ...] = ("internal_audit",)
    quiet_after: timedelta = timedelta(days=365)
    unreviewed_after: timedelta = timedelta(days=180)
    max_overdue_share: float = 0.25
    rising_months: int = 3
    max_waived_share: float = 0.1
