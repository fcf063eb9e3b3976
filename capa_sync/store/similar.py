"""Which records are like which earlier ones, and which pairs people said are different.

Each record has keys (requirement and kind of cause). Triggers note every key that changed, for each source; `settle`
then finds the matches of the source's records that this may concern. Rules read the stored matches, so that a verdict
rests on stored inputs. Sources are judged at the same time: each settles its own records, between its batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from capa_sync.model.similar import LONGEST_WITHIN_DAYS, MOST_EARLIER, EarlierMatch, RecordLine, SimilarKey
from capa_sync.store.alike import AlikeText, alike_texts
from capa_sync.store.columns import instant_text, json_text, json_value, stored_day
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.replacing import replace_rows

# Besides the records of the source whose keys changed: of each key of any source that changed, the records that were
# found after a closure. By key this is one span from the first closure to the last: the work grows with the records
# of a key, not with their square.
_CONCERNED = f"""SELECT source, ticket_id FROM similar_stale WHERE for_source = ?1 AND source = ?1 UNION
    SELECT k.source, k.ticket_id FROM (
        SELECT key, MIN(closed_on) AS first, MAX(closed_on) AS last FROM similar_stale
        WHERE for_source = ?1 AND closed_on <> '' GROUP BY key) s
    CROSS JOIN similar_key k ON k.key = s.key AND k.source = ?1 AND k.identified_on > s.first
        AND k.identified_on <= date(s.last, '+{LONGEST_WITHIN_DAYS} days')"""


def _earlier(condition: str, most: int) -> str:
    """Return the query of the last closed earlier records with each key of the concerned records."""
    return f"""SELECT k.source, k.ticket_id, e.source, e.ticket_id, e.ticket_key, e.closed_on, e.is_effective,
            k.identified_on
        FROM concerned c CROSS JOIN similar_key k ON k.source = c.source AND k.ticket_id = c.ticket_id
        CROSS JOIN similar_key e ON e.rowid IN (
            SELECT x.rowid FROM similar_key x WHERE x.key = k.key AND x.closed_on < k.identified_on
            AND x.closed_on >= date(k.identified_on, '-{LONGEST_WITHIN_DAYS} days') {condition}
            AND (x.source <> k.source OR x.ticket_id <> k.ticket_id)
            AND NOT EXISTS (SELECT 1 FROM different d WHERE d.source = k.source AND d.ticket_id = k.ticket_id
                AND d.other_source = x.source AND d.other_ticket_id = x.ticket_id)
            ORDER BY x.closed_on DESC, x.source, x.ticket_id LIMIT {most})"""


_MATCHES = (
    f"WITH concerned AS MATERIALIZED ({_CONCERNED}) "
    f"{_earlier('', MOST_EARLIER)} UNION {_earlier('AND x.is_effective = 1', 1)}"
)


class SimilarRecords:
    """Keys of records, the earlier records that they match, and the pairs that people marked as different."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def replace_keys(self, source: str, rows: dict[str, Sequence[Params]]) -> None:
        """Store the keys of many records, by ticket id; equal ones change nothing."""
        replace_rows(self._db, "similar_key", source, rows)

    def is_stale(self, source: str) -> bool:
        """Return whether a key changed, in any source, since this source's matches were last settled."""
        return self._db.row("SELECT 1 FROM similar_stale WHERE for_source = ? LIMIT 1", (source,)) is not None

    def settle(self, source: str, at: datetime, within: int) -> list[str]:
        """Bring the matches of a source's records up to date; return the ids of those whose matches changed.

        What the matches were until `at` is kept, for judging a past day. Of records closed more than `within` days
        before one was found, no change is returned: no rule counts them.
        """
        with self._db.transaction():
            wanted: dict[str, list[Row]] = {row[1]: [] for row in self._db.rows(_CONCERNED, (source,))}
            found_on: dict[str, str] = {}
            for *row, found_on[row[1]] in self._db.rows(_MATCHES, (source,)):
                wanted[row[1]].append(tuple(row))
            kept = {ticket_id: _last_closed(rows) for ticket_id, rows in wanted.items()}
            changed = replace_rows(self._db, "earlier_match", source, kept)
            self._db.execute_many(
                "INSERT INTO past_match (source, ticket_id, until, was) VALUES (?,?,?,?)",
                [
                    (source, ticket_id, instant_text(at), json_text([row[2:] for row in before]))
                    for ticket_id, before in sorted(changed.items())
                ],
            )
            self._db.execute("DELETE FROM similar_stale WHERE for_source = ?", (source,))
        return sorted(
            ticket_id
            for ticket_id, before in changed.items()
            if _is_counted({*before} ^ {*kept[ticket_id]}, found_on.get(ticket_id), within)
        )

    def distrust(self) -> None:
        """Let the next `settle` of each source find every match anew."""
        for table in ("similar_key", "earlier_match"):
            self._db.execute(
                f"INSERT OR IGNORE INTO similar_stale SELECT source, '', source, ticket_id, '' FROM {table}"
            )

    def drop_orphans(self) -> None:
        """Remove the keys of tickets that are not in the register."""
        self._db.execute(
            """DELETE FROM similar_key WHERE NOT EXISTS (SELECT 1 FROM register_row r
            WHERE r.source = similar_key.source AND r.ticket_id = similar_key.ticket_id)"""
        )

    def earlier(self, source: str, ids: Sequence[str]) -> dict[str, tuple[EarlierMatch, ...]]:
        """Return by ticket id the earlier records that these records match, the last closed first."""
        sql = """SELECT * FROM earlier_match WHERE source = ? AND ticket_id IN (?)
            ORDER BY closed_on DESC, other_source, other_ticket_id"""
        found: dict[str, tuple[EarlierMatch, ...]] = {}
        for row in self._db.rows_in(sql, (source,), ids):
            found[row[1]] = (*found.get(row[1], ()), _match(row[2:]))
        return found

    def earlier_at(self, source: str, ticket_id: str, at: datetime) -> tuple[EarlierMatch, ...]:
        """Return the earlier records that a record matched at a past instant."""
        sql = "SELECT was FROM past_match WHERE source = ? AND ticket_id = ? AND until > ? ORDER BY id LIMIT 1"
        was = self._db.value(sql, (source, ticket_id, instant_text(at)))
        if was is None:
            return self.earlier(source, [ticket_id]).get(ticket_id, ())
        return tuple(map(_match, _last_first(json_value(was))))

    def mark_different(self, one: tuple[str, str], other: tuple[str, str], by: str, at: datetime) -> None:
        """Record that two records (source, id) are different; their matches are found again by the next `settle`."""
        with self._db.transaction():
            self._db.execute_many(
                """INSERT OR IGNORE INTO different
                (source, ticket_id, other_source, other_ticket_id, marked_by, marked_at) VALUES (?,?,?,?,?,?)""",
                [(*a, *b, by, instant_text(at)) for a, b in ((one, other), (other, one))],
            )
            self._db.execute_many(
                "INSERT OR IGNORE INTO similar_stale VALUES (?,'',?,?,'')",
                [(source, source, ticket_id) for source, ticket_id in (one, other)],
            )

    def different_from(self, source: str, ticket_id: str) -> list[tuple[str, str]]:
        """Return (source, id) of the records that people said are different from this one."""
        sql = "SELECT other_source, other_ticket_id FROM different WHERE source = ? AND ticket_id = ? ORDER BY 1, 2"
        return [(row[0], row[1]) for row in self._db.rows(sql, (source, ticket_id))]

    def of_same_kind(self, source: str, ticket_id: str) -> list[tuple[tuple[str, str], str]]:
        """Return (source, id) and key of all records that share a key with this one, the open ones first."""
        rows = self._db.rows(
            """SELECT e.source, e.ticket_id, e.key FROM similar_key k CROSS JOIN similar_key e ON e.key = k.key
            WHERE k.source = ? AND k.ticket_id = ? AND NOT (e.source = k.source AND e.ticket_id = k.ticket_id)
            ORDER BY e.closed_on IS NOT NULL, e.closed_on DESC, e.source, e.ticket_id""",
            (source, ticket_id),
        )
        return [((row[0], row[1]), row[2]) for row in rows]

    def alike(self, source: str, ticket_id: str) -> list[AlikeText]:
        """Return the records whose texts share rare words with this record's, the best first."""
        rows = self._db.rows("SELECT source, ticket_id, title, root_cause FROM register_row ORDER BY 1, 2")
        with self._db.scratch() as memory:
            return alike_texts(memory, rows, (source, ticket_id))

    def described(self, tickets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], RecordLine]:
        """Return what the register shows of these records; tickets that it does not show are left out."""
        sql = """SELECT source, ticket_key, title, claimed_stage, COALESCE(closed_at, ''), effectiveness_result,
            confidential <> 'no' FROM register_row WHERE source = ? AND ticket_id = ?"""
        rows = {ticket: self._db.row(sql, ticket) for ticket in tickets}
        return {ticket: RecordLine(*row) for ticket, row in rows.items() if row is not None}


def similar_key_rows(source: str, ticket_id: str, keys: Iterable[SimilarKey]) -> list[Params]:
    """Return the rows of a record's keys."""
    return [
        (
            source,
            ticket_id,
            found.key,
            found.ticket_key,
            found.identified_on.isoformat(),
            found.closed_on.isoformat() if found.closed_on is not None else None,
            int(found.is_effective),
        )
        for found in keys
    ]


def _match(cells: Row) -> EarlierMatch:
    """Return a match from its cells: source, ticket id and key of the earlier one, its closure, whether effective."""
    source, ticket_id, key, closed_on, is_effective = cells
    return EarlierMatch(source, ticket_id, key, stored_day(closed_on), bool(is_effective))


def _last_first(matches: Iterable[Row]) -> list[Row]:
    """Return the cells of matches in their order: the last closed first."""
    return sorted(sorted(matches, key=lambda cells: cells[:2]), key=lambda cells: str(cells[3]), reverse=True)


def _is_counted(rows: Iterable[Row], found_on: str | None, within: int) -> bool:
    """Return whether one of these earlier records was closed at most so many days before a record was found.

    A record that matches nothing any more has no such day: then each of them counts.
    """
    first = "" if found_on is None else (stored_day(found_on) - timedelta(days=within)).isoformat()
    return any(str(row[5]) >= first for row in rows)


def _last_closed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows to keep of one record: the last closed ones, and the last effective one."""
    ordered = sorted(sorted(set(rows), key=lambda row: (row[2], row[3])), key=lambda row: str(row[5]), reverse=True)
    effective = [row for row in ordered if row[6]][:1]
    return list(dict.fromkeys([*ordered[:MOST_EARLIER], *effective]))
