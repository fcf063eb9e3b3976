"""A register of sixty records: one for each matter of the page, and plain ones around the ends of months."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from capa_sync.model.finding import FindingState, Outcome, Severity, Verdict
from capa_sync.model.record import Action, ActionKind, ActionOrigin, Disagreement
from capa_sync.model.site import Account
from capa_sync.model.values import Value, ValueState
from capa_sync.register import month_figures
from capa_sync.store import Register, open_register
from capa_sync.store.judged_rows import disagreement_row
from tests.unit.store.fake_parser import DAY, PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.store.writes import write
from tests.unit.web.conftest import HOSTILE, SECRET
from tests.unit.writeback.harness import finding

OTHER = "servicenow"
ZONE = "Europe/London"
PLAIN = 54
_BASE = {
    "ticket_url": "https://tracker.example/x",
    "confidential": "no",
    "claimed_stage": "planned",
    "owner": "Ann Lee",
}
_RECORDS: dict[str, dict[str, object]] = {
    "1": {
        "title": "Access review missed",
        "evidenced_stage": "contained",
        "evidence_missing": "Root cause",
        "due_at": date(2026, 2, 18),
        "late_from": datetime(2026, 2, 19, tzinfo=UTC),
        "warnings_high": 1,
        "warnings_low": 1,
        "rules": "root-cause-before-action, owner-active",
        "grade": "major",
        "root_cause": "Nobody owned the list.\nSecond line.",
    },
    "2": {"title": f"{SECRET} title", "confidential": "yes", "owner": f"{SECRET} owner", "root_cause": SECRET},
    "3": {
        "title": HOSTILE,
        "owner": HOSTILE,
        "root_cause": HOSTILE,
        "evidence_missing": HOSTILE,
        "ticket_url": "javascript:alert(1)",
        "source_status": HOSTILE,
        "due_at": date(2026, 3, 5),
        "late_from": datetime(2026, 3, 6, tzinfo=UTC),
    },
    "4": {"title": "Backups untested", "claimed_stage": "implemented", "effectiveness_due": date(2026, 3, 4)},
    "5": {"title": "Old firewall rule", "claimed_stage": "closed", "closed_at": datetime(2026, 2, 27, 8, tzinfo=UTC)},
    "7": {"title": "Shared twice"},
}
_WAIVER = {"waived_until": T0 + 5 * DAY, "waived_by": "Mara Roy", "waived_reason": "The list is being replaced."}


def build_world(path: Path) -> None:
    """Make the register; its sources are read until `T0`."""
    with open_register(path, clock_now=T0) as register:
        register.facts.declare(SOURCE, "jira", "https://tracker.example")
        register.facts.declare(OTHER, "servicenow", "https://other.example")
        _mirror(register)
        for number, columns in _RECORDS.items():
            named = _BASE | {"ticket_key": f"CAPA-{number}", "open_from": T0 - 40 * DAY} | columns
            register.records.give_numbers(SOURCE, {number: 2026})
            register.records.save_row(SOURCE, number, named)
        _judge(register)
        _plain(register)
        count_months(register)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE ticket SET source = ? WHERE ticket_id = 'aa'", (OTHER,))  # the parser's own source
        connection.execute(
            "UPDATE write_out SET state = 'failed', attempts = 3, error = ? WHERE ticket_id = '3'", (HOSTILE,)
        )
        connection.execute(
            "UPDATE write_out SET state = 'delivered', delivered_at = ? WHERE ticket_id <> '3'",
            ("2026-03-01T10:00:00.000000Z",),
        )
        connection.execute(
            "INSERT INTO quarantine (source, ticket_id, ticket_key, reasons) VALUES (?, '6', 'CAPA-6', ?)",
            (SOURCE, f"status {HOSTILE} is not listed"),
        )
        connection.execute(
            "INSERT INTO run (source, kind, started_at, finished_at, ok, problem) VALUES (?, 'poll', ?, ?, 0, ?)",
            (OTHER, "2026-03-02T09:10:00.000000Z", "2026-03-02T09:11:00.000000Z", "503 from the tracker"),
        )
    connection.close()


def count_months(register: Register) -> None:
    """Store the figures of the months, as the daemon does at the end of a cycle."""
    figures = month_figures(register.monthly.lives(ZONE, T0.date()), T0.date())
    register.monthly.save(figures, ZONE, f"{T0:%Y-%m}")


def _mirror(register: Register) -> None:
    run = register.runs.start(SOURCE, "changes", T0)
    fakes = [FakeTicket(number, f"CAPA-{number}", {"summary": "first"}) for number in "1234567"]
    fakes[0].edit(T0 - 3 * DAY, by="bob", summary="Access review missed", status="Planned")
    fakes[1].edit(T0 - 2 * DAY, by=f"{SECRET} person", summary=f"{SECRET} again")
    fakes[2].edit(T0 - DAY, by=HOSTILE, summary=HOSTILE)
    register.tickets.commit_page(SOURCE, page(*(fake.reading() for fake in fakes)), T0, run, PARSER)
    register.runs.finish(run, T0 + timedelta(minutes=1), ok=True, as_of=T0)
    run = register.runs.start(OTHER, "changes", T0 - 2 * DAY)
    twin = FakeTicket("aa", "PRB001", {"summary": "the other ticket"})
    twin.edit(T0 - 4 * DAY, summary="the same again")
    register.tickets.commit_page(OTHER, page(twin.reading()), T0, run, PARSER)
    register.runs.finish(run, T0 - 2 * DAY, ok=True, as_of=T0 - 2 * DAY)
    register.accounts.show(SOURCE, [Account("bob", "Bob Miller")], T0)
    register.records.save_join(SOURCE, "7", OTHER, "PRB001")
    ours, theirs = (SOURCE, "CAPA-7"), (OTHER, "PRB001")
    rows = {
        "7": [disagreement_row(SOURCE, "7", Disagreement("root_cause", "No owner", ours, theirs, HOSTILE))],
        "2": [disagreement_row(SOURCE, "2", Disagreement("root_cause", SECRET, ours, theirs, SECRET))],
    }
    register.records.replace_disagreements(SOURCE, rows)


def _judge(register: Register) -> None:
    inputs = (
        {"what": "root_cause", "text": "became 'x'", "at": "2026-02-27T09:00:00+00:00", "by": "bob",
         "entry": _entry(register), "phrase": "root_cause: filled before action started", "truth": "false"},
    )  # fmt: skip
    past = {"episode": 1, "state": FindingState.CLEARED, "opened_at": T0 - 30 * DAY, "cleared_at": T0 - 20 * DAY}
    words = {"title": "The root cause comes first", "clause": "ISO 27001 10.2 b", "fix": "Write the cause down."}
    rows = [
        finding(source=SOURCE, ticket_id="1", inputs=inputs, number=10, **(words | {"episode": 2})),
        finding(source=SOURCE, ticket_id="1", number=10, **(words | past)),
        finding("owner-active", source=SOURCE, ticket_id="1", severity=Severity.LOW, title="The owner is active"),
        finding(source=SOURCE, ticket_id="2", message=SECRET, fix=SECRET, title="The root cause comes first"),
        finding(source=SOURCE, ticket_id="3", message=HOSTILE, fix=HOSTILE, title=HOSTILE, clause=HOSTILE),
        finding(source=SOURCE, ticket_id="5", state=FindingState.WAIVED, title="Waived", **_WAIVER),
    ]
    fresh = [row if row.cleared_at else replace(row, opened_at=T0 - DAY) for row in rows]
    register.findings.save(fresh)
    unknown = Verdict(
        "rca-method", Outcome.CANNOT_TELL, Severity.LOW, title="A method", reason=f"'cause' is not mapped {HOSTILE}"
    )
    register.findings.save_verdicts(SOURCE, "1", [unknown], T0)
    register.findings.save_verdicts(SOURCE, "2", [replace(unknown, reason=f"{SECRET} value")], T0)
    for ticket_id, outcome in (("3", Outcome.OK), ("4", Outcome.OK), ("7", Outcome.BREACH)):
        register.findings.save_verdicts(SOURCE, ticket_id, [Verdict("rca-method", outcome, Severity.LOW)], T0)
    value = Value(ValueState.FILLED, "Name an owner", "Name an owner")
    due = Value(ValueState.FILLED, date(2026, 2, 18))
    action = Action("field:a", "CAPA-9", ActionOrigin.SUBTASK, ActionKind.CORRECTIVE, value, value, due)
    register.records.save_actions(SOURCE, "1", [action])
    register.outbox.put([write("w1", "1", source=SOURCE), write("w3", "3", source=SOURCE)])


def _entry(register: Register) -> str:
    """Return the history entry of the first ticket's edit."""
    (entry, *_) = register._db.column("SELECT entry FROM change WHERE entry <> '' ORDER BY id")
    return str(entry)


def plain_spans() -> Iterable[tuple[str, datetime, datetime | None]]:
    """Yield id, beginning and end of plain records; a beginning lies minutes around midnight of a month's first."""
    for number in range(PLAIN):
        month = datetime(2025 + (number % 14 + 1) // 13, (number % 14 + 1) % 12 + 1, 1, tzinfo=UTC)
        begun = month + timedelta(minutes=(number % 5 - 2) * 45)
        yield f"p{number:02}", begun, begun + timedelta(days=number * 3) if number % 3 else None


def _plain(register: Register) -> None:
    for number, (ticket_id, begun, ended) in enumerate(plain_spans()):
        is_over = ended is not None and ended < T0
        corrected = begun + timedelta(days=number)
        columns: dict[str, object] = {
            "ticket_key": f"P-{ticket_id}",
            "title": f"Plain {ticket_id}",
            "claimed_stage": "closed" if is_over else "identified",
            "open_from": begun,
            "corrected_at": corrected.date() if number % 4 else corrected,
            "caused_at": begun + timedelta(days=number + 3) if number % 2 else None,
        }
        if ended is not None and is_over:
            done, due = ended - timedelta(hours=1), begun + timedelta(days=number * 2 + 40) if number % 5 else None
            columns |= {"open_until": ended, "implemented_at": done, "late_from": due, "late_until": due and done}
        register.records.save_row(SOURCE, ticket_id, _BASE | columns)
