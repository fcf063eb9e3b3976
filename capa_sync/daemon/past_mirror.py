"""The mirror at a past instant: stored versions of tickets, with what happened later taken back.

The version that the first judgement at or after the instant rested on is taken, so that little has to be taken back.
Before a ticket was read for the first time its change history alone shows what it was. What is not known of the past
is unknown: rules that need it cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.daemon.source_inputs import SourceInputs
from capa_sync.mapping import PastTicket, as_it_was, parent_fields
from capa_sync.model.days import utc_minute_words
from capa_sync.model.similar import EarlierMatch
from capa_sync.model.ticket import ChildRef, Presence, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.store import PastVersion, Register, StoredReads

_COMMENTS = "comments that were deleted before the ticket was first read ({read}) are not known"
_HISTORY = "its history is not complete, and it was read later than that"
_UNAUDITED = "the tracker does not record changes of '{field}', and the ticket was not read before {read}"


class PastMirror:
    """The mirror at one instant; answers as `Mirror`. A ticket that was created later is not there.

    Attributes:
        at: the instant.
    """

    def __init__(
        self,
        register: Register,
        sources: Mapping[str, SourceInputs],
        at: datetime,
        reads: StoredReads | None = None,
    ) -> None:
        self.at = at
        self._register = register
        self._sources = sources
        self._reads = reads or register.stored_reads()
        self._tickets = register.past(at, self._reads)
        self._records: dict[str, Sequence[str]] = {}
        self._unread: dict[str, Mapping[str, str]] = {}
        self._earlier: dict[tuple[str, str], tuple[EarlierMatch, ...]] = {}
        self._known: dict[tuple[str, str], PastTicket | None] = {}

    def read_by(self, source: str) -> datetime | None:
        """Return when the read ended that shows a source up to this instant; None when none has yet."""
        return self._tickets.read_by(source)

    def record_ids(self, source: str) -> Sequence[str]:
        """Return ids of the mirrored tickets that were records, whether they were there already or not."""
        if source not in self._records:
            self._records[source] = self._tickets.record_ids(source)
        return self._records[source]

    def is_record(self, source: str, ticket_id: str) -> bool:
        """Return whether a mirrored ticket was a record of its own, whether it was there already or not."""
        return self._tickets.is_record(source, ticket_id)

    def version(self, source: str, ticket_id: str) -> PastVersion | None:
        """Return the stored version of a ticket; None when it is not mirrored, or the version makes no ticket."""
        return self._tickets.version(source, ticket_id, self._sources[source].parser)

    def clear(self) -> None:
        """Forget the tickets that were looked at, to keep memory small."""
        self._known.clear()

    def turn_to(self, source: str, ticket_ids: Sequence[str]) -> None:
        """Read the versions of the tickets that are looked at next, and forget those of all others."""
        self.clear()
        self._reads.clear()
        self._reads.prepare(source, ticket_ids)

    def ticket(self, source: str, ticket_id: str, _parser: Parser) -> SourceTicket | None:
        """Return the ticket as it was, with its children of then; None when it was not there."""
        past = self._past(source, ticket_id)
        if past is None:
            return None
        named = [self._with_id(source, ref) for ref in past.ticket.children]
        return replace(past.ticket, children=tuple(ref for ref in named if self._was_part(past.ticket, ref)))

    def doubts(self, source: str, ticket_id: str) -> Mapping[str, str]:
        """Return what of a ticket is not known at the instant, with the reasons; see `PastTicket.doubts`."""
        past = self._past(source, ticket_id)
        return past.doubts if past is not None else {}

    def _past(self, source: str, ticket_id: str) -> PastTicket | None:
        own = (source, ticket_id)
        if own not in self._known:
            self._known[own] = self._cut(source, self.version(source, ticket_id))
        return self._known[own]

    def _cut(self, source: str, version: PastVersion | None) -> PastTicket | None:
        inputs = self._sources[source]
        if version is None or inputs.bound is None or version.ticket.created_at > self.at:
            return None
        past = as_it_was(version.ticket, inputs.bound, inputs.kind.history, self.at)
        return replace(past, doubts={**past.doubts, **self._doubts(inputs, version)})

    def _doubts(self, inputs: SourceInputs, version: PastVersion) -> dict[str, str]:
        """Return what is not known because the ticket was not mirrored yet."""
        if self.was_read(version) or self._was_made_between(version):
            return {}
        read = utc_minute_words(version.first_read_at)
        found = {"comments": _COMMENTS.format(read=read)}
        if inputs.facts is not None and version.ticket.updated_at > self.at and not version.ticket.part_of:
            unaudited = [field for field in inputs.facts.fields if field.audited is False]
            found |= {field.id: _UNAUDITED.format(field=field.name, read=read) for field in unaudited}
        return found

    def was_read(self, version: PastVersion) -> bool:
        """Return whether the ticket's first read, or an earlier one, shows the instant."""
        first = version.first_read_at
        return first <= self.at or self._tickets.shows_from(version.ticket.source, first) <= self.at

    def _was_made_between(self, version: PastVersion) -> bool:
        """Return whether the ticket was created after the read before its first, so that nothing could be missed."""
        before = self._tickets.as_of_before(version.ticket.source, version.first_read_at)
        return before is not None and version.ticket.created_at >= before

    def earlier(self, source: str, ticket_id: str) -> tuple[EarlierMatch, ...] | None:
        """Return the earlier records that a record matched; None before it was read for the first time.

        These are the matches of the first judgement at or after the instant.
        """
        version, judged_at = self.version(source, ticket_id), self.read_by(source)
        if version is None or judged_at is None:
            return None
        if not self.was_read(version) and not self._was_made_between(version):
            return None
        own = (source, ticket_id)
        if own not in self._earlier:  # asked once: a copy that is judged as of then finds matches of its own
            self._earlier[own] = self._register.similar.earlier_at(*own, judged_at)
        return self._earlier[own]

    def why_unknown(self, source: str, ticket_id: str) -> str:
        """Return why nothing of a ticket is known at the instant, "" when something is."""
        version = self.version(source, ticket_id)
        if version is None or self.at >= min(version.read_at, version.ticket.updated_at):
            return ""
        begun = version.ticket.history_from
        return _HISTORY if not version.ticket.history_complete and (begun is None or begun > self.at) else ""

    def presence(self, source: str, ticket_id: str) -> Presence:
        """Return the ticket's presence; one that was not created yet counts as deleted."""
        version = self.version(source, ticket_id)
        if version is not None and version.ticket.created_at > self.at:
            return Presence.DELETED
        return self._tickets.presence(source, ticket_id)

    def presence_since(self, source: str, ticket_id: str) -> datetime | None:
        """Return since when the ticket had its presence, as far as is known."""
        return self._tickets.presence_since(source, ticket_id)

    def read_at(self, source: str, ticket_id: str) -> datetime | None:
        """Return when the ticket's version was read, None when it is not mirrored."""
        version = self.version(source, ticket_id)
        return version.read_at if version is not None else None

    def unread(self, source: str) -> Mapping[str, str]:
        """Return id -> reason of the tickets whose answers since their newest version cannot be parsed."""
        if source not in self._unread:
            self._unread[source] = {
                ticket_id: reason
                for ticket_id, reason in self._register.tickets.unread(source).items()
                if (version := self.version(source, ticket_id)) is None
                or (version.is_newest and version.read_at < self.at)
            }
        return self._unread[source]

    def children_of(self, source: str, ticket_id: str) -> list[str]:
        """Return ids of mirrored tickets that a ticket names as children now, or that ever named it as parent."""
        inputs, tickets = self._sources[source], self._register.tickets
        found = set(tickets.children_of(source, ticket_id))
        if inputs.bound is not None and (fields := parent_fields(inputs.bound, inputs.kind.history)):
            former = self._tickets.former(source, sorted(fields))
            for name in (ticket_id, tickets.key(source, ticket_id)):
                found.update(former.get(name, ()))
        return sorted(found)

    def once_named(self, source: str, field_id: str, key: str) -> Sequence[str]:
        """Return ids of the tickets that had a key in a field at some time before now."""
        return self._tickets.former(source, [field_id]).get(key, ())

    def key(self, source: str, ticket_id: str) -> str:
        """Return a ticket's present key."""
        return self._register.tickets.key(source, ticket_id)

    def _with_id(self, source: str, ref: ChildRef) -> ChildRef:
        """Return a reference with the id of its ticket, where the mirror knows its key."""
        if ref.id:
            return ref
        found = [ticket_id for name, ticket_id in self._register.tickets.find(ref.key) if name == source]
        return replace(ref, id=found[0]) if found else ref

    def _was_part(self, parent: SourceTicket, ref: ChildRef) -> bool:
        """Return whether a ticket that its parent names was there, and part of it."""
        child = self._past(parent.source, ref.id) if ref.id else None
        if child is None:
            return self.presence(parent.source, ref.id) is not Presence.DELETED
        return ref.relation == "link" or not child.ticket.parent or child.ticket.parent == parent.id
