"""The stored figures of the months: they equal the public view of the register, and are counted when rows changed."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from capa_sync.model.finding import Outcome, Severity, Verdict
from capa_sync.model.ticket import Presence
from capa_sync.register import month_figures
from capa_sync.store import Register
from tests.unit.store.fake_parser import PARSER, SOURCE, T0, FakeTicket, page

ZONE = "Australia/Lord_Howe"
"""Its clocks change by half an hour."""
MONTH = "2026-03"


def count(register: Register) -> None:
    """Count the months as the daemon does."""
    today = T0.astimezone(ZoneInfo(ZONE)).date()
    register.monthly.save(month_figures(register.monthly.lives(ZONE, today), today), ZONE, MONTH)


def fill(register: Register) -> None:
    """Store records around the ends of months, some of them ended, rejected or without a known end."""
    dice = random.Random(7)  # noqa: S311
    for number in range(120):
        begun = T0 - timedelta(minutes=dice.randrange(500 * 1440))
        ended = min(begun + timedelta(minutes=dice.randrange(90 * 1440)), T0)
        stage = dice.choice(("identified", "planned", "closed", "rejected"))
        is_over = stage in ("closed", "rejected") and number % 7
        columns = {
            "claimed_stage": stage,
            "open_from": begun,
            "open_until": ended if is_over else None,
            "implemented_at": ended if number % 3 else None,
            "late_from": begun + timedelta(days=30) if number % 4 else None,
            "caused_at": begun + timedelta(days=number % 50, hours=5) if number % 5 else None,
            "corrected_at": (begun + timedelta(days=2)).date() if number % 2 else ended,
            "warnings_low": number % 2,
        }
        register.records.save_row(SOURCE, f"{number}", columns)


def local_month(text: object) -> str:
    """Return the month of a view's instant or day in the zone."""
    if len(str(text)) == 10:
        return str(text)[:7]
    return f"{datetime.fromisoformat(str(text)).astimezone(ZoneInfo(ZONE)):%Y-%m}"


def local_day(text: object) -> date:
    """Return the day of a view's instant in the zone."""
    return datetime.fromisoformat(str(text)).astimezone(ZoneInfo(ZONE)).date()


def test_the_stored_months_equal_the_public_view_of_the_register(register: Register) -> None:
    """Counted again from `v_register` row by row, in a zone whose days begin at half hours."""
    fill(register)
    count(register)
    rows = list(register.view("v_register"))
    over = ("closed", "rejected")
    dated = [row for row in rows if row["claimed_stage"] not in over or row["open_until"]]
    assert len(dated) < len(rows)
    months = {str(month["month"]): month for month in register.view("v_months")}
    assert len(months) > 12
    for name, month in months.items():
        done = [row for row in dated if row["implemented_at"] and local_month(row["implemented_at"]) == name]
        due = [row for row in done if row["late_from"]]
        assert month["opened"] == sum(local_month(row["open_from"]) == name for row in dated)
        assert month["ended"] == sum(local_month(row["open_until"]) == name for row in dated if row["open_until"])
        assert month["open_end"] == sum(
            local_month(row["open_from"]) <= name
            and not (row["open_until"] and local_month(row["open_until"]) <= name)
            for row in dated
        )
        assert month["corrected"] == sum(local_month(row["corrected_at"]) == name for row in dated)
        caused = [row for row in dated if row["caused_at"] and local_month(row["caused_at"]) == name]
        assert month["caused"] == len(caused)
        took = sorted((local_day(row["caused_at"]) - local_day(row["open_from"])).days for row in caused)
        for share, figure in ((2, "caused_median"), (10 / 9, "caused_p90")):
            assert month[figure] == (took[math.ceil(len(took) / share) - 1] if took else None)
        assert (month["implemented"], month["due"]) == (len(done), len(due))
        assert month["on_time"] == sum(str(row["implemented_at"]) < str(row["late_from"]) for row in due)
    in_work = [row for row in rows if row["claimed_stage"] not in over]
    assert (months[MONTH]["in_work"], months[MONTH]["warned"]) == (
        len(in_work), sum(bool(row["warnings_low"]) for row in in_work),
    )  # fmt: skip
    assert {month["in_work"] for name, month in months.items() if name != MONTH} == {None}


def test_months_are_counted_again_only_when_something_changed(register: Register) -> None:
    """An equal row, and equal figures, change nothing; a row that comes or goes, another month and zone do."""
    fill(register)
    assert register.monthly.is_stale(ZONE, MONTH)
    count(register)
    assert not register.monthly.is_stale(ZONE, MONTH)
    fill(register)
    assert not register.monthly.is_stale(ZONE, MONTH)
    assert register.monthly.is_stale(ZONE, "2026-04")
    assert register.monthly.is_stale("UTC", MONTH)
    register.records.save_row(
        SOURCE, "new", {"claimed_stage": "planned", "open_from": datetime(2026, 3, 1, tzinfo=UTC)}
    )
    assert register.monthly.is_stale(ZONE, MONTH)
    count(register)
    before = register.rows_by_table()
    register.records.remove_row(SOURCE, "new")
    assert register.monthly.is_stale(ZONE, MONTH)
    count(register)
    assert register.rows_by_table() != before


def test_a_rule_counts_the_records_that_were_open_in_the_month(register: Register) -> None:
    """One that ended before it, or was gone before, is in none; what cannot be seen now cannot be told."""
    start = datetime(2026, 3, 1, tzinfo=ZoneInfo(ZONE))
    closed = {"claimed_stage": "closed", "open_from": T0 - timedelta(days=90)}
    records: dict[str, tuple[dict[str, object], Outcome]] = {
        "open": ({"claimed_stage": "planned"}, Outcome.OK),
        "shared": ({"claimed_stage": "planned"}, Outcome.OK),
        "waived": ({"claimed_stage": "planned"}, Outcome.BREACH),
        "no repair": (closed | {"open_until": start}, Outcome.HISTORICAL),
        "undated": (closed, Outcome.CANNOT_TELL),
        "day": (closed | {"closed_at": start.date()}, Outcome.OK),
        "earlier": (closed | {"open_until": start - timedelta(seconds=1)}, Outcome.BREACH),
        "day before": (closed | {"closed_at": (start - timedelta(days=1)).date()}, Outcome.BREACH),
        "elsewhere": ({"claimed_stage": "planned"}, Outcome.NOT_APPLICABLE),
        **{name: ({"claimed_stage": "planned"}, Outcome.OK) for name in ("1", "2", "3", "4", "5")},
    }
    reading = page(*(FakeTicket(number, f"CAPA-{number}", {"summary": "x"}).reading() for number in "12345"))
    read_at = start - timedelta(days=2)
    register.tickets.commit_page(SOURCE, reading, read_at, register.runs.start(SOURCE, "changes", read_at), PARSER)
    for ticket_id, (columns, outcome) in records.items():
        register.records.save_row(SOURCE, ticket_id, columns)
        register.findings.save_verdicts(SOURCE, ticket_id, [Verdict("owner-active", outcome, Severity.LOW)], T0)
    gone = (("1", Presence.DELETED, T0), ("2", Presence.ARCHIVED, start - timedelta(days=1)))
    for ticket_id, presence, at in (*gone, ("3", Presence.ARCHIVED, T0), ("4", Presence.ACCESS_LOST, T0)):
        register.tickets.set_presence(SOURCE, ticket_id, presence, "", at)
    register.tickets.quarantine(SOURCE, "5", ["status 'New' is not listed"])
    count(register)
    (rule,) = register.view("v_rule_months")
    assert rule == {"month": MONTH, "rule": "owner-active", "passed": 4, "broken": 2, "cannot_tell": 3}
    changed = [Verdict("owner-active", Outcome.BREACH, Severity.LOW)]
    register.findings.save_verdicts(SOURCE, "open", changed, T0)
    assert register.monthly.is_stale(ZONE, MONTH), "though no row of the register changed"


def test_dates_far_from_now_are_counted_too(register: Register) -> None:
    """The first and the last day of the calendar, as people type them, end no cycle."""
    far = {"open_from": datetime(1, 1, 1, tzinfo=UTC), "corrected_at": datetime(9999, 12, 31, 23, tzinfo=UTC)}
    register.records.save_row(SOURCE, "1", {"claimed_stage": "planned", **far})
    count(register)
    months = list(register.view("v_months"))
    assert {month["open_end"] for month in months} == {1}
    assert {(month["opened"], month["corrected"]) for month in months} == {(0, 0)}


def test_what_the_checks_said_in_a_past_month_stays(register: Register) -> None:
    """A later month has its own row, and a rebuild of the derived tables keeps the earlier one."""
    fill(register)
    count(register)
    (first,) = [row for row in register.view("v_months") if row["month"] == MONTH]
    register.records.save_row(SOURCE, "new", {"claimed_stage": "planned", "open_from": T0, "warnings_high": 1})
    today = (T0 + timedelta(days=31)).date()
    register.monthly.save(month_figures(register.monthly.lives(ZONE, today), today), ZONE, "2026-04")
    register.drop_derived()
    fill(register)
    register.monthly.save(month_figures(register.monthly.lives(ZONE, today), today), ZONE, "2026-04")
    checks = {row["month"]: (row["in_work"], row["warned"]) for row in register.view("v_months") if row["in_work"]}
    assert checks[MONTH] == (first["in_work"], first["warned"])
