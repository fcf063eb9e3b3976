"""Requests that other verbs leave in the register while the daemon holds it (docs/contract.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiver_requests import record_approval, record_waiver
from capa_sync.errors import RegisterUnavailable
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
    SAVE_DRAFT,
    WAIVE,
    WITHDRAW,
    Register,
    RegisterLock,
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


def ask(register: Register, verb: str, args: Mapping[str, Any], now: datetime) -> int:
    """Leave a request that needs the register alone; return its number.

    Where no daemon holds the register, it is carried out at once.
    """
    number = register.requests.leave(verb, args, now)
    lock = RegisterLock(register.path)
    try:
        lock.acquire()
    except RegisterUnavailable:
        return number
    try:
        carry_out_without_runtime(register, now)
    finally:
        lock.release()
    return number


def carry_out_without_runtime(register: Register, now: datetime) -> None:
    """Carry out the waiting requests that need the register alone; needs its lock."""
    for request in register.requests.waiting():
        work = _OF_REGISTER.get(request.verb)
        if work is not None:
            with register.transaction():
                register.requests.done(request.id, now, work(register, request, now))


def _activate(register: Register, request: VerbRequest, now: datetime) -> str:
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
    return ""


def _save_draft(register: Register, request: VerbRequest, now: datetime) -> str:
    """Keep changed rules as a draft; return its number, which is the answer."""
    number = register.drafts.add(request.args["set_hash"], request.args["base_hash"], now, request.args["by"])
    log(LogAction.DRAFT_SAVED, draft=number, asked_by=request.args["by"])
    return str(number)


def _note(register: Register, request: VerbRequest, now: datetime) -> str:  # noqa: ARG001 - the signature is shared
    at = request.at.isoformat().replace("+00:00", "Z")
    register.note_visit(request.args["kind"], {**request.args["what"], "at": at})
    return ""


_OF_REGISTER: Mapping[str, Callable[[Register, VerbRequest, datetime], str]] = {
    ACTIVATE: _activate,
    NOTE: _note,
    SAVE_DRAFT: _save_draft,
}
"""Verb -> what carries it out without a runtime, and returns the answer."""


def carry_out_requests(runtime: Runtime) -> list[str]:
    """Carry out every waiting request; return the names of sources whose cycle should run soon."""
    touched: set[str] = set()
    register, now = runtime.register, runtime.clock.now
    for request in register.requests.waiting():
        if request.verb == ERASE:
            continue  # it waits until no cycle of its sources is under way (`erasure_work`)
        work, answer = _OF_REGISTER.get(request.verb), ""
        with register.transaction():
            if work is not None:
                answer = work(register, request, now())
            else:
                touched.update(_carry_out(runtime, request))
            register.requests.done(request.id, now(), answer)
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
