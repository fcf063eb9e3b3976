"""Joined records: which tickets of all sources are the same nonconformity, and which of them is the primary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from capa_sync.mapping import MappingFile
from capa_sync.model.record import CapaRecord
from capa_sync.model.ticket import Presence
from capa_sync.store import Register

TicketRef = tuple[str, str]
"""Source and ticket id."""
_GONE = frozenset({Presence.DELETED, Presence.DELETED_OR_HIDDEN})
"""Such a ticket is not joined: its statement about its duplicate is no longer valid."""


class Joins:
    """The joined records of a register.

    Args:
        mappings: the mapping of each source, in the order of the settings; the order decides which ticket is primary.
    """

    def __init__(self, register: Register, mappings: Mapping[str, MappingFile]) -> None:
        self._register = register
        self._mappings = mappings
        self._order = {name: place for place, name in enumerate(mappings)}
        named = {name: mapping.same_as.source for name, mapping in mappings.items() if mapping.same_as is not None}
        self._named = {name: source for name, source in named.items() if source in mappings}
        self._joinable = {*named.values(), *self._named}

    def named_by(self, source: str) -> str:
        """Return the source in which tickets of this source may name duplicates; "" for none of the settings."""
        return self._named.get(source, "")

    def may_join(self, source: str) -> bool:
        """Tell whether a ticket of this source and another ticket may be the same nonconformity."""
        return source in self._joinable

    def is_learnt_before_judging(self, source: str) -> bool:
        """Tell whether tickets of this source name duplicates in this source or in one that is judged before it.

        Otherwise the naming ticket is the primary, and it is judged first.
        """
        named = self.named_by(source)
        return bool(named) and self._order[named] <= self._order[source]

    def groups(self, sources: Iterable[str]) -> list[set[str]]:
        """Return the join groups: sets of those sources whose tickets may be joined with one another's."""
        groups = {name: {name} for name in sources}
        for name in list(groups):
            named = self.named_by(name)
            if named in groups:
                joined = groups[name] | groups[named]
                groups |= dict.fromkeys(joined, joined)
        return list({id(group): group for group in groups.values()}.values())

    def primary(self, source: str, ticket_id: str) -> TicketRef:
        """Return the primary: the ticket with the finding and warning of this record.

        The primary is the ticket itself, or its joined duplicate in a source named earlier in the settings.
        """
        if not self.may_join(source):
            return source, ticket_id
        tickets = [(source, ticket_id), *self._joined(source, ticket_id)]
        return min(tickets, key=lambda ticket: (self._order[ticket[0]], ticket[1]))

    def judged_with(self, source: str, ticket_id: str) -> set[TicketRef]:
        """Return the other tickets to be judged because this one is.

        These are the primary of its record, and tickets that become or stop being a primary because a duplicate
        vanished or came back. Of a ticket that is gone these are all of its duplicates: nothing else says that their
        record has lost its fields.
        """
        records, own = self._register.records, (source, ticket_id)
        duplicates = [duplicate for duplicate in records.joined(*own) if duplicate[0] in self._mappings]
        if self._is_apart(own):
            return set(duplicates) - {own}
        changed = {
            duplicate
            for duplicate in duplicates
            if (self.primary(*duplicate) == duplicate) != records.has_row(*duplicate)
        }
        return (changed | {self.primary(*own)}) - {own}

    def duplicates_of(self, own: CapaRecord) -> list[TicketRef]:
        """Return the joined tickets of a record; the id is "" for one that is named and not mirrored."""
        joined = self._joined(own.source, own.ticket_id)
        named = self.named_by(own.source)
        if joined or not named or not own.same_as_key or own.presence in _GONE:
            return joined
        return [(named, "")]

    def named_or_naming(self, source: str, ticket_id: str) -> list[TicketRef]:
        """Return the tickets that this ticket names as its duplicates at present, and those that name it."""
        return [found for found in self._register.records.joined(source, ticket_id) if found[0] in self._mappings]

    def in_order(self, tickets: Iterable[TicketRef]) -> list[TicketRef]:
        """Return tickets of one record in the order of the settings; the first is the primary."""
        return sorted(tickets, key=lambda ticket: (self._order[ticket[0]], ticket[1]))

    def _joined(self, source: str, ticket_id: str) -> list[TicketRef]:
        """Return the joined records that are not gone; none for a ticket that is gone or an action."""
        joined = [
            duplicate
            for duplicate in self._register.records.joined(source, ticket_id)
            if duplicate[0] in self._mappings
        ]
        if not joined or self._is_apart((source, ticket_id)):
            return []
        return [duplicate for duplicate in joined if not self._is_apart(duplicate)]

    def _is_apart(self, ticket: TicketRef) -> bool:
        tickets = self._register.tickets
        return tickets.presence(*ticket) in _GONE or tickets.is_action(*ticket)

    def remember(self, own: CapaRecord, now: datetime) -> None:
        """Store which duplicate this ticket names; make the present and the former duplicate due for judging."""
        named = self.named_by(own.source)
        if not named:
            return
        for source, duplicate in self._register.records.save_join(own.source, own.ticket_id, named, own.same_as_key):
            self._register.queue.want_judging(source, [duplicate], now)

    def sources_to_ask(self, source: str) -> list[str]:
        """Return the other sources whose tickets may name duplicates in this source, and were not read yet.

        A source counts as read when it was read to its end and the duplicates of all its tickets are known.
        """
        return [
            name
            for name, named in self._named.items()
            if name != source and named == source
            if self._register.queue.duplicates_known(name) != _link(self._mappings[name])
        ]

    def note_known(self, source: str, now: datetime) -> None:
        """Store once that the duplicates of all tickets of this source are known; make the waiting tickets due."""
        named, queue, link = self.named_by(source), self._register.queue, _link(self._mappings[source])
        if not named or queue.duplicates_known(source) == link:
            return
        with self._register.transaction():
            queue.know_duplicates(source, link)
            queue.want_all_judged(named, now)

    def note_links(self) -> None:
        """Store which source's tickets name those of which other: `status` reads no mapping."""
        self._register.queue.note_links({name: _link(mapping) for name, mapping in self._mappings.items()})


def _link(mapping: MappingFile) -> str:
    """Return the source of the duplicates and the field that names them, as text; "" for none."""
    return f"{mapping.same_as.source}: {mapping.same_as.ref.name}" if mapping.same_as is not None else ""
