"""After a month has ended: what each record showed at its end is kept, some records at each cycle.

The management review of a period that ends with that month then reads rows instead of replaying every history.
"""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync import __version__
from capa_sync.daemon.explaining_past import bind_as_known_at
from capa_sync.daemon.log import LogAction, log
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.reviewed import reviewed_record
from capa_sync.daemon.runtime import Runtime, SourceContext
from capa_sync.errors import RegisterUnavailable, UnreadableValue, own_error
from capa_sync.store import Kept, Register

_SLICE = 250
"""Records at each cycle: half a second of work, so that polls stay on time."""


def basis_of(register: Register, set_hash: str, timezone: str, at: datetime) -> str:
    """Return what the records of an instant rest on besides their histories: program, set, zone, what is known."""
    return f"{__version__} {set_hash} {timezone} {register.reviews.knowledge(at)}"


def keep_reviews(runtime: Runtime, context: SourceContext, now: datetime) -> None:
    """Keep what some more records of a source showed at the end of the last month.

    Only where the register was there before the month ended, all sources were read since, and the set that judges
    now judged then; otherwise this reads a row or two.
    """
    at, name = last_month_end(now, runtime.options.timezone), context.name
    if runtime.register.reviews.is_made(name, at) or not _can_be_known(runtime, name, at):
        return
    live = runtime.register.verdict_sets.live()
    if live is None or live.at > at:
        return
    with runtime.register.transaction():
        basis = basis_of(runtime.register, live.set_hash, runtime.options.timezone, at)
        runtime.register.reviews.begin(name, at, basis)
    _keep_some(_as_known_at(runtime, at), name, at)


def last_month_end(now: datetime, timezone: str) -> datetime:
    """Return the last microsecond of the month before."""
    begun = now.astimezone(ZoneInfo(timezone)).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    return begun.astimezone(UTC) - timedelta(microseconds=1)


def _can_be_known(runtime: Runtime, name: str, at: datetime) -> bool:
    first = runtime.register.runs.first(name)
    if first is None or first > at:
        return False
    past = runtime.register.past(at)
    return all(past.read_by(source) is not None for source in runtime.contexts)


def _as_known_at(runtime: Runtime, at: datetime) -> Runtime:
    """Return a runtime whose mappings are bound to the facts of then; this one keeps its own."""
    then = copy(runtime)
    then.contexts = {name: copy(context) for name, context in runtime.contexts.items()}
    bind_as_known_at(then, at)
    return then


def _keep_some(then: Runtime, name: str, at: datetime) -> None:
    context = then.contexts[name]
    mirror = PastMirror(then.register, {other: known.inputs() for other, known in then.contexts.items()}, at)
    missing = then.register.reviews.missing(name, mirror.record_ids(name))
    found: dict[str, Kept] = {}
    for ticket_id in missing[:_SLICE]:
        if then.stop.is_set():
            return
        try:
            found[ticket_id] = reviewed_record(then, context, ticket_id, mirror)
        except Exception as error:  # what is kept serves speed; it must not keep the cycle from its end
            if isinstance(error, RegisterUnavailable) and not isinstance(error, UnreadableValue):
                raise
            log(LogAction.REVIEW_NOT_KEPT, level="error", source=name, ticket=ticket_id, problem=own_error(error))
            then.register.reviews.save(name, found, is_done=True)
            return
    then.register.reviews.save(name, found, is_done=len(found) == len(missing))
