"""The digest: who gets what, when, in which words, and how it is sent."""

from __future__ import annotations

from capa_sync.digest.compose import Reported, compose, for_period
from capa_sync.digest.render import as_html, as_text
from capa_sync.digest.schedule import last_due, next_due, period_of, quiet_until

__all__ = [
    "Reported",
    "as_html",
    "as_text",
    "compose",
    "for_period",
    "last_due",
    "next_due",
    "period_of",
    "quiet_until",
]
