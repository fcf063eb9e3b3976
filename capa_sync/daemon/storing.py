"""Stores the outcomes of evaluated tickets.

Verdicts, findings and register rows go into the register, plans into the plan cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from capa_sync.daemon.comparing import diff_of, events_of
from capa_sync.daemon.log import LogAction, is_logged, log
from capa_sync.daemon.outcome import Evaluated, LeftToPrimary, NotMirrored, Outcome, Quarantined
from capa_sync.daemon.plan_cache import PickledPlan
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.findings import What
from capa_sync.model.waiver import WaiverState
from capa_sync.store import JudgedRows, standing_row


class ResultWriter:
    """Stores the outcomes of evaluated tickets in the register."""

    def __init__(self, runtime: Runtime, context: SourceContext, outcomes: Sequence[Outcome], now: datetime) -> None:
        self._runtime, self._context, self._now = runtime, context, now
        self._outcomes = outcomes
        self._quarantined = runtime.register.tickets.quarantined(context.name)
        self._judged: list[Evaluated] = []

    def store(self) -> Counter[str]:
        """Store verdicts, episodes, rows and the next due instants; return counts by name."""
        counts: Counter[str] = Counter()
        for outcome in self._outcomes:
            counts.update(self._take(outcome))
        self._store_rows()
        self._want_duplicates_planned()
        self._take_plans(
            {evaluated.ticket_id: evaluated.plan for evaluated in self._judged if evaluated.plan is not None}
        )
        return counts

    def _take_plans(self, plans: Mapping[str, PickledPlan]) -> None:
        """Cache plans until the brakes are checked; of a plan that changes nothing, store the next due instant."""
        context = self._context
        quiet = {ticket_id: plan.next_due_at for ticket_id, plan in plans.items() if plan.is_quiet}
        self._runtime.register.queue.planned(context.name, quiet)
        for ticket_id in quiet:
            context.withheld_plans.drop(ticket_id)
        changing = [ticket_id for ticket_id in plans if ticket_id not in quiet]
        _want_planning(self._runtime, context, changing, self._now)
        for ticket_id in changing:
            context.plans.keep(ticket_id, plans[ticket_id])

    def _want_duplicates_planned(self) -> None:
        """Make duplicates of judged records due for planning: our text there has the record's key, which may move."""
        runtime, name = self._runtime, self._context.name
        if not runtime.joins.may_join(name) or not runtime.register.records.has_joins:
            return
        for evaluated in self._judged:
            for source, duplicate in runtime.joins.named_or_naming(name, evaluated.ticket_id):
                if runtime.contexts[source].write.mode != "off":
                    texts = runtime.register.outbox.touched(source, [duplicate])
                    runtime.register.queue.planned(source, dict.fromkeys(texts, self._now))

    def _take(self, outcome: Outcome) -> dict[str, int]:
        runtime, context, ticket_id = self._runtime, self._context, outcome.ticket_id
        if isinstance(outcome, Quarantined):
            return _quarantine(runtime, context, outcome, self._now)
        if ticket_id in self._quarantined:
            runtime.register.tickets.quarantine(context.name, ticket_id, None)
        match outcome:
            case LeftToPrimary():
                return _leave_to_primary(runtime, context, ticket_id, self._now)
            case NotMirrored():
                runtime.register.findings.next_due(context.name, ticket_id, None)
                if context.write.mode != "off":
                    _want_planning(runtime, context, [ticket_id], self._now)  # writes that still wait are withdrawn
                return {}
            case Evaluated():
                self._judged.append(outcome)
                return {"judged": 1} | _log_events(runtime, context, ticket_id, outcome.events)
        assert_never(outcome)

    def _store_requests(self, rows: JudgedRows) -> None:
        """Store what requests in a ticket's comments became; a new waiver gets its number here."""
        waivers, asked = self._runtime.register.waivers, rows.asked
        for waiver, state, why in asked.new:
            number = waivers.add(waiver, self._now, replaces=state is WaiverState.ACTIVE)
            rows.standings.append(standing_row(replace(waiver, id=number), state, why))
        waivers.approve(asked.approved, self._now)
        waivers.save_answers(self._context.name, rows.ticket_id, asked.answers)

    def _store_rows(self) -> None:
        register, name = self._runtime.register, self._context.name
        found = {evaluated.ticket_id: evaluated.rows for evaluated in self._judged}
        register.findings.save_rows([row for rows in found.values() for row in rows.findings])
        register.findings.replace_verdicts(name, {key: rows.verdicts for key, rows in found.items()}, self._now)
        for rows in found.values():
            self._store_requests(rows)
            register.waivers.bind(rows.bound_waivers)
            register.waivers.end(rows.ended_waivers, self._now)
        register.waivers.replace_standings(name, {key: rows.standings for key, rows in found.items()})
        register.findings.next_dues(name, {key: rows.next_due_at for key, rows in found.items()})
        register.records.give_numbers(name, {key: rows.year for key, rows in found.items()})
        register.records.replace_register_rows(name, {key: rows.register_row for key, rows in found.items()})
        register.records.replace_actions(name, {key: rows.actions for key, rows in found.items()})
        register.records.replace_births(name, {key: rows.births for key, rows in found.items()})
        register.similar.replace_keys(name, {key: rows.similar_keys for key, rows in found.items()})
        register.records.replace_disagreements(name, {key: rows.disagreements for key, rows in found.items()})


def _quarantine(runtime: Runtime, context: SourceContext, outcome: Quarantined, now: datetime) -> dict[str, int]:
    """Quarantine a ticket that cannot be judged, with the reasons.

    Its episodes, verdicts and row stay as they were last: nothing is closed, and writes that still wait are withheld.
    """
    runtime.register.tickets.quarantine(context.name, outcome.ticket_id, outcome.reasons)
    runtime.register.findings.next_due(context.name, outcome.ticket_id, None)
    if context.write.mode != "off":
        _want_planning(runtime, context, [outcome.ticket_id], now)
    key, reason = runtime.register.tickets.key(context.name, outcome.ticket_id), outcome.reasons[0]
    log(LogAction.TICKET_QUARANTINED, level="warning", source=context.name, ticket=key, reason=reason)
    return {"quarantined": 1}


def _want_planning(runtime: Runtime, context: SourceContext, ticket_ids: Sequence[str], now: datetime) -> None:
    """Make tickets due for planning, and drop their withheld plans."""
    runtime.register.queue.planned(context.name, dict.fromkeys(ticket_ids, now))
    for ticket_id in ticket_ids:
        context.withheld_plans.drop(ticket_id)


def _log_events(
    runtime: Runtime, context: SourceContext, ticket_id: str, events: Sequence[tuple[What, str]]
) -> dict[str, int]:
    """Log what happened to a ticket's findings; return how many opened and cleared."""
    if events and is_logged():
        key = runtime.register.tickets.key(context.name, ticket_id)
        for what, rule in events:
            log(_ACTIONS.get(what, LogAction.FINDING_CHANGED), source=context.name, ticket=key, rule=rule)
    happened = [what for what, _ in events]
    return {"opened": happened.count(What.OPENED), "cleared": happened.count(What.CLEARED)}


_ACTIONS = {What.OPENED: LogAction.FINDING_OPENED, What.CLEARED: LogAction.FINDING_CLEARED}


def retract_actions(runtime: Runtime, context: SourceContext, actions: Sequence[str], now: datetime) -> None:
    """Remove actions that were records before from the register; our texts on such a ticket are withdrawn."""
    register = runtime.register
    quarantined = register.tickets.quarantined(context.name)
    was_judged = set(register.roles.misplaced(context.name, actions))
    touched = register.outbox.touched(context.name, actions)
    for ticket_id in actions:
        register.findings.next_due(context.name, ticket_id, None)
        if ticket_id in quarantined:
            register.tickets.quarantine(context.name, ticket_id, None)
        if ticket_id in was_judged or ticket_id in touched:
            _take_out(
                runtime, context, ticket_id, now, "cleared because the ticket is an action, and no record any more"
            )
        _forget_duplicate(runtime, context, ticket_id, now)


def _forget_duplicate(runtime: Runtime, context: SourceContext, ticket_id: str, now: datetime) -> None:
    """Store that an action has no duplicate; make the tickets that were joined with it due by themselves."""
    if runtime.register.records.has_joins:
        for source, duplicate in runtime.register.records.save_join(context.name, ticket_id, "", ""):
            runtime.register.queue.want_judging(source, [duplicate], now)


def _leave_to_primary(runtime: Runtime, context: SourceContext, ticket_id: str, now: datetime) -> dict[str, int]:
    """Leave finding, warning and register row to the primary ticket of the joined record."""
    return _take_out(runtime, context, ticket_id, now, "cleared because the joined ticket speaks for this one")


def _take_out(runtime: Runtime, context: SourceContext, ticket_id: str, now: datetime, why: str) -> dict[str, int]:
    """Clear a ticket's findings, remove its register row, and have our texts on it withdrawn."""
    register = runtime.register
    previous = register.findings.latest(context.name, ticket_id)
    diff = diff_of(runtime.inputs(context, now), ticket_id, previous, [], why)
    counts = _log_events(runtime, context, ticket_id, events_of(diff))
    register.findings.save(diff.save)
    register.findings.save_verdicts(context.name, ticket_id, [], now)
    register.findings.next_due(context.name, ticket_id, None)
    register.records.remove_row(context.name, ticket_id)
    register.waivers.replace_standings(context.name, {ticket_id: []})
    if context.write.mode != "off":
        _want_planning(runtime, context, [ticket_id], now)
    return {"judged": 1, "cleared": counts["cleared"]}
