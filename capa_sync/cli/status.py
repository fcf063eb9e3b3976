"""`status`: freshness, gaps, stuck writes, quarantined tickets, next due checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from capa_sync.cli.context import (
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_settings,
    register_path,
    say,
)
from capa_sync.cli.live_set import live_set_lines, live_set_of
from capa_sync.cli.verbs import VerbCommand
from capa_sync.cli.wording import (
    cannot_tell_lines,
    check_lines,
    kept_lines,
    older_wording_lines,
    quarantine_lines,
    stuck_lines,
    waived_lines,
)
from capa_sync.daemon.health import health_of, kept_of
from capa_sync.daemon.leaving import OurContent, halt_words
from capa_sync.model.amounts import ago, count_of
from capa_sync.model.days import utc_words
from capa_sync.model.halt import Halt, HaltKind

MOST_ROWS = 20
_NAMED = 5
"""Largest number of tickets named on one line."""


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync status", "for people"),
        ("capa-sync status --json", "for monitoring; exit 3 while a source has a problem"),
    ),
)
@config_option
@json_option
def status(config: Path, test_clock: str | None, as_json: bool) -> int:
    """Show how fresh and complete the register is.

    Also what is stuck, quarantined, held back or stopped, and what is due next. It asks no tracker and needs no
    secret. Exit 3 when a source has a problem.
    """
    settings, clock = read_settings(config, needs_source=True), clock_from(test_clock)
    every = {name: source.poll_every for name, source in settings.sources.items()}
    with open_for_reading(register_path(config, settings), clock) as register:
        health = health_of(register, every, clock.now()) | {"live_set": live_set_of(config, settings, register)}
        health["kept"] = kept_of(
            register, settings.retention.keep, clock.now(), erases=settings.retention.mode == "on"
        )
    if as_json:
        print_json(health)
    else:
        for line in _lines(health):
            say(line)
    return 3 if any(source["problem"] for source in health["sources"]) else 0


def _lines(health: dict[str, Any]) -> list[str]:
    """Return the health of the register as lines for a person."""
    lines = [line for source in health["sources"] for line in _source_lines(source)]
    lines += [
        f"{row['source'] or 'every source'}: "
        + halt_words(
            Halt(HaltKind(row["kind"]), row["since"], row["asked_by"]),
            OurContent(row.get("removable", 0), row.get("hidden", 0)),
        )
        for row in health["halts"]
    ]
    lines += [
        f"safety stop: {stop['cause'].replace(': safety stop: ', ': ', 1)} (since {utc_words(stop['since'])})"
        for stop in health["safety_stops"]
    ]
    lines += [
        f"held back on {row['source']}: {count_of(row['tickets'], 'ticket')}, "
        f"{row['cause'].replace('_', ' ')}; look at `capa-sync plan`"
        for row in health["held_back"]
    ]
    lines += live_set_lines(health["live_set"])
    lines += _listed("stuck writes", len(health["stuck_writes"]), stuck_lines(health["stuck_writes"]))
    for title, rows in (
        (
            "left in peace",
            [f"{p['source']}:{p['ticket']}: a person deleted our comment twice" for p in health["left_in_peace"]],
        ),
        ("next checks by time", [f"{utc_words(d['at'])} {d['source']}:{d['ticket']}" for d in health["next_due"]]),
    ):
        lines += _listed(title, len(rows), rows)
    lines += _digest_lines(health["digest"])
    lines += check_lines(health["register_checks"])
    lines += _listed("quarantined", len(health["quarantined"]), quarantine_lines(health["quarantined"], ""))
    return [
        *lines,
        *waived_lines(health["waived"]),
        *(f"waivers file: {problem}" for problem in health["waiver_file"]["problems"]),
        *older_wording_lines(health["older_wording"]),
        *cannot_tell_lines(health["cannot_tell"]),
        *kept_lines(health["kept"]),
    ]


def _digest_lines(digest: dict[str, Any]) -> list[str]:
    """Return what did not arrive for certain; nothing where nobody gets a digest, or all arrived."""
    rows = [
        f"{send['kind']} digest to {send['recipient']} of {send['period']}, {_SEND_STATES[send['state']]} "
        f"{ago(send['age_s'])}{': ' + send['error'] if send['error'] else ''}"
        for send in digest["open"]
    ]
    lines = _listed("digests that may not have arrived", len(rows), rows) if rows else []
    if any(send["state"] == "unknown" for send in digest["open"]):
        lines.append(
            "  `capa-sync digest --again` repeats those of which it is unknown, although they may have arrived"
        )
    return [*lines, *([f"digest: {digest['problem']}"] if digest["problem"] else [])]


_SEND_STATES = {"unknown": "unknown whether it arrived, tried", "pending": "not sent, tried again later, last"}


def _listed(title: str, number: int, rows: Sequence[str]) -> list[str]:
    """Return a title with its number, the first rows, and how many are left out."""
    rest = (
        [f"  and {len(rows) - MOST_ROWS} more: `capa-sync status --json` lists all"] if len(rows) > MOST_ROWS else []
    )
    return [f"{title}: {number}", *(f"  {row}" for row in rows[:MOST_ROWS]), *rest]


def _source_lines(source: dict[str, Any]) -> list[str]:
    age = source["age_s"]
    fresh = f"as of {utc_words(source['as_of'])} ({ago(age)})" if age is not None else "never read to the end"
    kinds = f"{count_of(source['records'], 'record')}, {count_of(source['actions'], 'action')}"
    tickets = f"{count_of(source['tickets'], 'ticket')} ({kinds})"
    lines = [f"{source['source']}: {fresh}, {tickets}, {source['gaps']} with an incomplete history"]
    if source["vanished"]:
        lines.append("  " + ", ".join(f"{count} {name}" for name, count in sorted(source["vanished"].items())))
    if lonely := source["actions_without_record"]:
        more = f" and {len(lonely) - _NAMED} more" if len(lonely) > _NAMED else ""
        lines.append(
            f"  {count_of(len(lonely), 'action')} of a parent outside of the query, judged "
            f"with no record: {', '.join(lonely[:_NAMED])}{more}"
        )
    if source["undelivered"]:
        kinds = ", ".join(
            f"{kind.replace('subtasks', 'sub-tasks')} of {count_of(count, 'ticket')}"
            for kind, count in source["undelivered"].items()
        )
        lines.append(f"  not delivered to our account: {kinds}; rules that read them cannot tell")
    if source["to_request"]:
        lines.append(
            f"  {count_of(source['to_request'], 'ticket')} came without some content: it is requested in the next "
            "cycles"
        )
    if source["problem"]:
        lines.append(f"  problem: {source['problem']}")
    lines += [f"  missing right: {right}" for right in source["missing_rights"]]
    if source["not_before"]:
        lines.append(f"  waiting until {utc_words(source['not_before'])}, as the tracker asked")
    if source["twins_unknown"]:
        others = ", ".join(source["twins_unknown"])
        lines.append(
            f"  rules cannot tell yet: tickets of {others} may name these as the same record, and were not read"
        )
    if source["stamped_ahead"]:
        lines.append(
            f"  {count_of(source['stamped_ahead'], 'ticket')} or more are stamped in the tracker's future: polls "
            "look at the newest of them, changes of the others wait for the next full sweep"
        )
    for endpoint, until in source["endpoints_not_before"].items():
        lines.append(f"  waiting with {endpoint} until {utc_words(until)}, as the tracker asked")
    return lines
