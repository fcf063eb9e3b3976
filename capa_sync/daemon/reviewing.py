"""Collects what the management review rests on: each record as of the end of the period, and what is not known.

Everything is computed from the register alone, as `explain --as-of` does it: the same register, and any later one of
which no earlier day changed, gives the same review.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.past_register import erased_since
from capa_sync.daemon.reviewed import reviewed_record
from capa_sync.daemon.reviewed_waivers import ReviewedWaivers, reviewed_waivers
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.mapping import unmapped_names
from capa_sync.model.amounts import count_of
from capa_sync.model.light import altered
from capa_sync.model.register_check import CheckName, CheckResult, RecordSpan, RegisterCheckState
from capa_sync.model.review import ReviewPeriod, ReviewRecord
from capa_sync.model.selection import ExportSelection
from capa_sync.register import checks
from capa_sync.register.review import ReviewInput
from capa_sync.store import Kept

_BATCH = 200
"""Tickets of which the past is kept in memory at once."""
_NOT_KEPT = "a past count of the source is not kept; `capa-sync status` shows the last one"

Advance = Callable[[str, int, int], None]


@dataclass
class _Found:
    """What was found: records, and how many tickets of each source could not be judged, by reason.

    `hidden` are tickets that are confidential now, whatever they were then.
    """

    hidden: frozenset[tuple[str, str]]
    records: list[ReviewRecord] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def collect_review(
    runtime: Runtime, period: ReviewPeriod, about: Sequence[str], advance: Advance, *, basis: str, is_masked: bool
) -> ReviewInput:
    """Collect the input of a review; the runtime's mappings are bound to the facts of the end of the period.

    Records that are kept as of then, on the same basis, are not computed again.
    """
    found = _Found(hidden=_hidden_now(runtime) if is_masked else frozenset())
    for context in runtime.contexts.values():
        _collect_source(runtime, context, period, found, advance, basis)
    waivers = reviewed_waivers(runtime, period)
    return ReviewInput(
        found.records,
        waivers.counted,
        list(_checks(runtime, found.records, waivers, period)),
        [*found.gaps, *_erased(runtime, period), *waivers.gaps, *_unknown(found.records)],
        about,
        is_masked,
        waivers.silent,
    )


def _erased(runtime: Runtime, period: ReviewPeriod) -> list[str]:
    """Return in sentences how many tickets were erased since the period began."""
    erased = erased_since(runtime.register, period.start)
    return [f"{line} {period.first}: what they were is not counted." for line in erased]


def _collect_source(
    runtime: Runtime, context: SourceContext, period: ReviewPeriod, found: _Found, advance: Advance, basis: str
) -> None:
    mirror = _mirror(runtime, period)
    if mirror.read_by(context.name) is None:
        found.gaps.append(f"{context.name} was not read up to the end of the period: nothing of it is counted.")
        return
    ids, why = mirror.record_ids(context.name), Counter[str]()
    kept = runtime.register.reviews.load(context.name, period.at, basis)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start : start + _BATCH]
        is_kept = all(ticket_id in kept for ticket_id in batch)
        shown = kept if is_kept else _shown(runtime, context, period, batch, kept)
        for ticket_id in batch:
            record = shown[ticket_id]
            if isinstance(record, str):
                why[record] += 1
            elif record is not None:
                is_hidden = (context.name, ticket_id) in found.hidden and not record.is_confidential
                found.records.append(altered(record, is_confidential=True) if is_hidden else record)
        advance(context.name, min(start + _BATCH, len(ids)), len(ids))
    found.gaps += [f"{context.name}: {count_of(count, 'record')} {what}." for what, count in sorted(why.items())]


def _shown(
    runtime: Runtime, context: SourceContext, period: ReviewPeriod, ids: Sequence[str], kept: Mapping[str, Kept]
) -> Mapping[str, Kept]:
    """Return what some records showed, computing those that are not kept."""
    mirror = _mirror(runtime, period)
    return {
        ticket_id: kept[ticket_id] if ticket_id in kept else reviewed_record(runtime, context, ticket_id, mirror)
        for ticket_id in ids
    }


def _hidden_now(runtime: Runtime) -> frozenset[tuple[str, str]]:
    """Return the tickets whose texts a reader must not see now."""
    with runtime.register.snapshot(ExportSelection()) as snapshot:
        rows = snapshot.rows("v_register", ("source", "ticket_id", "confidential"))
        return frozenset((row[0], row[1]) for row in rows if row[2] != "no")


def _mirror(runtime: Runtime, period: ReviewPeriod) -> PastMirror:
    sources = {context.name: context.inputs() for context in runtime.contexts.values()}
    return PastMirror(runtime.register, sources, period.at)


def _unknown(records: Sequence[ReviewRecord]) -> Iterator[str]:
    """Yield in a sentence how many checks could not tell."""
    unknown = [record for record in records if record.unknown]
    if unknown:
        rules = Counter(rule for record in unknown for rule in record.unknown)
        often = ", ".join(f"{rule} ({count})" for rule, count in sorted(rules.items(), key=_most_first)[:3])
        yield f"Some checks cannot tell on {count_of(len(unknown), 'record')}: above all {often}."
    never = sum(not record.decided for record in records)
    if never:
        yield f"{count_of(never, 'record')} were checked by no rule at all."


def _most_first(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _checks(
    runtime: Runtime, records: Sequence[ReviewRecord], waivers: ReviewedWaivers, period: ReviewPeriod
) -> Iterator[CheckResult]:
    """Yield G1 to G7 as of the end of the period."""
    limits, at = runtime.limits, period.at
    for name in runtime.contexts:
        yield checks.never_decided(name, _never_decided([record for record in records if record.source == name]))
    failures = [record for record in records if record.track == "nonconformity"]
    newest = {
        origin: max((record.begun for record in failures if record.origin == origin), default=None)
        for origin in limits.origins
    }
    yield checks.silent_origins(newest, limits, at)
    decided = [record.decision[0] for record in records if record.decision and record.track == "improvement"]
    yield checks.improvements(max(decided, default=None), _without(runtime, "decision"), limits, at)
    for name in runtime.contexts:
        is_mapped = name not in _without(runtime, "management_review_ref")
        keys = _unreviewed(failures, name, at - limits.unreviewed_after, at)
        yield checks.unreviewed_majors(name, keys, is_mapped, limits)
    yield checks.overdue([_span(record) for record in records], limits, at, runtime.options.timezone)
    open_ones = {record.name for record in records if record.is_open(at)}
    waived = {waiver.name for waiver in waivers.counted if not waiver.is_over} & open_ones
    yield checks.waivers(len(open_ones), len(waived), waivers.expired(records), limits)
    for name in runtime.contexts:
        yield CheckResult(CheckName.COUNT_DIFFERS, RegisterCheckState.CANNOT_TELL, _NOT_KEPT, name)


def _never_decided(records: Sequence[ReviewRecord]) -> list[str]:
    decided = frozenset[str]().union(*{record.decided for record in records})
    return sorted(frozenset[str]().union(*{record.unknown for record in records}) - decided)


def _without(runtime: Runtime, name: str) -> list[str]:
    """Return the sources whose mapping names no field for this one."""
    return [
        context.name
        for context in runtime.contexts.values()
        if context.bound is None or name in unmapped_names(context.bound)
    ]


def _unreviewed(failures: Sequence[ReviewRecord], source: str, before: datetime, at: datetime) -> list[str]:
    majors = (record for record in failures if record.source == source and record.grade == "major")
    return sorted(
        record.key for record in majors if record.is_open(at) and not record.review and record.begun < before
    )


def _span(record: ReviewRecord) -> RecordSpan:
    ended = record.moves[-1][0] if record.moves and record.moves[-1][1] else None
    return RecordSpan(record.begun, ended, record.due, record.implemented or ended)
