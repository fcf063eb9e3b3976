"""Requests that other verbs leave in the register while the daemon holds it (docs/contract.md 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.rule_files import RuleFiles
from capa_sync.daemon.runtime import Runtime
from capa_sync.daemon.waiver_requests import record_approval, record_waiver
from capa_sync.errors import RegisterUnavailable, UserError
from capa_sync.model.draft import RuleDraft
from capa_sync.model.halt import HaltKind
from capa_sync.model.verdict_set import How
from capa_sync.store import (
    ACTIVATE,
    APPROVE,
    DIFFERENT,
    DIGEST_AGAIN,
    DISCARD_DRAFT,
    ERASE,
    NOTE,
    PAUSE,
    REFRESH,
    RELEASE,
    RESUME,
    RETRY,
    RULES_WRITTEN,
    SAVE_DRAFT,
    WAIVE,
    WITHDRAW,
    WRITE_RULES,
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
    """Release the brakes of these sources once, for `tickets` tickets each (None: all).

    During a withdrawal this releases the removals alone.
    """
    named = list(sources)
    withdrawn = withdrawn_of(runtime.register, named)
    for source in named:
        runtime.register.outbox.release(source, tickets, runtime.clock.now(), of_warnings=source not in withdrawn)
        log(LogAction.RELEASED, source=source, tickets="all" if tickets is None else tickets)


def withdrawn_of(register: Register, sources: Iterable[str]) -> list[str]:
    """Return those of some sources from which all our texts are being taken back."""
    halts = {source: register.halts.of(source) for source in sources}
    return [source for source, halt in halts.items() if halt is not None and halt.kind is HaltKind.WITHDRAWN]


def refresh(runtime: Runtime, sources: Iterable[str], tickets: int | None) -> None:
    """Ask that texts of older wording are edited, on `tickets` tickets of each source (None: all)."""
    for source in sources:
        runtime.register.outbox.ask_refresh(source, tickets, runtime.clock.now())


def ask(
    register: Register, verb: str, args: Mapping[str, Any], now: datetime, rule_files: RuleFiles | None = None
) -> int:
    """Leave a request that needs no runtime; return its number.

    Where no daemon holds the register, it is carried out at once. `rule_files` as in `Runtime`.
    """
    number = register.requests.leave(verb, args, now)
    carry_out_where_free(register, now, rule_files)
    return number


def carry_out_where_free(register: Register, now: datetime, rule_files: RuleFiles | None = None) -> None:
    """Carry out the waiting requests that need no runtime, unless a daemon holds the register: then it does it."""
    lock = RegisterLock(register.path)
    try:
        lock.acquire()
    except RegisterUnavailable:
        return
    try:
        carry_out_without_runtime(register, now, rule_files)
    finally:
        lock.release()


def carry_out_without_runtime(register: Register, now: datetime, rule_files: RuleFiles | None = None) -> None:
    """Carry out the waiting requests that need no runtime; needs the lock. `rule_files` as in `Runtime`."""
    for request in register.requests.waiting():
        if request.verb in _OF_REGISTER or (request.verb == WRITE_RULES and rule_files is not None):
            with register.transaction():
                register.requests.done(request.id, now, _answer(register, request, now, rule_files))


def _answer(register: Register, request: VerbRequest, now: datetime, rule_files: RuleFiles | None) -> str:
    """Carry out a request that needs no runtime, and return the answer."""
    work = _OF_REGISTER.get(request.verb)
    return work(register, request, now) if work is not None else _write_rules(register, request, now, rule_files)


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


def _discard_draft(register: Register, request: VerbRequest, now: datetime) -> str:
    """Discard a draft, where nobody did before; return in words what was done."""
    number, by = request.args["draft"], request.args["by"]
    draft = register.drafts.find(number)
    if draft is None or draft.discarded_at is not None:
        return _why_not(number, draft)
    register.drafts.discard(number, now, by)
    log(LogAction.DRAFT_DISCARDED, draft=number, asked_by=by)
    return f"draft {number} is discarded"


def _why_not(number: int, draft: RuleDraft | None) -> str:
    """Return why nothing more is done with a draft."""
    return f"there is no draft {number}" if draft is None else f"draft {number} was discarded by {draft.discarded_by}"


def _note(register: Register, request: VerbRequest, now: datetime) -> str:  # noqa: ARG001 - the signature is shared
    at = request.at.isoformat().replace("+00:00", "Z")
    register.note_visit(request.args["kind"], {**request.args["what"], "at": at})
    return ""


def _waive(register: Register, request: VerbRequest, now: datetime) -> str:
    record_waiver(register, waiver_from_json(request.args), now, waits=bool(request.args.get("waits")))
    return ""


def _approve(register: Register, request: VerbRequest, now: datetime) -> str:
    """Record the second person of a waiver."""
    asked = request.args
    record_approval(register, asked["source"], asked["ticket_id"], asked["id"], asked["by"], now)
    return ""


def _write_rules(register: Register, request: VerbRequest, now: datetime, files: RuleFiles | None) -> str:
    """Write the rules of a draft into their files; return in words what was written, or why nothing was."""
    asked = request.args
    if files is None:
        return "nothing was written: the settings do not allow it ([web] rules_folder_writable)"
    draft = register.drafts.find(asked["draft"])
    if draft is None or draft.discarded_at is not None:
        return f"nothing was written: {_why_not(asked['draft'], draft)}"
    parts = register.verdict_sets.load(draft.set_hash).parts
    try:
        written = files.write({part.key: part.text for part in parts}, asked["expected"])
    except UserError as error:
        return f"nothing was written: {error.problems[0]}"
    names = [file.name for file in written]
    log(LogAction.RULES_WRITTEN, draft=asked["draft"], asked_by=asked["by"], files=",".join(names))
    at = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    what = {"draft": asked["draft"], "by": asked["by"], "files": names, "at": at}
    register.note_visit(RULES_WRITTEN, what)
    return f"written: {', '.join(names)}" if names else "every file held these texts already"


_OF_REGISTER: Mapping[str, Callable[[Register, VerbRequest, datetime], str]] = {
    ACTIVATE: _activate,
    APPROVE: _approve,
    DISCARD_DRAFT: _discard_draft,
    NOTE: _note,
    SAVE_DRAFT: _save_draft,
    WAIVE: _waive,
}
"""Verb -> what carries it out without a runtime, and returns the answer."""
_WITHOUT_CYCLE = frozenset({ACTIVATE, DISCARD_DRAFT, NOTE, SAVE_DRAFT, WRITE_RULES})
"""Verbs that no cycle of a source has to follow soon."""


def carry_out_requests(runtime: Runtime) -> list[str]:
    """Carry out every waiting request; return the names of sources whose cycle should run soon."""
    touched: set[str] = set()
    register, now = runtime.register, runtime.clock.now
    for request in register.requests.waiting():
        if request.verb == ERASE:
            continue  # it waits until no cycle of its sources is under way (`erasure_work`)
        answer = ""
        with register.transaction():
            if request.verb in _OF_REGISTER or request.verb == WRITE_RULES:
                answer = _answer(register, request, now(), runtime.rule_files)
            if request.verb not in _WITHOUT_CYCLE:
                touched.update(_carry_out(runtime, request))
            register.requests.done(request.id, now(), answer)
        log(LogAction.REQUEST_TAKEN, verb=request.verb)
    return sorted(touched)


def _carry_out(runtime: Runtime, request: VerbRequest) -> list[str]:
    """Carry out one request; return the sources whose cycle should run soon."""
    if request.verb == NOTE:
        at = request.at.isoformat().replace("+00:00", "Z")
        runtime.register.note_visit(request.args["kind"], {**request.args["what"], "at": at})
        return []
    if request.verb == DIGEST_AGAIN:
        runtime.register.sends.ask_again(runtime.clock.now())
        return []
    return _carry_out_for_sources(runtime, request)


def _carry_out_for_sources(runtime: Runtime, request: VerbRequest) -> list[str]:
    named = request.args.get("source", "")
    sources = [name for name in runtime.contexts if named in ("", name)]
    if request.verb == RELEASE:
        withdrawn = withdrawn_of(runtime.register, sources)
        asked_for = request.args.get("withdrawn", withdrawn)  # absent: left by an earlier version
        same = [name for name in sources if (name in withdrawn) == (name in asked_for)]
        release(runtime, same, request.args.get("tickets"))
    elif request.verb in (PAUSE, WITHDRAW, RESUME):
        log(_HALTING[request.verb], source=named, asked_by=request.args.get("asked_by", ""))
        for name in sources if request.verb == RESUME else ():
            runtime.register.queue.want_planning_of_warned(name, runtime.clock.now())
    elif request.verb == REFRESH:
        refresh(runtime, sources, request.args.get("tickets"))
    elif request.verb == DIFFERENT:
        one, other, by = (request.args[name] for name in ("one", "other", "by"))
        runtime.register.similar.mark_different(tuple(one), tuple(other), by, runtime.clock.now())
    elif request.verb == RETRY:
        ticket = request.args.get("ticket", "")
        runtime.register.outbox.retry((named, ticket) if ticket else None)
    return sources
