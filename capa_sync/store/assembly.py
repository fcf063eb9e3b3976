"""Reassembles tickets from their stored versions, for reading and for rebuilding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from capa_sync.errors import RegisterUnavailable
from capa_sync.model.light import light
from capa_sync.model.ticket import Origin, Part, RawChange, SourceTicket
from capa_sync.ports.reading import Parser
from capa_sync.store import observed
from capa_sync.store.columns import instant, json_value, raw_from
from capa_sync.store.database import Database, Row
from capa_sync.store.parts import WHOLE, Stored, merged, newest_parts
from capa_sync.store.ticket_rows import DerivedRows

# Whole parts need only the newest version; lists need all versions.
_VERSIONS = f"""SELECT nr, kind, version, form, digest, body FROM part AS p
    WHERE (form <> '{WHOLE}' OR version = (SELECT MAX(version) FROM part AS q WHERE q.nr = p.nr AND q.kind = p.kind))
    AND nr IN (?)"""
_OBSERVED = """SELECT nr, entry, changed_at, since, until, field_id, field_name, old, new, changed_by
    FROM observed WHERE nr IN (?)"""


def versions_of(db: Database, numbers: Sequence[int]) -> dict[int, list[Stored]]:
    """Return mirror number -> the versions that its newest parts consist of, ascending within each kind."""
    versions: dict[int, list[Stored]] = {}
    for row in sorted(db.rows_in(_VERSIONS, (), numbers), key=lambda row: row[:3]):
        versions.setdefault(row[0], []).append(Stored(*row[1:]))
    return versions


def parts_of(db: Database, numbers: Sequence[int]) -> dict[int, tuple[Part, ...]]:
    """Return mirror number -> newest whole parts."""
    return {nr: newest_parts(stored) for nr, stored in versions_of(db, numbers).items()}


def observations_of(db: Database, numbers: Sequence[int]) -> dict[int, list[observed.Observation]]:
    """Return mirror number -> observed changes, in the order of observation."""
    found: dict[int, list[observed.Observation]] = {}
    for row in db.rows_in(_OBSERVED, (), numbers):
        found.setdefault(row[0], []).append(_observation(row))
    return found


def _observation(row: Row) -> observed.Observation:
    _, entry, at, since, until, field_id, name, old, new, by = row
    change = RawChange(entry, instant(at), 0, field_id, name, raw_from(old), raw_from(new), by, Origin.OBSERVED)
    return observed.Observation(change, instant(since), instant(until))


def load(db: Database, numbers: Sequence[int], parser: Parser) -> dict[int, SourceTicket]:
    """Return mirror number -> parsed ticket with observed changes, lost fields and old keys."""
    parts, seen = parts_of(db, numbers), observations_of(db, numbers)
    lost: dict[int, str] = dict(db.rows_in("SELECT nr, lost FROM ticket WHERE nr IN (?)", (), numbers))
    keys: dict[int, list[str]] = {}
    for nr, key in db.rows_in("SELECT nr, ticket_key FROM old_key WHERE nr IN (?)", (), numbers):
        keys.setdefault(nr, []).append(key)
    tickets = {nr: parsed_or_none(parser, parts[nr]) for nr in numbers if nr in parts}
    return {
        nr: complete(ticket, seen.get(nr, ()), json_value(lost.get(nr, "[]")), keys.get(nr, ()))
        for nr, ticket in tickets.items()
        if ticket is not None
    }


def parsed_or_none(parser: Parser, parts: Sequence[Part]) -> SourceTicket | None:
    """Parse stored parts; return None where the present parser fails, with any exception."""
    try:
        return parser.parse(parts)
    except RegisterUnavailable:
        raise
    except Exception:  # noqa: BLE001 - the content of one ticket must not stop its source
        return None


def complete(
    ticket: SourceTicket, seen: Sequence[observed.Observation], lost: Sequence[str], old_keys: Sequence[str]
) -> SourceTicket:
    """Add to a parsed ticket what only the mirror knows: observed changes, lost fields, old keys."""
    changes = observed.merge(ticket.changes, seen)
    missing = frozenset(lost) - observed.emptied_fields(changes) if lost else ticket.lost
    earlier = tuple(key for key in sorted(old_keys) if key not in ticket.old_keys and key != ticket.key)
    if changes is ticket.changes and not missing and not earlier:
        return ticket
    return replace(ticket, changes=changes, lost=missing, old_keys=(*ticket.old_keys, *earlier))


def replay(db: Database, nr: int, parser: Parser, rows: DerivedRows) -> None:
    """Process all versions of a ticket in their order and collect the resulting derived rows."""
    current: dict[str, list[Stored]] = {}
    keys: set[str] = set()
    lost: set[str] = set()
    ticket: SourceTicket | None = None
    for step in steps_of(db, [nr]).get(nr, ()):
        for stored in step.versions:
            current.setdefault(stored.kind, []).append(stored)
        newer = parsed_or_none(parser, [merged(versions) for versions in current.values()])
        if newer is None:
            continue  # such a version was also skipped when it was read
        if ticket is not None:
            lost, keys = lost | set(ticket.values), keys | {ticket.key}
        if newer.parent:
            rows.parents.append((nr, newer.parent))
        ticket = newer
        keys |= set(newer.old_keys)
    if ticket is not None:
        seen = observations_of(db, [nr]).get(nr, ())
        rows.add(nr, ticket, observed.merge(ticket.changes, seen), lost - set(ticket.values), keys)


@light
class ReadStep:
    """The versions of a ticket that one read stored, and when it read them."""

    read_at: datetime
    versions: list[Stored]


def steps_of(db: Database, numbers: Sequence[int]) -> dict[int, list[ReadStep]]:
    """Return mirror number -> all versions in the order of storing, grouped by read."""
    found: dict[int, list[ReadStep]] = {}
    reads: dict[int, tuple[int, str]] = {}
    sql = "SELECT id, nr, run, read_at, kind, version, form, digest, body FROM part WHERE nr IN (?)"
    for _id, nr, run, read_at, *version in sorted(db.rows_in(sql, (), numbers), key=lambda row: int(row[0])):
        steps, stored = found.setdefault(nr, []), Stored(*version)
        if reads.get(nr) != (run, read_at) or any(known.kind == stored.kind for known in steps[-1].versions):
            steps.append(ReadStep(instant(read_at), []))
        reads[nr] = (run, read_at)
        steps[-1].versions.append(stored)
    return found
