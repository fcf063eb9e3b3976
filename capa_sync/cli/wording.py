"""Lines that `sync`, `plan` and `status` share: comments of older wording, and what could not be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMED = 8
"""Tickets named one by one where many have the same trouble."""
MOST_REASONS = 6
"""Reasons told one by one; further ones are counted."""


def older_wording_lines(older: Mapping[str, int]) -> list[str]:
    """Say how many tickets of each source carry a text of older wording, and what edits it."""
    return [
        f"{source}: {_count(tickets, 'comment')} {'has' if tickets == 1 else 'have'} older wording; "
        "`capa-sync sync --refresh N|all` edits them"
        for source, tickets in older.items()
    ]


def cannot_tell_lines(untold: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say for each source how many verdicts cannot tell, and why: each reason with its number of tickets."""
    return [f"{row['source']}: {_untold(row['verdicts'], row['reasons'])}" for row in untold]


def quarantine_lines(
    quarantined: Iterable[Mapping[str, str]], title: str = "set aside, could not be mapped: "
) -> list[str]:
    """Say which tickets were set aside: those of one reason on one line, at most NAMED of them by name."""
    by_reason: dict[str, list[str]] = {}
    for ticket in quarantined:
        by_reason.setdefault(ticket["reason"], []).append(f"{ticket['source']}:{ticket['ticket']}")
    return [
        f"{title}{_names(tickets)}: {reason}"
        for reason, tickets in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def _names(tickets: Sequence[str]) -> str:
    rest = len(tickets) - NAMED
    return ", ".join(tickets[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _untold(verdicts: int, reasons: Sequence[Mapping[str, Any]]) -> str:
    told = [f"{reason['reason']} ({_count(reason['tickets'], 'ticket')})" for reason in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        told.append(f"and {_count(len(reasons) - MOST_REASONS, 'other reason')}: `capa-sync status --json` lists all")
    return f"{_count(verdicts, 'verdict')} cannot tell: {' · '.join(told)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
