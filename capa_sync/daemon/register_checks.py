"""After each census: the checks over the whole register are made anew and stored, never written on a ticket."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.mapping import unmapped_names
from capa_sync.model.register_check import CheckName, CheckResult, RegisterCheckState
from capa_sync.register import checks
from capa_sync.store import CENSUS


def check_register_after_census(runtime: Runtime, context: SourceContext, since: datetime) -> None:
    """Make the checks when a census of this source ended in this cycle, or when they were never made."""
    if has_census_since(runtime, context, since) or not runtime.register.checks.all():
        check_register(runtime, runtime.clock.now())


def has_census_since(runtime: Runtime, context: SourceContext, since: datetime) -> bool:
    """Return whether a census of a source began at an instant or later, and has ended."""
    last = runtime.register.runs.last(context.name, CENSUS)
    return last is not None and last.finished_at is not None and last.started_at >= since


def check_register(runtime: Runtime, now: datetime) -> list[CheckResult]:
    """Make all checks at an instant, store and return their results.

    One transaction: of two sources that end together, the second sees what the first has stored.
    """
    with runtime.register.transaction():
        results = [
            *(_rules_of(runtime, context) for context in runtime.contexts.values()),
            checks.silent_origins(_newest(runtime), runtime.limits, now),
            checks.improvements(*_decided(runtime), runtime.limits, now),
            *(_majors_of(runtime, context, now) for context in runtime.contexts.values()),
            checks.overdue(runtime.register.checks.spans(), runtime.limits, now, runtime.options.timezone),
            _waivers(runtime, now),
            *(_counts_of(runtime, name) for name in runtime.contexts),
        ]
        runtime.register.checks.save(results, now)
        runtime.register.findings.drop_unused_sets()
    return results


def _rules_of(runtime: Runtime, context: SourceContext) -> CheckResult:
    if not runtime.register.findings.judged_tickets(context.name, 1):
        what = "no ticket was evaluated yet"
        return CheckResult(CheckName.NEVER_DECIDED, RegisterCheckState.CANNOT_TELL, what, context.name)
    return checks.never_decided(context.name, runtime.register.checks.never_decided(context.name))


def _newest(runtime: Runtime) -> dict[str, datetime | None]:
    return {origin: runtime.register.checks.newest_of(origin) for origin in runtime.limits.origins}


def _decided(runtime: Runtime) -> tuple[datetime | None, list[str]]:
    """Return when an improvement was last decided, and the sources that have no field for it."""
    found: list[datetime] = []
    unmapped: list[str] = []
    for name, context in runtime.contexts.items():
        ids = _fields_of(context, "decision")
        if not ids:
            unmapped.append(name)
        elif (last := runtime.register.checks.last_change(name, ids)) is not None:
            found.append(last)
    return max(found, default=None), unmapped


def _fields_of(context: SourceContext, name: str) -> list[str]:
    """Return the tracker's fields of a canonical field; none before the mapping is bound."""
    bound = () if context.bound is None else context.bound.fields
    return [part.field_id for mapped in bound if mapped.name == name for part in mapped.parts if part.field_id]


def _majors_of(runtime: Runtime, context: SourceContext, now: datetime) -> CheckResult:
    is_mapped = context.bound is not None and "management_review_ref" not in unmapped_names(context.bound)
    before = now - runtime.limits.unreviewed_after
    keys = runtime.register.checks.unreviewed_majors(context.name, before)
    return checks.unreviewed_majors(context.name, keys, is_mapped, runtime.limits)


def _waivers(runtime: Runtime, now: datetime) -> CheckResult:
    found = runtime.register.checks.waived(now.astimezone(ZoneInfo(runtime.options.timezone)).date())
    return checks.waivers(found.open, found.waived, found.expired, runtime.limits)


def _counts_of(runtime: Runtime, name: str) -> CheckResult:
    last = runtime.register.runs.last(name, CENSUS)
    counted = last.counts.get("told") if last else None
    swept = last.counts.get("swept", 0) if last else 0
    return checks.counts(name, counted, swept, runtime.register.checks.without_row(name))
