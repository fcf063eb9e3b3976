"""Lines that `sync`, `plan` and `status` share: older wording, waived findings, unknown verdicts, quarantine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capa_sync.model.amounts import ago, count_of
from capa_sync.model.register_check import RegisterCheckState

NAMED = 8
"""Largest number of tickets named with one reason."""
_PLACE = re.compile(r"/(\d+|[0-9a-f]{32})\b")
"""The id of a ticket or a comment in the path of a request."""
MOST_REASONS = 6
"""Largest number of reasons listed; further ones are counted."""


def older_wording_lines(older: Mapping[str, int]) -> list[str]:
    """Return how many comments of each source have older wording, and the command that edits them."""
    return [
        f"{source}: {count_of(tickets, 'comment')} {'has' if tickets == 1 else 'have'} older wording; "
        "`capa-sync sync --refresh N|all` edits them"
        for source, tickets in older.items()
    ]


def cannot_tell_lines(unknown: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return for each source how many verdicts cannot tell, and each reason with its number of tickets."""
    return [f"{row['source']}: {_cannot_tell(row['verdicts'], row['reasons'])}" for row in unknown]


def waived_lines(findings: int) -> list[str]:
    """Return how many findings are waived, and the command that lists them."""
    return [f"{count_of(findings, 'finding')} waived; see `capa-sync waivers`"] if findings else []


def kept_lines(kept: Mapping[str, Any]) -> list[str]:
    """Return what is held, what is past its time, and what was erased."""
    lines = list(kept["holds"])
    if kept["outlived"]:
        ends = "the daemon erases what is not held" if kept["erases"] else "none is erased (`[retention] mode`)"
        records = count_of(kept["outlived"], "record")
        lines.append(
            f"{records} ended more than {kept['keep_days']} days ago: see `capa-sync register retention`; {ends}"
        )
        if kept["unconfirmed"]:
            lines.append(
                f"retention waits: nothing of {', '.join(kept['unconfirmed'])} is erased until an answer of each "
                "tracker has shown that our clock is right"
            )
    if kept["erased"]:
        lines.append(f"{count_of(kept['erased'], 'ticket')} erased, and not mirrored again")
    if kept["clean_up_waits"]:
        lines.append("free space of the register's file may still hold what was erased: it is written anew soon")
    return lines


def check_lines(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the checks over the whole register that are raised, and how many are in order or cannot tell."""
    if not results:
        return []
    raised = [row for row in results if row["state"] == RegisterCheckState.RAISED]
    rest = [row["state"] for row in results if row["state"] != RegisterCheckState.RAISED]
    unsure = rest.count(RegisterCheckState.CANNOT_TELL)
    title = f"checks over the register: {len(raised)} to look at, {len(rest) - unsure} in order"
    lines = [f"{title}, {unsure} cannot tell" if unsure else title]
    for row in raised:
        where = f"{row['source']}: " if row["source"] else ""
        lines.append(f"  {row['check']}: {where}{row['says']} (since {row['since']:%Y-%m-%d})")
    return lines


def quarantine_lines(
    quarantined: Iterable[Mapping[str, str]], title: str = "quarantined, not evaluated: "
) -> list[str]:
    """Return the quarantined tickets: one line per reason, at most NAMED tickets by name."""
    by_reason: dict[str, list[str]] = {}
    for ticket in quarantined:
        by_reason.setdefault(ticket["reason"], []).append(f"{ticket['source']}:{ticket['ticket']}")
    return [
        f"{title}{names(tickets)}: {reason}"
        for reason, tickets in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]


def stuck_lines(stuck: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the stuck writes: one line for those that differ in ticket and age alone, the most tickets first."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for write in stuck:
        why = _PLACE.sub("/…", write["error"].replace(write["ticket"], "…"))
        groups.setdefault((write["source"], write["kind"], write["state"], why), []).append(write)
    return [_stuck_line(group) for group in sorted(groups.values(), key=lambda group: -len(group))]


def _stuck_line(group: Sequence[Mapping[str, Any]]) -> str:
    write = max(group, key=lambda write: write["age_s"])
    tickets = list(dict.fromkeys(f"{each['source']}:{each['ticket']}" for each in group))
    age, error = f"planned {ago(write['age_s'])}", write["error"]
    if len(group) > 1:
        age, error = f"the oldest {age}", _PLACE.sub("/…", error.replace(write["ticket"], "…"))
    return f"{names(tickets)} {write['kind']}, {write['state']}, {age}: {error}"


def names(tickets: Sequence[str]) -> str:
    """Return the tickets as a list in words, at most NAMED of them by name."""
    rest = len(tickets) - NAMED
    return ", ".join(tickets[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _cannot_tell(verdicts: int, reasons: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"{reason['reason']} ({count_of(reason['tickets'], 'ticket')})" for reason in reasons[:MOST_REASONS]]
    if len(reasons) > MOST_REASONS:
        parts.append(
            f"and {count_of(len(reasons) - MOST_REASONS, 'other reason')}: `capa-sync status --json` lists all"
        )
    return f"{count_of(verdicts, 'verdict')} cannot tell: {' · '.join(parts)}"
