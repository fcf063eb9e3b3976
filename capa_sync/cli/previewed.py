"""Computes a preview on a private copy of a register: what differs when another verdict set judges the mirror."""

from __future__ import annotations

import getpass
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from capa_sync.cli.context import check_rule
from capa_sync.cli.forecast import forecast_of, planned_writes
from capa_sync.cli.past import PastOptions, PastView, past_view
from capa_sync.cli.plan_view import DOES, effects_of
from capa_sync.cli.worker import workers_for
from capa_sync.daemon.past_work import look_from
from capa_sync.daemon.previewing import judge_and_plan
from capa_sync.daemon.runtime import Progress, Runtime, no_progress
from capa_sync.live.changing import SetChange, activate, change_to_set
from capa_sync.live.past import set_at
from capa_sync.live.settle import settle
from capa_sync.model.clock import Clock, StoppedClock
from capa_sync.model.verdict_set import How
from capa_sync.store import Register, StandingChange
from capa_sync.wiring import Configuration, Setup, bind_as_last_known, build_runtime, write_options

Changing = Callable[[Setup, Register], SetChange]
"""Returns the change to preview. Raises UserError with every mistake of the set."""


def previewed(
    setup: Setup,
    register: Register,
    clock: Clock,
    stop: threading.Event,
    changing: Changing,
    rule: str | None,
    options: PastOptions,
    listener: Progress = no_progress,
) -> dict[str, Any]:
    """Judge by the live set what is due, then everything by the changed one; return what differs.

    As of a past instant, both sets judge the mirror of then, and the live set is the one that was live then.
    `listener` hears how far the judging has come.
    """
    by = getpass.getuser()
    view = past_view(setup, register, options.as_of, options.rules_of)
    if view is None:
        live = settle(setup, register, clock.now(), by, stores=True, is_lenient=True, keeps_live=True).configuration
    else:
        clock = StoppedClock(view.at)
        live = set_at(setup, register, view.at).configuration
        register.rewind(view.at)
    if view is not None and options.rules_of:
        change = change_to_set(register, view.judged_by.verdict_set, view.judged_by.configuration)
    else:
        change = changing(setup, register)
    if not change.differences:
        return {
            "set": change.wanted.hash,
            "changes": [],
            "rules": [],
            "tickets": [],
            "quarantined": [],
            "sources": [],
        }
    check_rule(change.configuration, rule)
    planned = _planned_by_daemon(live, register) if view is None else []
    before = _effects(_judged(live, register, clock, stop, view, listener, planned), planned)
    register.standings.keep()
    activate(register, change.wanted, change.configuration, clock.now(), by, How.ACTIVATE)
    after = _forecasts(change.configuration, _judged(change.configuration, register, clock, stop, view, listener))
    applied = register.standings.applied()
    return {
        "set": change.wanted.hash,
        "changes": list(change.differences),
        "rules": [
            {"rule": name, "applied_before": counts[0], "applied": counts[1]} for name, counts in applied.items()
        ],
        "tickets": [_as_dict(found) for found in register.standings.changes()],
        "quarantined": register.standings.newly_quarantined(),
        "sources": [
            {**found, "would_now": {what: before[name][what] for what in DOES}} for name, found in after.items()
        ],
    }


def _planned_by_daemon(configuration: Configuration, register: Register) -> list[str]:
    """Return the sources whose planned writes the daemon has stored; where it never planned, nothing is stored."""
    return [
        name
        for name in configuration.settings.sources
        if write_options(configuration.settings, name).mode != "off" and register.outbox.has_writes(name)
    ]


def _judged(
    configuration: Configuration,
    register: Register,
    clock: Clock,
    stop: threading.Event,
    view: PastView | None,
    listener: Progress,
    planned: Collection[str] = (),
) -> Runtime:
    """Judge and plan by a set; `planned` as in `judge_and_plan`."""
    runtime = build_runtime(configuration, register, clock, stop, write_mode="plan", asks=False)
    runtime.progress = listener
    if view is None:
        runtime.workers = workers_for(configuration.file, register.path)
        bind_as_last_known(runtime)
    else:
        look_from(runtime, view.at)
    judge_and_plan(runtime, clock.now(), planned=planned)
    return runtime


def _bound(runtime: Runtime) -> list[str]:
    return [name for name, context in runtime.contexts.items() if context.bound is not None]


def _effects(runtime: Runtime, planned: Collection[str]) -> Mapping[str, Counter[str]]:
    """Return source -> number of tickets for each effect of the planned writes; `planned` as in `judge_and_plan`."""
    return effects_of(planned_writes(runtime, _bound(runtime), stored=planned))


def _forecasts(configuration: Configuration, runtime: Runtime) -> dict[str, dict[str, Any]]:
    """Return source -> what would be written on it, and what its brakes would do."""
    names = _bound(runtime)
    writes = planned_writes(runtime, names)
    return {name: {"source": name} | forecast_of(runtime, configuration, name, writes) for name in names}


def _as_dict(found: StandingChange) -> dict[str, Any]:
    return {
        "source": found.source,
        "ticket": found.ticket,
        "rule": found.rule,
        "mode": found.mode,
        "what": _what(found),
        "severity": found.after.severity or found.before.severity,
        "severity_before": found.before.severity,
        "reason": found.after.message or found.reason or found.before.message,
        "reason_before": found.before.message,
    }


def _what(found: StandingChange) -> str:
    """Return what happens to a rule on a ticket: `new`, `cleared`, `changed` or `cannot_tell`."""
    if found.after.outcome == "cannot_tell" and found.before.outcome != "cannot_tell":
        return "cannot_tell"
    if found.before.is_open and not found.after.is_open:
        return "cleared"
    return "changed" if found.before.is_open else "new"
