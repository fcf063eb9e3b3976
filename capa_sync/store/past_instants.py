"""The instants at which what the register shows of a past ticket changes, beside the ticket's own changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from capa_sync.store.columns import instant, instant_text, optional_instant
from capa_sync.store.database import Database
from capa_sync.store.waivers import Waivers

_NEXT = timedelta(microseconds=1)
"""The smallest step of a stored instant."""


def known_before(db: Database, source: str, read_at: datetime) -> datetime | None:
    """Return up to when a source was known by the reads that had ended before an instant; None before the first."""
    text = instant_text(read_at)
    return optional_instant(
        db.value(
            """SELECT as_of FROM run WHERE source = ? AND ok = 1 AND as_of < ? AND finished_at < ?
            ORDER BY as_of DESC LIMIT 1""",
            (source, text, text),
        )
    )


def shows_from(db: Database, source: str, read_at: datetime) -> datetime:
    """Return the earliest instant that is known as it was read at an instant: the `as_of` of the run that read it.

    What was read by no run with an `as_of`, or before that, is known from when it was read.
    """
    as_of = db.value(
        """SELECT as_of FROM run WHERE source = ? AND ok = 1 AND as_of IS NOT NULL AND finished_at >= ?
        ORDER BY finished_at, id LIMIT 1""",
        (source, instant_text(read_at)),
    )
    return read_at if as_of is None else min(read_at, instant(as_of))


class PastInstants:
    """Instants at which the mirror, the site facts or the waivers of a ticket became other ones."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of_presence(self, source: str, ticket_id: str) -> set[datetime]:
        """Return when a mirrored ticket's presence or role changed, and when it was first and last seen."""
        row = self._db.row(
            "SELECT nr, presence_at, last_seen_at FROM mirror WHERE source = ? AND ticket_id = ?", (source, ticket_id)
        )
        if row is None:
            return set()
        nr, since, last_seen = row
        found = {since} | {until for (until,) in self._db.rows("SELECT until FROM past_presence WHERE nr = ?", (nr,))}
        found |= {until for (until,) in self._db.rows("SELECT until FROM past_role WHERE nr = ?", (nr,))}
        known = {instant(at) for at in found if at is not None}
        first = self._db.value("SELECT MIN(read_at) FROM part WHERE nr = ?", (nr,))
        if first is not None:
            known.add(shows_from(self._db, source, instant(first)))
        return known if last_seen is None else {*known, instant(last_seen) + _NEXT}

    def of_waivers(self, source: str, ticket_id: str) -> set[datetime]:
        """Return when waivers of a ticket became what they are: recorded, approved, bound and ended."""
        return Waivers(self._db).instants(source, ticket_id)

    def of_matches(self, source: str, ticket_id: str) -> set[datetime]:
        """Return from when on the register shows other earlier records that a record matches."""
        sql = "SELECT until FROM past_match WHERE source = ? AND ticket_id = ?"
        return self.shown_from(source, map(instant, self._db.column(sql, (source, ticket_id))))

    def of_site(self, source: str, accounts: Collection[str]) -> set[datetime]:
        """Return when the facts of a site, or those of these accounts, became other ones."""
        changed = [instant(at) for at in self._db.column("SELECT until FROM past_site WHERE source = ?", (source,))]
        sql = "SELECT until FROM past_account WHERE source = ? AND account IN (?)"
        changed += [instant(until) for (until,) in self._db.rows_in(sql, (source,), sorted(accounts))]
        return {*changed, *(shows_from(self._db, source, at) for at in changed)}

    def shown_from(self, source: str, reads: Iterable[datetime]) -> set[datetime]:
        """Return the first instant that a read shows which ended at or after each of these instants."""
        before = [known_before(self._db, source, read_at) for read_at in reads]
        return {at + _NEXT for at in before if at is not None}
