"""The figures of each month: counted anew after records changed, so that pages read rows instead of the register."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from capa_sync.model.monthly import MonthFigures, RecordDays, StepDays
from capa_sync.store.columns import instant, instant_text, stored_day
from capa_sync.store.database import Database, Row

_ENDED = "claimed_stage IN ('closed', 'rejected', 'cancelled', 'duplicate')"
_BEGUN = "COALESCE(NULLIF(open_from, ''), NULLIF(detected_at, ''))"
_ENDED_AT = "COALESCE(NULLIF(open_until, ''), NULLIF(closed_at, ''))"
_LIVES = f"""SELECT {_BEGUN}, {_ENDED_AT}, NULLIF(corrected_at, ''), caused_at,
    NULLIF(implemented_at, ''), implemented_at < NULLIF(late_from, '') FROM register_row
    WHERE {_BEGUN} IS NOT NULL AND (NOT ({_ENDED}) OR {_ENDED_AT} IS NOT NULL)"""
_STATE = f"""SELECT COUNT(*), COUNT(CASE WHEN
    COALESCE(warnings_high, 0) + COALESCE(warnings_medium, 0) + COALESCE(warnings_low, 0) > 0 THEN 1 END)
    FROM register_row WHERE NOT ({_ENDED})"""
_RULES = f"""WITH counted AS (
        SELECT r.source, r.ticket_id,
        COALESCE(m.presence IN ('unobserved', 'access_lost'), 0) OR q.ticket_id IS NOT NULL AS is_unknown
        FROM register_row r LEFT JOIN mirror m ON m.source = r.source AND m.ticket_id = r.ticket_id
        LEFT JOIN quarantine q ON q.source = r.source AND q.ticket_id = r.ticket_id
        WHERE (m.presence IS NULL OR m.presence = 'present' OR m.presence <> 'deleted' AND m.presence_at >= ?3)
        AND (NOT ({_ENDED}) OR {_ENDED_AT} IS NULL
            OR {_ENDED_AT} >= CASE length({_ENDED_AT}) WHEN 10 THEN ?2 ELSE ?3 END)),
    said AS (
        SELECT v.rule, v.outcome, c.is_unknown, 1 AS records FROM counted c
        JOIN verdict_own v ON v.source = c.source AND v.ticket_id = c.ticket_id
        UNION ALL SELECT s.rule, s.outcome, t.is_unknown, t.records FROM (
            SELECT k.digest, c.is_unknown, COUNT(*) AS records FROM counted c
            JOIN verdict_ticket k ON k.source = c.source AND k.ticket_id = c.ticket_id GROUP BY 1, 2) t
        JOIN verdict_shared s ON s.digest = t.digest)
    SELECT rule, ?1, SUM(CASE WHEN outcome = 'ok' AND NOT is_unknown THEN records ELSE 0 END),
    SUM(CASE WHEN outcome IN ('breach', 'historical') AND NOT is_unknown THEN records ELSE 0 END),
    SUM(CASE WHEN outcome = 'cannot_tell' OR is_unknown THEN records ELSE 0 END) FROM said GROUP BY rule"""
"""How the records that were open at some time of a month fare by each rule; as `rules trend` counts them."""
_COLUMNS = 17
_KEPT = ("month_check", "month_rule")
"""Tables of what nobody can count any more once a month is over."""
_YEARS = 12
"""Years before the present one of which the beginnings of all days are known at once."""


class Monthly:
    """The tables `month_figure`, `month_check`, `month_rule` and `month_made`.

    Triggers mark the figures as stale when a row of the register comes or goes, or a verdict or presence changes.
    `month_check` and `month_rule` keep what was counted last in each month: of a past month nobody can count it any
    more.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def is_stale(self, timezone: str, month: str) -> bool:
        """Return whether records changed since the figures were counted, or the month or the zone is another one."""
        made = self._db.row("SELECT timezone, month, is_stale FROM month_made")
        return made != (timezone, month, 0)

    def is_of(self, timezone: str, month: str) -> bool:
        """Return whether the figures were counted in this month and zone, if ever."""
        return self._db.row("SELECT timezone, month FROM month_made") == (timezone, month)

    def lives(self, timezone: str, today: date) -> list[RecordDays]:
        """Return the days of every record of which is known when it began and, if it has ended, when.

        Call it inside a transaction: the rows are read one by one, because a large register has many.
        """
        day_of = LocalDays(timezone, today.year).day_of
        return [
            RecordDays(
                day_of(begun),
                ended and day_of(ended),
                corrected and day_of(corrected),
                caused and day_of(caused),
                implemented and day_of(implemented),
                None if is_on_time is None else bool(is_on_time),
            )
            for begun, ended, corrected, caused, implemented, is_on_time in self._db.stream(_LIVES)
        ]

    def knows_later(self, month: str) -> bool:
        """Return whether something is kept of a later month than this."""
        return any(self._db.row(f"SELECT 1 FROM {table} WHERE month > ?", (month,)) for table in _KEPT)

    def save(self, figures: Iterable[MonthFigures], timezone: str, month: str, *, is_proven: bool = False) -> None:
        """Store the figures of all months, and what the checks say in this one; equal rows change nothing.

        Where later months are kept, our clock was ahead, or it is behind now: with `is_proven` they are deleted, else
        what is kept of this month stays, because it may be over.
        """
        with self._db.transaction():
            known = {row[0]: row for row in self._db.rows("SELECT * FROM month_figure")}
            wanted = {row[0]: row for row in map(_row, figures)}
            gone = [(name,) for name in known.keys() - wanted.keys()]
            self._db.execute_many("DELETE FROM month_figure WHERE month = ?", gone)
            fresh = [row for name, row in wanted.items() if row != known.get(name)]
            places = ",".join("?" * _COLUMNS)
            self._db.execute_many(f"INSERT OR REPLACE INTO month_figure VALUES ({places})", fresh)
            if is_proven:
                for table in _KEPT:
                    self._db.execute(f"DELETE FROM {table} WHERE month > ?", (month,))
            if not self.knows_later(month):
                self._save_check(month)
                self._save_rules(timezone, month)
            self._db.execute("INSERT OR REPLACE INTO month_made VALUES (1, ?, ?, 0)", (timezone, month))

    def _save_check(self, month: str) -> None:
        in_work, warned = self._db.rows(_STATE)[0]
        if self._db.row("SELECT in_work, warned FROM month_check WHERE month = ?", (month,)) != (in_work, warned):
            self._db.execute("INSERT OR REPLACE INTO month_check VALUES (?,?,?)", (month, in_work, warned))

    def _save_rules(self, timezone: str, month: str) -> None:
        day = stored_day(f"{month}-01")
        start = instant_text(datetime.combine(day, time(), ZoneInfo(timezone)))
        counted = set(self._db.rows(_RULES, (month, f"{day}", start)))
        known = set(self._db.rows("SELECT * FROM month_rule WHERE month = ?", (month,)))
        gone = {row[0] for row in known} - {row[0] for row in counted}
        self._db.execute_many("DELETE FROM month_rule WHERE rule = ? AND month = ?", [(rule, month) for rule in gone])
        self._db.execute_many("INSERT OR REPLACE INTO month_rule VALUES (?,?,?,?,?)", list(counted - known))


def _row(month: MonthFigures) -> Row:
    steps = (month.corrected, month.implemented, month.ended)
    figures = [figure for step in steps for figure in _figures(step)]
    return (month.month, month.opened, month.open_end, *figures, month.due, month.on_time, *_figures(month.caused))


def _figures(step: StepDays) -> Row:
    return step.records, step.median, step.p90


class LocalDays:
    """The days of a zone; finds the day of a stored text without parsing it, but for years long ago or far ahead."""

    def __init__(self, timezone: str, year: int) -> None:
        self._zone = ZoneInfo(timezone)
        self._first, self._starts = _day_starts(timezone, year)

    def day_of(self, text: str) -> int:
        """Return the number of a day, or of the local day of an instant."""
        if len(text) == 10:
            return stored_day(text).toordinal()
        if self._starts[0] <= text < self._starts[-1]:
            return self._first + bisect_right(self._starts, text) - 1
        try:
            return instant(text).astimezone(self._zone).toordinal()
        except OverflowError:  # on the first or the last day of the calendar
            return instant(text).toordinal()


@lru_cache(maxsize=4)
def _day_starts(timezone: str, year: int) -> tuple[int, Sequence[str]]:
    """Return a day, and the stored texts of the instants at which it and the days after it begin."""
    zone, first = ZoneInfo(timezone), date(year - _YEARS, 1, 1)
    days = (first + timedelta(days=number) for number in range((_YEARS + 2) * 366))
    return first.toordinal(), [instant_text(datetime.combine(day, time(), zone)) for day in days]
