"""Waivers as they were recorded and ended, and what they do at present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from capa_sync.model.waiver import RequestAnswer, Waiver, Way
from capa_sync.store.columns import (
    instant,
    instant_text,
    json_text,
    json_value,
    member,
    optional_instant,
    stored_day,
)
from capa_sync.store.database import Database, Params, Row
from capa_sync.store.replacing import replace_rows
from capa_sync.store.waiver_states import Since, stored_since

_FIELDS = (
    "source", "ticket_id", "rule", "until", "reason", "asked_by", "asked_at", "way", "approved_by", "recorded_by",
    "reads", "origin", "revision", "is_bound", "id",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM waiver WHERE ended_at IS NULL"
_END = "UPDATE waiver SET ended_at = ?, ended_why = ? WHERE ended_at IS NULL"
REPLACED = "replaced by a newer waiver"


class PastWaiver(NamedTuple):
    """A waiver as it is now, and since when.

    Attributes:
        ended_at: None where it has not ended.
    """

    waiver: Waiver
    recorded_at: datetime
    since: Since
    ended_at: datetime | None

    @property
    def is_doubtful(self) -> bool:
        """Whether it has a second person of whom the register cannot tell since when."""
        return bool(self.waiver.approved_by) and self.since.approved_at is None

    def as_of(self, at: datetime) -> Waiver:
        """Return it as it was at an instant: without what came later, or what may have."""
        approved_at, bound_at = self.since
        found = self.waiver
        if approved_at is None or approved_at > at:
            found = replace(found, approved_by="")
        if bound_at is None or bound_at > at:
            found = replace(found, reads={}, is_bound=False)
        return found


class Waivers:
    """The primary table `waiver`, whose rows are added and ended, and the derived table `waiver_standing`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._told: dict[tuple[int, str, bool], Since] = {}

    def add(self, waiver: Waiver, at: datetime, *, replaces: bool = True) -> int:
        """Record a waiver and return its number; with `replaces`, earlier waivers of the same finding end."""
        with self._db.transaction():
            if replaces:
                self._db.execute(
                    f"{_END} AND source = ? AND ticket_id = ? AND rule = ?",
                    (instant_text(at), REPLACED, waiver.source, waiver.ticket_id, waiver.rule),
                )
            self._db.execute(
                f"""INSERT INTO waiver ({", ".join(_FIELDS[:-1])}, recorded_at)
                VALUES ({",".join("?" * len(_FIELDS))})""",
                (*_row(waiver), instant_text(at)),
            )
            return int(self._db.value("SELECT MAX(id) FROM waiver"))

    def approve(self, approved: Mapping[int, str], at: datetime) -> None:
        """Store the second person of waivers (id -> person); other waivers of the same findings end."""
        for number, person in approved.items():
            self._db.execute("UPDATE waiver SET approved_by = ? WHERE id = ?", (person, number))
            self._db.execute(
                f"""{_END} AND id <> ? AND (source, ticket_id, rule) IN (
                    SELECT source, ticket_id, rule FROM waiver WHERE id = ?)""",
                (instant_text(at), REPLACED, number, number),
            )

    # --- requests in comments --------------------------------------------------------------------------------------
    def answers(self, source: str, ticket_ids: Sequence[str]) -> dict[str, list[RequestAnswer]]:
        """Return ticket id -> what became of the requests in its comments, the oldest first."""
        found: dict[str, list[RequestAnswer]] = {}
        for ticket_id, *row in self._db.rows_in(
            """SELECT ticket_id, key, rule, name, answer FROM waiver_request WHERE source = ? AND ticket_id IN (?)
            ORDER BY asked_at, rowid""",
            (source,),
            ticket_ids,
        ):
            found.setdefault(ticket_id, []).append(RequestAnswer(*row))
        return found

    def save_answers(self, source: str, ticket_id: str, answers: Sequence[tuple[RequestAnswer, datetime]]) -> None:
        """Store what became of requests, each with when it was asked."""
        self._db.execute_many(
            "INSERT INTO waiver_request VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
            [
                (source, ticket_id, answer.key, answer.rule, answer.name, answer.answer, instant_text(at))
                for answer, at in answers
            ],
        )

    def standing(self, source: str, ticket_ids: Sequence[str]) -> dict[str, list[Waiver]]:
        """Return ticket id -> its waivers that have not ended; only tickets that have one."""
        found: dict[str, list[Waiver]] = {}
        for row in self._db.rows_in(f"{_SELECT} AND source = ? AND ticket_id IN (?)", (source,), ticket_ids):
            found.setdefault(row[1], []).append(_waiver(row))
        return found

    def standing_at(self, source: str, ticket_id: str, at: datetime) -> list[Waiver]:
        """Return the waivers of a ticket that were recorded at an instant and had not ended then, as they were."""
        rows = self._db.rows(
            f"""SELECT recorded_at, ended_at, {", ".join(_FIELDS)} FROM waiver
            WHERE source = ? AND ticket_id = ? AND recorded_at <= ? AND (ended_at IS NULL OR ended_at > ?)
            ORDER BY id""",
            (source, ticket_id, instant_text(at), instant_text(at)),
        )
        return [own.as_of(at) for own in self._past(rows)]

    def end(self, ended: Mapping[int, str], at: datetime) -> None:
        """End waivers: id -> why."""
        text = instant_text(at)
        self._db.execute_many(f"{_END} AND id = ?", [(text, why, number) for number, why in ended.items()])

    def replace_standings(self, source: str, wanted: Mapping[str, Sequence[Params]]) -> None:
        """Replace what the waivers of these tickets do now: ticket id -> rows."""
        replace_rows(self._db, "waiver_standing", source, wanted)

    def take(self, source: str, entries: Mapping[str, Waiver], why_gone: str, at: datetime) -> list[str]:
        """Record the waivers of a file that are new, and end those that it names no more.

        `entries`: origin -> waiver, unbound. Returns ids of the tickets that this concerns.
        """
        sql = "SELECT origin, id, ticket_id, ended_at FROM waiver WHERE source = ? AND way = ?"
        rows = self._db.rows(sql, (source, Way.FILE.value))
        known = {row[0] for row in rows}
        gone = [row for row in rows if row[0] not in entries and row[3] is None]
        new = [waiver for origin, waiver in entries.items() if origin not in known]
        with self._db.transaction():
            self.end({row[1]: why_gone for row in gone}, at)
            for waiver in new:
                self.add(waiver, at)
        return sorted({*(row[2] for row in gone), *(waiver.ticket_id for waiver in new)})

    def note_file(self, name: str, problems: Sequence[str], revision: str, at: datetime) -> bool:
        """Store what is wrong with the waivers file now; return whether that differs. `name` "": there is none."""
        wanted = (name, json_text(list(problems)), revision)
        stored = self._db.row("SELECT name, problems, revision FROM waiver_file")
        if stored == wanted or (stored is None and not name):
            return False
        with self._db.transaction():
            self._db.execute("DELETE FROM waiver_file")
            self._db.execute(
                "INSERT INTO waiver_file (name, problems, revision, noted_at) VALUES (?,?,?,?)",
                (*wanted, instant_text(at)),
            )
        return True

    def file(self) -> tuple[str, str, list[str]]:
        """Return name and git revision of the waivers file, and what is wrong with it; empty where there is none."""
        row = self._db.row("SELECT name, revision, problems FROM waiver_file")
        return (row[0], row[1], json_value(row[2])) if row is not None else ("", "", [])

    def bind(self, reads: Mapping[int, Mapping[str, str]]) -> None:
        """Store what the rules of unbound waivers read: id -> `Waiver.reads`."""
        rows = [(json_text(dict(digests)), number) for number, digests in reads.items()]
        self._db.execute_many("UPDATE waiver SET reads = ?, is_bound = 1 WHERE id = ?", rows)

    def recorded_by(self, at: datetime) -> list[PastWaiver]:
        """Return every waiver that was recorded by an instant."""
        rows = self._db.rows(
            f"""SELECT recorded_at, ended_at, {", ".join(_FIELDS)} FROM waiver WHERE recorded_at <= ?
            ORDER BY source, ticket_id, rule, id""",
            (instant_text(at),),
        )
        return self._past(rows)

    def _past(self, rows: Sequence[Row]) -> list[PastWaiver]:
        """Return waivers of rows that begin with the instants at which they were recorded and ended."""
        waivers = [_waiver(row[2:]) for row in rows]
        later = [waiver for waiver in waivers if waiver.approved_by or waiver.way is Way.FILE]
        since, found = self._since(later), list[PastWaiver]()
        for waiver, row in zip(waivers, rows, strict=True):
            recorded_at = instant(row[0])
            whole = Since(recorded_at, recorded_at)
            found.append(PastWaiver(waiver, recorded_at, since.get(waiver.id, whole), optional_instant(row[1])))
        return found

    def _since(self, waivers: Sequence[Waiver]) -> dict[int, Since]:
        """Return number -> since when a waiver is as it is; what the chain told of such a row is not read again."""
        states = {waiver.id: (waiver.id, waiver.approved_by, waiver.is_bound) for waiver in waivers}
        unknown = [number for number, state in states.items() if state not in self._told]
        for number, since in stored_since(self._db, unknown).items():
            if since.approved_at is not None or since.bound_at is not None:
                self._told[states[number]] = since
        return {number: self._told.get(state, Since()) for number, state in states.items()}

    def instants(self, source: str, ticket_id: str) -> set[datetime]:
        """Return when waivers of a ticket were recorded, approved, bound and ended."""
        rows = self._db.rows(
            f"""SELECT recorded_at, ended_at, {", ".join(_FIELDS)} FROM waiver
            WHERE source = ? AND ticket_id = ? ORDER BY id""",
            (source, ticket_id),
        )
        known = [(own.recorded_at, own.ended_at, *own.since) for own in self._past(rows)]
        return {at for instants in known for at in instants if at is not None}

    def recorded_after(self, source: str, at: datetime) -> list[str]:
        """Return ids of tickets with a waiver that has not ended and was recorded after an instant."""
        return self._db.column(
            "SELECT DISTINCT ticket_id FROM waiver WHERE ended_at IS NULL AND source = ? AND recorded_at > ?",
            (source, instant_text(at)),
        )


def waiver_as_json(waiver: Waiver) -> dict[str, object]:
    """Return a waiver as values for JSON, for a request in the register."""
    return dict(zip(_FIELDS[:-1], _row(waiver), strict=True))


def waiver_from_json(values: Mapping[str, str]) -> Waiver:
    """Return the waiver of a `waiver_as_json`."""
    return _waiver((*(values[name] for name in _FIELDS[:-1]), 0))


def _row(waiver: Waiver) -> Row:
    return (
        waiver.source,
        waiver.ticket_id,
        waiver.rule,
        waiver.until.isoformat(),
        waiver.reason,
        waiver.asked_by,
        instant_text(waiver.asked_at),
        waiver.way.value,
        waiver.approved_by,
        waiver.recorded_by,
        json_text(dict(waiver.reads)),
        waiver.origin,
        waiver.revision,
        int(waiver.is_bound),
    )


def _waiver(row: Row) -> Waiver:
    stored = dict(zip(_FIELDS, row, strict=True))
    return Waiver(
        **stored
        | {
            "until": stored_day(stored["until"]),
            "asked_at": instant(stored["asked_at"]),
            "way": member(Way, stored["way"]),
            "reads": json_value(stored["reads"]),
            "is_bound": bool(stored["is_bound"]),
        }
    )
