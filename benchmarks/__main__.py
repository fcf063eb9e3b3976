"""`make bench`: runs every measurement together with its floor and prints the table of the README.

The default sizes are small, so that the run ends within two minutes; `--full` uses full sizes. Each measurement and
each tracker runs in its own process. Ratios count, not seconds: floor and capa-sync take turns on the same machine,
and the table shows the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.exporting import lines as export_lines
from benchmarks.hostile_texts import hostile_texts
from benchmarks.jira_large import long_edits
from benchmarks.measure import FIRST_RULES
from benchmarks.packing import packing
from benchmarks.page_times import page_times
from benchmarks.previewing import previewing
from benchmarks.resume import broken_backfill
from benchmarks.rule_speed import rule_speed
from benchmarks.running import Result, TableLine, check_whole, measure
from benchmarks.starting import starts
from benchmarks.trackers import tracker


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is read.

    Attributes:
        tickets: tickets of most measurements. distant: tickets behind a network latency.
        endless, large: tickets of the two memory measurements. edits: edited tickets. rounds: repetitions.
    """

    tickets: int
    distant: int
    endless: int
    large: int
    edits: int
    rounds: int


SMALL = Sizes(tickets=5_000, distant=3_000, endless=10_000, large=1_000, edits=300, rounds=3)
STARTS = 7
"""Rounds of starting a command; each takes less than a second."""
FULL = Sizes(tickets=50_000, distant=5_000, endless=500_000, large=3_000, edits=1_000, rounds=1)


def compare(kind: str, url: str, what: str, sizes: Sizes) -> tuple[float, float, Result]:
    """Run floor and capa-sync in turn; return the median ratios of wall and of CPU time, and our last result."""
    ratios, cpu = [], []
    for _ in range(sizes.rounds):
        floor = measure("floor", kind, url)
        ours = measure(what, kind, url)
        check_whole(floor, sizes.tickets)
        check_whole(ours, sizes.tickets)
        ratios.append(ours["seconds"] / floor["seconds"])
        cpu.append(ours["cpu"] / floor["cpu"])
    return statistics.median(ratios), statistics.median(cpu), ours


def _against_floor(kind: str, name: str, limit: float, sizes: Sizes) -> Iterator[TableLine]:
    with tracker(kind, sizes.tickets) as url:
        ratio, cpu, ours = compare(kind, url, "backfill", sizes)
        measured = f"{ratio:.2f} × ({ours['seconds']:.1f} s; of CPU {cpu:.2f} ×)"
        size = f"{sizes.tickets:,} tickets, {ours['changes']:,} changes"
        yield TableLine(f"{name} backfill, {size}", measured, f"≤ {limit} × floor", ratio <= limit)
        peak = ours["peak_mib"]
        yield TableLine(f"{name} backfill, peak of memory", f"{peak:.0f} MiB", "< 250 MiB", peak < 250)
        yield _disk(f"{name} backfill, disk", ours)
        if kind == "jira":
            for what, pack in (
                ("first_cycle_12", f"the {len(FIRST_RULES)} first rules"),
                ("first_cycle", "all rules"),
            ):
                ratio, cpu, ours = compare(kind, url, what, sizes)
                measured = f"{ratio:.2f} × ({ours['seconds']:.1f} s; of CPU {cpu:.2f} ×), {ours['judged']:,} judged"
                line = f"whole first cycle with {pack}: read, map, judge, plan"
                yield TableLine(line, measured, "≤ 3 × floor", ratio <= 3)
            peak = ours["peak_mib"]
            yield TableLine("the same, peak of memory", f"{peak:.0f} MiB", "< 250 MiB", peak < 250)
            yield _disk("the same, disk", ours)


def _disk(what: str, ours: Result) -> TableLine:
    """Return the line about the register's size; docs/operating.md names it for sizing."""
    kib = ours["disk_mib"] * 1024 / ours["tickets"]
    measured = f"{ours['disk_mib']:.0f} MiB, {kib:.1f} KiB a ticket"
    return TableLine(what, measured, "< 30 KiB a ticket", kib < 30)


def _polls(kind: str, name: str, requests: int, sizes: Sizes) -> Iterator[TableLine]:
    """Measure polls without a change and after some edits; warnings meanwhile wait for a release and are not sent."""
    edits = ("--edits", str(sizes.edits))
    few = sizes.tickets // 10
    with tracker(kind, sizes.tickets) as url:
        found = measure("next_cycle", kind, url, *edits)
    with tracker(kind, few) as url:
        smaller = measure("next_cycle", kind, url, *edits)
    own, asked = found["quiet_own_ms"], found["quiet_requests"]
    measured = f"{asked:.0f} requests, {own:.1f} ms CPU besides the client library's"
    is_met = asked == requests and own < 5
    yield TableLine(f"{name} poll, nothing changed", measured, f"{requests} requests, < 5 ms", is_met)
    measured = f"{found['read']:,} read and {found['judged']:,} judged with {found['requests']} requests"
    is_met = found["read"] == found["judged"] == sizes.edits
    yield TableLine(
        f"{name}: {sizes.edits:,} of {sizes.tickets:,} edited", measured, "work as for those alone", is_met
    )
    ratio = found["cpu"] / smaller["cpu"]
    measured = f"{ratio:.2f} × the CPU, {smaller['requests']} requests there"
    yield TableLine(
        f"the same beside {sizes.edits:,} of {few:,} edited", measured, "0.8 to 1.2 ×", 0.8 <= ratio <= 1.2
    )


def _distant(sizes: Sizes) -> Iterator[TableLine]:
    with tracker("servicenow", sizes.distant, latency=0.2) as url:
        sliced = measure("backfill", "servicenow", url, "--budget", "30/s")
        chain = measure("backfill", "servicenow", url, "--budget", "30/s", "--sessions", "1")
    speed = chain["seconds"] / sliced["seconds"]
    rate = sliced["requests"] / sliced["seconds"]
    measured = f"{speed:.1f} × the speed of one chain, {rate:.0f} requests a second"
    what = f"ServiceNow, {sizes.distant:,} rows, 200 ms latency, budget 30/s"
    yield TableLine(what, measured, "≥ 3 ×, within the budget", speed >= 3 and rate <= 31)


def _endless(sizes: Sizes) -> Iterator[TableLine]:
    with tracker("jira", sizes.endless) as url:
        found = measure("backfill", "jira", url)
    check_whole(found, sizes.endless)
    peak = found["peak_mib"]
    yield TableLine(
        f"Jira backfill, {sizes.endless:,} tickets, peak of memory", f"{peak:.0f} MiB", "< 250 MiB", peak < 250
    )


def _large(sizes: Sizes) -> Iterator[TableLine]:
    """Measure a whole first cycle over tickets as large as real ones, some of 3 MB."""
    for kind, name in (("jira-large", "Jira Cloud"), ("jira-dc-large", "Jira Data Center")):
        with tracker(kind, sizes.large) as url:
            found = measure("first_cycle", "jira", url)
        check_whole(found, sizes.large, long_edits(sizes.large))
        assert not found["quarantined"], found
        peak = found["peak_mib"]
        what = f"{name}, {sizes.large:,} tickets of 40 kB, every 300th of 3 MB: first cycle, peak of memory"
        yield TableLine(what, f"{peak:.0f} MiB", "< 250 MiB", peak < 250)


def _memory(sizes: Sizes) -> Iterator[TableLine]:
    yield from _endless(sizes)
    yield from _large(sizes)


def _resume(sizes: Sizes) -> Iterator[TableLine]:
    with tracker("jira", sizes.tickets) as url:
        yield broken_backfill(url, sizes.tickets)


def _all_polls(sizes: Sizes) -> Iterator[TableLine]:
    yield from _polls("jira", "Jira Cloud", 1, sizes)
    # two tables are mirrored: records and actions
    yield from _polls("servicenow", "ServiceNow", 4, sizes)


PARTS: Mapping[str, Callable[[Sizes], Iterable[TableLine]]] = {
    "start": lambda _: starts(STARTS),
    "jira": lambda sizes: _against_floor("jira", "Jira Cloud", 1.7, sizes),
    "servicenow": lambda sizes: _against_floor("servicenow", "ServiceNow", 2.0, sizes),
    "poll": _all_polls,
    "latency": _distant,
    "resume": _resume,
    "memory": _memory,
    "rules": lambda _: rule_speed(),
    "preview": lambda sizes: previewing(sizes.tickets, sizes.rounds),
    "page": lambda _: page_times(),
    "export": lambda sizes: (*export_lines(sizes.tickets), *packing(sizes.tickets)),
    "patterns": lambda _: hostile_texts(),
}


def run(sizes: Sizes, parts: Sequence[str]) -> Iterator[TableLine]:
    """Run the given parts, in the order of the table, and yield its lines."""
    for name, part in PARTS.items():
        if name in parts:
            yield from part(sizes)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="full sizes; takes a quarter of an hour")
    parser.add_argument("--rounds", type=int, help="how often floor and capa-sync each run")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    given = parser.parse_args()
    chosen = FULL if given.full else SMALL
    rounds = given.rounds or chosen.rounds
    sizes = replace(chosen, rounds=rounds)
    lines = ["| what | measured | wanted | met |", "|---|---|---|---|"]
    lines += [str(line) for line in run(sizes, given.parts or list(PARTS))]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
