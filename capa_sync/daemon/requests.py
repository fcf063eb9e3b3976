"""Requests that other verbs leave in the register while the daemon holds it (docs/contract.md 3)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiver_requests import record_approval, record_waiver
from capa_sync.model.verdict_set import How
from capa_sync.store import (
    ACTIVATE,
    APPROVE,
    DIFFERENT,
    ERASE,
    NOTE,
    PAUSE,
    REFRESH,
    RELEASE,
    RESUME,
    RETRY,
    WAIVE,
    WITHDRAW,
    Register,
    VerbRequest,
    waiver_from_json,
)

_HALTING = {
    PAUSE: LogAction.WRITING_PAUSED,
    RESUME: LogAction.WRITING_RESUMED,
    WITHDRAW: LogAction.WITHDRAWAL_ASKED,
}


def release(runtime: Runtime, sources: Iterable[str], tickets: int | None) -> None:
    """Release the brakes of these sources once, for `tickets` tickets each (None: all)."""
    for source in sources:
        runtime.register.outbox.release(source, tickets, runtime.clock.now())
        log(LogAction.RELEASED, source=source, tickets="all" if tickets is None else tickets)


def refresh(runtime: Runtime, sources: Iterable[str], tickets: int | None) -> None:
    """Ask that texts of older wording are edited, on `tickets` tickets of each source (None: all)."""
    for source in sources:
        runtime.register.outbox.ask_refresh(source, tickets, runtime.clock.now())


def carry_out_activations(register: Register, now: datetime) -> None:
    """Make the verdict sets live that other verbs asked for; needs the register's lock."""
    for request in register.requests.waiting():
        if request.verb == ACTIVATE:
            with register.transaction():
                _activate(register, request, now)
                register.requests.done(request.id, now)


def _activate(register: Register, request: VerbRequest, now: datetime) -> None:
    asked = request.args
    log(LogAction.SET_ACTIVATED, how=asked["how"], asked_by=asked["by"], set=asked["set_hash"][:12])
    register.verdict_sets.activate(
        asked["set_hash"],
        rule_set=asked["rule_set"],
        at=now,
        by=asked["by"],
        how=How(asked["how"]),
        rules_alone=asked["rules_alone"],
        revision=asked["revision"],
    )


def carry_out_requests(runtime: Runtime) -> list[str]:
    """Carry out every waiting request; return the names of sources whose cycle should run soon."""
    touched: set[str] = set()
    for request in runtime.register.requests.waiting():
        if request.verb == ERASE:
            continue  # it waits until no cycle of its sources is under way (`erasure_work`)
        with runtime.register.transaction():
            touched.update(_carry_out(runtime, request))
            runtime.register.requests.done(request.id, runtime.clock.now())
        log(LogAction.REQUEST_TAKEN, verb=request.verb)
    return sorted(touched)


def _carry_out(runtime: Runtime, request: VerbRequest) -> list[str]:
    named = request.args.get("source", "")
    sources = [name for name in runtime.contexts if named in ("", name)]
    if request.verb == RELEASE:
        release(runtime, sources, request.args.get("tickets"))
    elif request.verb in (PAUSE, WITHDRAW, RESUME):
        log(_HALTING[request.verb], source=named, asked_by=request.args.get("asked_by", ""))
        for name in sources if request.verb == RESUME else ():
            runtime.register.queue.want_planning_of_warned(name, runtime.clock.now())
    elif request.verb == REFRESH:
        refresh(runtime, sources, request.args.get("tickets"))
    elif request.verb in (WAIVE, APPROVE):
        _waive(runtime, request)
    elif request.verb == DIFFERENT:
        one, other, by = (request.args[name] for name in ("one", "other", "by"))
        runtime.register.similar.mark_different(tuple(one), tuple(other), by, runtime.clock.now())
    elif request.verb == ACTIVATE:
        _activate(runtime.register, request, runtime.clock.now())
    elif request.verb == NOTE:
        at = request.at.isoformat().replace("+00:00", "Z")
        runtime.register.note_visit(request.args["kind"], {**request.args["what"], "at": at})
        return []
    elif request.verb == RETRY:
        ticket = request.args.get("ticket", "")
        runtime.register.outbox.retry((named, ticket) if ticket else None)
    return sources


def _waive(runtime: Runtime, request: VerbRequest) -> None:
    """Record a waiver, or the second person of one."""
    asked, now = request.args, runtime.clock.now()
    if request.verb == APPROVE:
        record_approval(runtime.register, asked["source"], asked["ticket_id"], asked["id"], asked["by"], now)
    else:
        record_waiver(runtime.register, waiver_from_json(asked), now, waits=bool(asked.get("waits")))
