"""Makes the derived tables of a private copy of a register as they were at a past instant: `export --as-of`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from capa_sync.daemon.accounts import note_persons
from capa_sync.daemon.judging import BATCH
from capa_sync.daemon.past_mirror import PastMirror
from capa_sync.daemon.past_work import look_from
from capa_sync.daemon.rebuilding import judge_from_mirror
from capa_sync.daemon.runtime import Runtime
from capa_sync.model.amounts import count_of
from capa_sync.model.selection import ExportSelection
from capa_sync.model.ticket import Presence
from capa_sync.store import Register

_UNSEEN = frozenset({Presence.UNOBSERVED, Presence.ACCESS_LOST})


def set_views_back(runtime: Runtime, at: datetime, *, is_masked: bool) -> list[str]:
    """Set the register, a private copy, back to an instant, judge it there, and let its views show what was.

    The clock of the runtime stands at the instant. `is_masked`: what is confidential now counts as confidential then.
    Returns in sentences which records of then are not shown, and why.
    """
    register = runtime.register
    hidden = _confidential(runtime) if is_masked else []
    register.rewind(at)
    look_from(runtime, at)
    for context in runtime.contexts.values():
        note_persons(register, context)
    judge_from_mirror(runtime, at)
    assert runtime.past is not None  # noqa: S101 - set by `look_from`
    presences, gaps = _presences(runtime, runtime.past)
    gaps += erased_since(runtime.register, at)
    reads = {
        name: (ended, list(runtime.past.unread(name)))
        for name in runtime.contexts
        if (ended := runtime.past.read_by(name)) is not None
    }
    register.show_as_of(at, presences, reads, hidden)
    return gaps


def erased_since(register: Register, at: datetime) -> list[str]:
    """Return in sentences how many tickets were erased later: of what they were, nothing is left."""
    stones = [stone for stone in register.erasures.tombstones() if stone.erased_at > at]
    tickets = Counter(source for source, _ in {(stone.source, stone.ticket_id) for stone in stones})
    return [f"{name}: {count_of(count, 'ticket')} erased since" for name, count in sorted(tickets.items())]


def _confidential(runtime: Runtime) -> list[tuple[str, str]]:
    """Return the records whose texts a reader must not see now."""
    with runtime.register.snapshot(ExportSelection()) as snapshot:
        rows = snapshot.rows("v_register", ("source", "ticket_id", "confidential"))
        return [(row[0], row[1]) for row in rows if row[2] != "no"]


def _presences(runtime: Runtime, mirror: PastMirror) -> tuple[dict[tuple[str, str], Presence], list[str]]:
    """Return the presences that differ from those of now, and in sentences which records were not visible."""
    found, gaps = dict[tuple[str, str], Presence](), list[str]()
    for name in runtime.contexts:
        records, unseen = set(mirror.record_ids(name)), Counter[Presence]()
        present = {ticket_id: now for ticket_id, (now, _) in runtime.register.tickets.presences(name).items()}
        for ids in _batches([*present]):
            mirror.turn_to(name, ids)
            then = {ticket_id: mirror.presence(name, ticket_id) for ticket_id in ids}
            found |= {(name, id_): presence for id_, presence in then.items() if presence is not present[id_]}
            unseen.update(presence for id_, presence in then.items() if presence in _UNSEEN and id_ in records)
        mirror.turn_to(name, ())
        gaps += [
            f"{name}: {count_of(count, 'record')} not shown, of which the presence was {presence}"
            for presence, count in sorted(unseen.items())
        ]
    return found, gaps


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the ids in parts: the mirror keeps the versions of the tickets that it looks at."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
