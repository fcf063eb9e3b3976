"""Stores readings of one page in the mirror: new content is stored, known content is skipped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from capa_sync.model.ticket import Part, Presence, Reading, Role, Scope, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.store import assembly, observed, ticket_rows
from capa_sync.store.chain import PAGE, Chain, ChainEntry
from capa_sync.store.chained_ranges import part_content
from capa_sync.store.columns import instant, instant_text, json_value, member, raw_json
from capa_sync.store.database import Database, Params
from capa_sync.store.parts import Stored, first_form, newest_parts, next_version

_INSERT_MIRROR = """INSERT INTO mirror (nr, source, ticket_id, role, presence, presence_proof, presence_at, first_run,
    scope) VALUES (?,?,?,?,?,?,?,?,?)"""
_INSERT_PART = "INSERT INTO part (nr, kind, version, form, digest, run, read_at, body) VALUES (?,?,?,?,?,?,?,?)"
_INSERT_PART_AS = "INSERT INTO part VALUES (?,?,?,?,?,?,?,?,?)"
_INSERT_OBSERVED = """INSERT INTO observed (nr, entry, changed_at, since, until, field_id, field_name, old, new,
    changed_by) VALUES (?,?,?,?,?,?,?,?,?,?)"""


@dataclass(slots=True)
class _Known:
    """What the mirror holds of a ticket: its number, presence, scope, newest digest and version of each kind."""

    nr: int
    presence: Presence
    scope: Scope
    digests: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    read_at: str = ""


class Intake:
    """Stores some readings of one page; used once, inside the transaction of the page."""

    def __init__(self, db: Database, chain: Chain, source: str, at: datetime, run: int, parser: Parser) -> None:
        self._db = db
        self._chain = chain
        self._source = source
        self._at = at
        self._now = instant_text(at)
        self._run = run
        self._parser = parser
        self._parts: list[Params] = []
        self._contents: list[bytes] = []
        self._rows = ticket_rows.DerivedRows()

    def take(self, readings: Sequence[Reading]) -> tuple[list[str], int]:
        """Store new content of some tickets, one reading of each.

        Returns ids of new or changed tickets, and the number of stored part versions.
        """
        wanted = {reading.ticket.id: reading for reading in readings}
        known = self._known(list(wanted))
        fresh = [reading for ticket_id, reading in wanted.items() if ticket_id not in known]
        changed = {reading.ticket.id for reading in fresh}
        self._add_new(fresh)
        changed |= self._update_known(
            {ticket_id: (mirrored, wanted[ticket_id]) for ticket_id, mirrored in known.items()}
        )
        self._insert_parts()
        self._rows.insert(self._db)
        return [ticket_id for ticket_id in wanted if ticket_id in changed], len(self._parts)

    def _insert_parts(self) -> None:
        """Insert the parts, whose ids follow each other, and append one event for all of them to the chain."""
        if not self._parts:
            return
        newest = self._db.value("SELECT MAX(id) FROM part") or 0
        erased = self._db.value("SELECT MAX(last_part) FROM tombstone") or 0
        first, rows = max(newest, erased) + 1, self._parts
        if erased > newest:  # an erased part keeps its id: the chain has an event for it
            self._db.execute(_INSERT_PART_AS, (first, *rows[0]))
            rows = rows[1:]
        self._db.execute_many(_INSERT_PART, rows)
        ids = (first, first + len(self._parts) - 1)
        self._chain.append([ChainEntry(PAGE, self._source, "", ids, self._contents)])

    def _known(self, ids: Sequence[str]) -> dict[str, _Known]:
        rows = self._db.rows_in(
            "SELECT nr, ticket_id, presence, scope FROM mirror WHERE source = ? AND ticket_id IN (?)",
            (self._source,),
            ids,
        )
        known = {row[1]: _Known(row[0], member(Presence, row[2]), member(Scope, row[3])) for row in rows}
        by_nr = {mirrored.nr: mirrored for mirrored in known.values()}
        versions = "SELECT nr, kind, version, digest, read_at FROM part WHERE nr IN (?)"
        for nr, kind, version, digest, read_at in self._db.rows_in(versions, (), list(by_nr)):
            mirrored = by_nr[nr]
            mirrored.read_at = max(mirrored.read_at, read_at)
            if version > mirrored.versions.get(kind, 0):
                mirrored.versions[kind], mirrored.digests[kind] = version, digest
        return known

    def _add_new(self, fresh: Sequence[Reading]) -> None:
        if not fresh:
            return
        start = (self._db.value("SELECT MAX(nr) FROM mirror") or 0) + 1
        mirror: list[Params] = []
        for nr, reading in enumerate(fresh, start):
            ticket = reading.ticket
            place = (reading.role, Presence.PRESENT, "", self._now, self._run, _first_scope(reading))
            mirror.append((nr, self._source, ticket.id, *place))
            for part in reading.parts:
                row = (nr, part.kind, 1, first_form(part.kind), part.digest, self._run, self._now, part.body)
                self._parts.append(row)
                self._contents.append(
                    part_content(self._source, ticket.id, row, part.digest if part.is_exact else "")
                )
            self._rows.add(nr, ticket, ticket.changes, (), ticket.old_keys)
        self._db.execute_many(_INSERT_MIRROR, mirror)

    def _update_known(self, pairs: Mapping[str, tuple[_Known, Reading]]) -> set[str]:
        differing = {
            ticket_id: pair
            for ticket_id, pair in pairs.items()
            if any(pair[0].digests.get(part.kind) != part.digest for part in pair[1].parts)
        }
        changed = {
            ticket_id for ticket_id, (mirrored, reading) in pairs.items() if self._update_place(mirrored, reading)
        }
        numbers = [mirrored.nr for mirrored, _ in differing.values()]
        before = assembly.versions_of(self._db, numbers)
        seen = assembly.observations_of(self._db, numbers)
        lost: dict[int, str] = dict(self._db.rows_in("SELECT nr, lost FROM ticket WHERE nr IN (?)", (), numbers))
        for mirrored, reading in differing.values():
            old = self._parsed(before.get(mirrored.nr, []))
            self._add_versions(mirrored, before.get(mirrored.nr, []), reading)
            new = self._as_stored(before.get(mirrored.nr, []), reading)
            self._renew_rows(mirrored, old, new, seen.get(mirrored.nr, []), json_value(lost.get(mirrored.nr, "[]")))
        return changed | set(differing)

    def _as_stored(self, before: Sequence[Stored], reading: Reading) -> SourceTicket:
        """Return the ticket parsed from its stored parts: for equal content, the body stored first is used."""
        stored = {part.kind: part for part in newest_parts(before)}
        parts = [_stored_or(part, stored.get(part.kind)) for part in reading.parts]
        unread = stored.keys() - {part.kind for part in parts}  # parts that were not read again stay as stored
        parts += [stored[kind] for kind in sorted(unread)]
        if not unread and all(part.body == read.body for part, read in zip(parts, reading.parts, strict=True)):
            return reading.ticket
        return assembly.parsed_or_none(self._parser, parts) or reading.ticket

    def _update_place(self, mirrored: _Known, reading: Reading) -> bool:
        """Update presence and scope; the role depends on these and on other tickets (`roles`)."""
        returned = mirrored.presence is not Presence.PRESENT
        scope = _next_scope(mirrored.scope, reading.in_query)
        if returned:
            self._db.execute(
                """UPDATE mirror SET presence = 'present', presence_proof = '',
                presence_at = MAX(?, presence_at), last_seen_at = NULL
                WHERE nr = ?""",
                (self._now, mirrored.nr),
            )
        if scope is not mirrored.scope:
            self._db.execute("UPDATE mirror SET scope = ? WHERE nr = ?", (scope, mirrored.nr))
        return returned or scope is not mirrored.scope

    def _parsed(self, versions: Sequence[Stored]) -> SourceTicket | None:
        """Parse stored versions; return None where the present parser fails, so that nothing is compared."""
        return assembly.parsed_or_none(self._parser, newest_parts(versions)) if versions else None

    def _add_versions(self, mirrored: _Known, before: Sequence[Stored], reading: Reading) -> None:
        for part in reading.parts:
            if mirrored.digests.get(part.kind) == part.digest:
                continue
            new = next_version([stored for stored in before if stored.kind == part.kind], part)
            row = (mirrored.nr, new.kind, new.version, new.form, new.digest, self._run, self._now, new.body)
            self._parts.append(row)
            self._contents.append(part_content(self._source, reading.ticket.id, row))

    def _renew_rows(
        self,
        mirrored: _Known,
        old: SourceTicket | None,
        new: SourceTicket,
        seen: list[observed.Observation],
        lost: Iterable[str],
    ) -> None:
        keys = set(new.old_keys)
        gone = set(lost)
        if old is not None:
            news = observed.observe(
                old,
                new,
                read_before=instant(mirrored.read_at),
                read_at=self._at,
                seen=seen,
                computed=self._parser.computed_fields,
                updated_by=self._parser.updated_by_field,
            )
            self._store_observed(mirrored.nr, news)
            seen = [*seen, *news]
            gone |= set(old.values)
            keys.add(old.key)
        ticket_rows.forget(self._db, mirrored.nr)
        self._db.execute(
            "DELETE FROM old_key WHERE nr = ? AND ticket_key = ?", (mirrored.nr, new.key)
        )  # the ticket has this key again
        self._rows.add(mirrored.nr, new, observed.merge(new.changes, seen), gone - set(new.values), keys)

    def _store_observed(self, nr: int, seen: Sequence[observed.Observation]) -> None:
        self._db.execute_many(
            _INSERT_OBSERVED,
            [
                (
                    nr,
                    observation.change.entry,
                    instant_text(observation.change.at),
                    instant_text(observation.since),
                    instant_text(observation.until),
                    observation.change.field_id,
                    observation.change.field_name,
                    raw_json(observation.change.old),
                    raw_json(observation.change.new),
                    observation.change.by,
                )
                for observation in seen
            ],
        )


def _first_scope(reading: Reading) -> Scope:
    """Return the scope of a ticket that is not mirrored yet; one read by id as a record counts as in scope."""
    is_inside = reading.role is Role.RECORD if reading.in_query is None else reading.in_query
    return Scope.IN if is_inside else Scope.NEVER


def _next_scope(before: Scope, in_query: bool | None) -> Scope:
    if in_query is None:
        return before
    return Scope.IN if in_query else Scope.NEVER if before is Scope.NEVER else Scope.LEFT


def _stored_or(read: Part, stored: Part | None) -> Part:
    return stored if stored is not None and stored.digest == read.digest else read


def last_of_each(readings: Sequence[Reading]) -> list[Reading]:
    """Return the last reading of each ticket of a page; a ticket returned by the query once counts as in it."""
    last: dict[str, Reading] = {}
    for reading in readings:
        before = last.get(reading.ticket.id)
        if before is not None and before.in_query and not reading.in_query:
            reading = replace(reading, in_query=True, role=before.role)
        last[reading.ticket.id] = reading
    return list(last.values())
