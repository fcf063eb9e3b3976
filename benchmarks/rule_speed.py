"""What evaluating rules costs: eight rules beside hand-written Python, and each rule of the shipped pack alone."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.by_hand import BY_HAND
from benchmarks.measure import read_all, runtime_at
from benchmarks.running import TableLine, fresh_folder
from benchmarks.trackers import ROOT, tracker, write_settings
from capa_sync.daemon.accounts import use_known_accounts
from capa_sync.daemon.mapped import map_mirrored
from capa_sync.model.finding import Outcome
from capa_sync.model.record import CapaRecord
from capa_sync.model.settings import JudgeOptions
from capa_sync.rules import RuleSet, load_rules

TICKETS, TIMES = 2_000, 10
"""How many different records, and how often each is evaluated in a round."""
ROUNDS = 5
OPTIONS = JudgeOptions()
_OUTCOMES = {True: Outcome.OK, False: Outcome.BREACH, None: Outcome.NOT_APPLICABLE}


def rule_speed() -> Iterator[TableLine]:
    """Map generated tickets once; then time the evaluation of their records, which are in memory."""
    with fresh_folder() as folder, tracker("jira", TICKETS) as url:
        records = _records(folder, url)
    changes = sum(len(record.timeline) for record in records)
    eight, now = load_rules([ROOT / "benchmarks" / "eight_rules"], OPTIONS), datetime.now(UTC)
    wrong = sum(_differences(eight, record, now) for record in records)
    ours, by_hand = _in_turn(lambda: _evaluate(eight, records, now), lambda: _decide(records, now))
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, by_hand, strict=True))
    each = statistics.median(by_hand) / len(records) / len(BY_HAND) * 1e6
    what = f"eight rules, {len(records) * TIMES:,} evaluations of records with {changes * TIMES:,} changes"
    measured = f"{ratio:.1f} × hand-written Python ({each:.2f} µs a rule), {wrong} other verdicts"
    yield TableLine(what, measured, "≤ 2.5 ×, 0", ratio <= 2.5 and not wrong)
    yield from _shares(load_rules([ROOT / "rules"], OPTIONS), records, now)


def _records(folder: Path, url: str) -> list[CapaRecord]:
    with runtime_at(write_settings(folder, [("main", "jira", url)], budget="100000/s")) as runtime:
        context = runtime.contexts["main"]
        read_all(runtime, context)
        use_known_accounts(runtime.register, context)
        inputs, tickets = runtime.inputs(context, runtime.clock.now()), runtime.register.tickets
        as_of = runtime.register.runs.as_of("main")
        found = [map_mirrored(inputs, id_, tickets, as_of) for id_ in tickets.record_ids("main")]
    return [record for record in found if isinstance(record, CapaRecord)]


def _differences(rules: RuleSet, record: CapaRecord, now: datetime) -> int:
    found = {verdict.rule: verdict.outcome for verdict in rules.evaluate(record, OPTIONS, now)}
    return sum(found[name] is not _OUTCOMES[decide(record, now)] for name, decide in BY_HAND.items())


def _evaluate(rules: RuleSet, records: Sequence[CapaRecord], now: datetime) -> None:
    for record in records:
        rules.evaluate(record, OPTIONS, now)


def _decide(records: Sequence[CapaRecord], now: datetime) -> None:
    for record in records:
        for decide in BY_HAND.values():
            decide(record, now)


def _in_turn(*works: Callable[[], None]) -> list[list[float]]:
    """Return the CPU seconds of each work in each round, in turn."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for times, work in zip(spent, works, strict=True):
            gc.collect()
            begun = time.process_time()
            for _ in range(TIMES):
                work()
            times.append((time.process_time() - begun) / TIMES)
    return spent


def _shares(pack: RuleSet, records: Sequence[CapaRecord], now: datetime) -> Iterator[TableLine]:
    """Yield the cost of the whole pack and of each rule: the pack's time less that of the pack without the rule."""
    active = [rule for rule in pack.rules if rule.mode != "draft"]
    whole = _cost(pack, records, now)
    yield TableLine(f"the {len(active)} rules of the pack, a ticket", f"{whole:.0f} µs", "none", is_met=True)
    for rule in active:
        alone = _cost(RuleSet([rule], OPTIONS, "alone"), records, now)
        yield TableLine(f"rule {rule.id} alone, a ticket", f"{alone:.1f} µs", "none", is_met=True)


def _cost(rules: RuleSet, records: Sequence[CapaRecord], now: datetime) -> float:
    begun = time.process_time()
    _evaluate(rules, records, now)
    return (time.process_time() - begun) / len(records) * 1e6
