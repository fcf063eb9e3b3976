"""Records like another one: those of the same kind, and suggestions by text, which no rule reads."""

from __future__ import annotations

from collections.abc import Iterator

from capa_sync.daemon.evidence import find_record
from capa_sync.daemon.pipeline import explain
from capa_sync.daemon.runtime import Runtime
from capa_sync.errors import Problem, UserError
from capa_sync.model.columns import RESTRICTED
from capa_sync.model.light import light
from capa_sync.model.similar import RecordLine

TicketRef = tuple[str, str]


@light
class SimilarRecord:
    """A record like another one.

    Attributes:
        record: what the register shows of it; the title of a confidential one is `restricted`.
        why: what the two have in common. is_same_kind: the same requirement and kind of cause, not only words.
    """

    record: RecordLine
    why: str
    is_same_kind: bool


def similar_to(runtime: Runtime, name: str, most: int) -> tuple[RecordLine, list[SimilarRecord]]:
    """Return the record of that name, and at most so many like it: those of the same kind, then those by text.

    Pairs that were marked as different are left out. Raises UserError where no record has that name.
    """
    own = find_record(runtime, name)
    similar = runtime.register.similar
    described = similar.described([own])
    if own not in described:
        raise _refused(f"{name} is not in the register yet", f"`capa-sync explain {name}` says why")
    found = dict[TicketRef, SimilarRecord]()
    different = {own, *similar.different_from(*own)}
    named = _named_as_different(runtime, own)
    for other, why, is_same_kind in _candidates(runtime, own):
        if other in different or other in found:
            continue
        if len(found) == most:
            break
        record = similar.described([other]).get(other)
        if record is not None and not named & {record.ticket_key.casefold(), _name_of(record)}:
            found[other] = SimilarRecord(_shown(record), why, is_same_kind)
    return described[own], list(found.values())


def _named_as_different(runtime: Runtime, own: TicketRef) -> set[str]:
    """Return the names in the record's own field `different_from`."""
    source, ticket_id = own
    explained = explain(runtime.inputs(runtime.contexts[source], runtime.clock.now()), ticket_id)
    named = explained[0].fields["different_from"].data if isinstance(explained, tuple) else None
    return {name.casefold() for name in named} if isinstance(named, tuple) else set()


def _name_of(record: RecordLine) -> str:
    return f"{record.source}:{record.ticket_key}".casefold()


def different_pair(runtime: Runtime, name: str, other_name: str) -> tuple[TicketRef, TicketRef]:
    """Return the two records that a person says are different. Raises UserError where they are no two records."""
    one, other = find_record(runtime, name), find_record(runtime, other_name)
    if one == other:
        raise _refused(f"{name} and {other_name} are one record", "name two records")
    return one, other


def _candidates(runtime: Runtime, own: TicketRef) -> Iterator[tuple[TicketRef, str, bool]]:
    similar = runtime.register.similar
    for other, key in similar.of_same_kind(*own):
        yield other, f"the same requirement and kind of cause: {key}", True
    for match in similar.alike(*own):
        yield (match.source, match.ticket_id), f"the words {', '.join(match.words[:8])}", False


def _shown(record: RecordLine) -> RecordLine:
    return record._replace(title=RESTRICTED) if record.is_confidential else record


def _refused(what: str, hint: str) -> UserError:
    return UserError([Problem("", 0, what, hint)])
