"""One page of readings taken into the mirror: what is new is stored, what is known is passed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from capa_sync.model.ticket import Part, Presence, Reading, Role, Scope, SourceTicket
from capa_sync.ports import Parser
from capa_sync.store import assembly, observed, ticket_rows
from capa_sync.store.columns import instant, instant_text, json_value, raw_json
from capa_sync.store.database import Database, Params
from capa_sync.store.parts import Stored, first_form, newest_parts, next_version

_INSERT_MIRROR = """INSERT INTO mirror (nr, source, ticket_id, role, presence, presence_proof, presence_at, first_run,
    scope) VALUES (?,?,?,?,?,?,?,?,?)"""
_INSERT_PART = "INSERT INTO part (nr, kind, version, form, digest, run, read_at, body) VALUES (?,?,?,?,?,?,?,?)"
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
    """Takes the readings of one page in; used inside one transaction and thrown away."""

    def __init__(self, db: Database, source: str, at: datetime, run: int, parser: Parser) -> None:
        self._db = db
        self._source = source
        self._at = at
        self._now = instant_text(at)
        self._run = run
        self._parser = parser
        self._parts: list[Params] = []
        self._rows = ticket_rows.DerivedRows()

    def take(self, readings: Sequence[Reading]) -> tuple[list[str], int]:
        """Store what is new; return ids of new or changed tickets and the number of stored part versions."""
        wanted = _last_of_each(readings)
        known = self._known(list(wanted))
        fresh = [reading for ticket_id, reading in wanted.items() if ticket_id not in known]
        changed = {reading.ticket.id for reading in fresh}
        self._add_new(fresh)
        changed |= self._update_known({ticket_id: (held, wanted[ticket_id]) for ticket_id, held in known.items()})
        self._db.execute_many(_INSERT_PART, self._parts)
        self._rows.insert(self._db)
        return [ticket_id for ticket_id in wanted if ticket_id in changed], len(self._parts)

    def _known(self, ids: Sequence[str]) -> dict[str, _Known]:
        rows = self._db.rows_in(
            "SELECT nr, ticket_id, presence, scope FROM mirror WHERE source = ? AND ticket_id IN (?)",
            (self._source,),
            ids,
        )
        known = {row[1]: _Known(row[0], Presence(row[2]), Scope(row[3])) for row in rows}
        by_nr = {held.nr: held for held in known.values()}
        versions = "SELECT nr, kind, version, digest, read_at FROM part WHERE nr IN (?)"
        for nr, kind, version, digest, read_at in self._db.rows_in(versions, (), list(by_nr)):
            held = by_nr[nr]
            held.read_at = max(held.read_at, read_at)
            if version > held.versions.get(kind, 0):
                held.versions[kind], held.digests[kind] = version, digest
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
                self._parts.append(
                    (nr, part.kind, 1, first_form(part.kind), part.digest, self._run, self._now, part.body)
                )
            self._rows.add(nr, ticket, ticket.changes, (), ticket.old_keys)
        self._db.execute_many(_INSERT_MIRROR, mirror)

    def _update_known(self, pairs: Mapping[str, tuple[_Known, Reading]]) -> set[str]:
        differing = {
            ticket_id: pair
            for ticket_id, pair in pairs.items()
            if any(pair[0].digests.get(part.kind) != part.digest for part in pair[1].parts)
        }
        changed = {ticket_id for ticket_id, (held, reading) in pairs.items() if self._update_place(held, reading)}
        numbers = [held.nr for held, _ in differing.values()]
        before = assembly.versions_of(self._db, numbers)
        seen = assembly.observations_of(self._db, numbers)
        lost: dict[int, str] = dict(self._db.rows_in("SELECT nr, lost FROM ticket WHERE nr IN (?)", (), numbers))
        for held, reading in differing.values():
            old = self._parsed(before.get(held.nr, []))
            self._add_versions(held, before.get(held.nr, []), reading)
            new = self._as_stored(before.get(held.nr, []), reading)
            self._renew_rows(held, old, new, seen.get(held.nr, []), json_value(lost.get(held.nr, "[]")))
        return changed | set(differing)

    def _as_stored(self, before: Sequence[Stored], reading: Reading) -> SourceTicket:
        """Return the ticket as its stored parts tell it: of equal content the first body stays, and what it says."""
        kept = {part.kind: part for part in newest_parts(before)}
        parts = [_kept_or(part, kept.get(part.kind)) for part in reading.parts]
        unread = kept.keys() - {part.kind for part in parts}  # what was not read again stays as it is held
        parts += [kept[kind] for kind in sorted(unread)]
        if not unread and all(part.body == read.body for part, read in zip(parts, reading.parts, strict=True)):
            return reading.ticket
        return assembly.parsed_or_none(self._parser, parts) or reading.ticket

    def _update_place(self, held: _Known, reading: Reading) -> bool:
        """Take over presence and scope; the role follows from these and from other tickets (`roles`)."""
        returned = held.presence is not Presence.PRESENT
        scope = _next_scope(held.scope, reading.in_query)
        if returned:
            self._db.execute(
                """UPDATE mirror SET presence = 'present', presence_proof = '', presence_at = ?, last_seen_at = NULL
                WHERE nr = ?""",
                (self._now, held.nr),
            )
        if scope is not held.scope:
            self._db.execute("UPDATE mirror SET scope = ? WHERE nr = ?", (scope, held.nr))
        return returned or scope is not held.scope

    def _parsed(self, versions: Sequence[Stored]) -> SourceTicket | None:
        """Parse stored versions; None where the parser of today refuses them: nothing to compare with."""
        return assembly.parsed_or_none(self._parser, newest_parts(versions)) if versions else None

    def _add_versions(self, held: _Known, before: Sequence[Stored], reading: Reading) -> None:
        for part in reading.parts:
            if held.digests.get(part.kind) == part.digest:
                continue
            new = next_version([stored for stored in before if stored.kind == part.kind], part)
            self._parts.append((held.nr, new.kind, new.version, new.form, new.digest, self._run, self._now, new.body))

    def _renew_rows(
        self,
        held: _Known,
        old: SourceTicket | None,
        new: SourceTicket,
        seen: list[observed.Observation],
        lost: Iterable[str],
    ) -> None:
        keys = set(new.old_keys)
        gone = set(lost)
        if old is not None:
            news = observed.observe(old, new, read_before=instant(held.read_at), read_at=self._at, seen=seen)
            self._store_observed(held.nr, news)
            seen = [*seen, *news]
            gone |= set(old.values)
            keys.add(old.key)
        ticket_rows.forget(self._db, held.nr)
        self._db.execute("DELETE FROM old_key WHERE nr = ? AND ticket_key = ?", (held.nr, new.key))  # it moved back
        self._rows.add(held.nr, new, observed.merge(new.changes, seen), gone - set(new.values), keys)

    def _store_observed(self, nr: int, seen: Sequence[observed.Observation]) -> None:
        self._db.execute_many(
            _INSERT_OBSERVED,
            [
                (
                    nr,
                    one.change.entry,
                    instant_text(one.change.at),
                    instant_text(one.since),
                    instant_text(one.until),
                    one.change.field_id,
                    one.change.field_name,
                    raw_json(one.change.old),
                    raw_json(one.change.new),
                    one.change.by,
                )
                for one in seen
            ],
        )


def _first_scope(reading: Reading) -> Scope:
    """Return the scope of a ticket not mirrored yet; of a record that was read by id, that of what brought it."""
    is_inside = reading.role is Role.RECORD if reading.in_query is None else reading.in_query
    return Scope.IN if is_inside else Scope.NEVER


def _next_scope(held: Scope, in_query: bool | None) -> Scope:
    if in_query is None:
        return held
    return Scope.IN if in_query else Scope.NEVER if held is Scope.NEVER else Scope.LEFT


def _kept_or(read: Part, kept: Part | None) -> Part:
    return kept if kept is not None and kept.digest == read.digest else read


def _last_of_each(readings: Sequence[Reading]) -> dict[str, Reading]:
    """Return id -> the last reading of each ticket of a page; one that the query names anywhere in it is in it."""
    last: dict[str, Reading] = {}
    for reading in readings:
        before = last.get(reading.ticket.id)
        if before is not None and before.in_query and not reading.in_query:
            reading = replace(reading, in_query=True, role=before.role)
        last[reading.ticket.id] = reading
    return last
