"""`rules trend`: the pass rate of one rule by month, computed back over the mirrored history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from capa_sync.cli.context import (
    check_rule,
    chosen_sources,
    clock_from,
    config_option,
    json_option,
    open_for_reading,
    print_json,
    read_setup,
    say,
    settled,
)
from capa_sync.cli.past import last_read, past_view, rules_of_option
from capa_sync.cli.progress import progress_listener
from capa_sync.cli.verbs import VerbCommand
from capa_sync.daemon.trend import TrendMonth, trend_of
from capa_sync.model.amounts import count_of
from capa_sync.wiring import build_runtime_for_reading

_MONTHS = 24
_MOST = 120
_WIDTH = 20
"""Characters of a bar."""
_LAST_MOMENT = timedelta(microseconds=1)


@click.command(
    cls=VerbCommand,
    examples=(
        ("capa-sync rules trend root-cause-before-action", "the last 24 months"),
        ("capa-sync rules trend location-written-down --rules-of rules", "a rule of yours that is not live yet"),
    ),
)
@click.argument("rule")
@click.option(
    "--months",
    type=click.IntRange(1, _MOST),
    default=_MONTHS,
    show_default=True,
    help="How many months, the last one included.",
)
@click.option("--source", "only", metavar="NAME", help="Only records of this source.")
@rules_of_option
@config_option
@json_option
def trend(
    rule: str,
    months: int,
    only: str | None,
    rules_of: str | None,
    config: Path,
    test_clock: str | None,
    as_json: bool,
) -> int:
    """Show how many records passed a rule, month by month.

    RULE is a rule's id, also of a draft. Each record is judged as it was at the end of the month, by the rule as it
    is now, so that a new rule has a past on its first day. Counted are the records that were open at some time of the
    month. It reads the register alone and asks no tracker.
    """
    setup, clock = read_setup(config, with_secrets=False), clock_from(test_clock)
    with open_for_reading(setup.register_path, clock) as register, progress_listener() as progress:
        view = past_view(setup, register, None, rules_of)
        configuration = settled(setup, register, clock) if view is None else view.judged_by.configuration
        check_rule(configuration, rule)
        sources = chosen_sources(configuration, only)
        runtime = build_runtime_for_reading(configuration, register, clock)
        runtime.progress = progress
        shown = _last_months(last_read(register, sources), setup.settings.timezone, months)
        counted = trend_of(runtime, rule, shown, sources)
        known = [
            {"source": name, "first_read": register.runs.first(name), "read_until": register.runs.as_of(name)}
            for name in sources
        ]
    result = {
        "rule": rule,
        "rule_set": configuration.rules.hash,
        "timezone": setup.settings.timezone,
        "sources": known,
        "months": [_as_dict(month, counts) for month, counts in zip(shown, counted, strict=True)],
    }
    if as_json:
        print_json(result)
        return 0
    for line in _lines(result):
        say(line)
    return 0


def _last_months(until: datetime, zone: str, count: int) -> Sequence[TrendMonth]:
    """Return the month of an instant, which ends with it, and those before, the oldest first."""
    end, found = until, list[TrendMonth]()
    start = until.astimezone(ZoneInfo(zone)).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    for _ in range(count):
        found.append(TrendMonth(f"{start:%Y-%m}", start, end))
        end = start - _LAST_MOMENT
        start = (start - timedelta(days=1)).replace(day=1)
    return found[::-1]


def _as_dict(month: TrendMonth, counts: Mapping[str, int]) -> dict[str, Any]:
    ok, unsure = counts.get("ok", 0), counts.get("cannot_tell", 0)
    known = ok + counts.get("breach", 0) + counts.get("historical", 0)
    return {
        "month": month.name,
        "until": month.until,
        "ok": ok,
        "breach": counts.get("breach", 0),
        "historical": counts.get("historical", 0),
        "cannot_tell": unsure,
        "not_applicable": counts.get("not_applicable", 0),
        "pass_rate": round(ok / known, 4) if known else None,
        "pass_rate_at_least": round(ok / (known + unsure), 4) if known + unsure else None,
    }


def _lines(result: Mapping[str, Any]) -> Sequence[str]:
    months = result["months"]
    lines = [f"{result['rule']}: records that passed, of those that it applied to and that were open in the month"]
    lines += [f"{month['month']}  {_bar(month)}  {_numbers(month)}" for month in months]
    legend = "█ passed, · broken (also where it cannot be repaired any more)"
    if any(month["cannot_tell"] for month in months):
        legend += ", ░ cannot be told; the rate is of the others"
    lines.append(legend)
    for known in result["sources"]:
        if known["first_read"] is not None:
            first = f"{known['first_read']:%Y-%m-%d}"
            lines.append(f"{known['source']}: before {first}, when it was first read, from the change history alone")
    return lines


def _bar(month: Mapping[str, Any]) -> str:
    """Return a bar; what is broken or cannot be told shows, however little it is."""
    broken, unsure = month["breach"] + month["historical"], month["cannot_tell"]
    total = month["ok"] + broken + unsure
    if not total:
        return " " * _WIDTH
    dots = -(-broken * _WIDTH // total)
    shades = min(-(-unsure * _WIDTH // total), _WIDTH - dots)
    return f"{'█' * (_WIDTH - dots - shades)}{'·' * dots}{'░' * shades}"


def _numbers(month: Mapping[str, Any]) -> str:
    known = month["ok"] + month["breach"] + month["historical"]
    if not known and not month["cannot_tell"]:
        return "applied to none"
    rate = f"{month['pass_rate']:4.0%}" if known else "   –"
    unsure = f", {month['cannot_tell']} cannot be told" if month["cannot_tell"] else ""
    return f"{rate} of {count_of(known, 'record')}{unsure}"
