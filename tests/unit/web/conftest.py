"""A register with an open, a confidential, a hostile and an unmapped ticket, and its page on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from capa_sync.model.digest import DigestKind
from capa_sync.model.erasure import Erasure, LegalHold
from capa_sync.model.finding import Outcome, Severity, Verdict
from capa_sync.model.monthly import RecordDays
from capa_sync.model.record import Action, ActionKind, ActionOrigin, Disagreement
from capa_sync.model.register_columns import STORED
from capa_sync.model.ticket import Role
from capa_sync.model.values import EMPTY, Value, ValueState
from capa_sync.model.verdict_set import How
from capa_sync.model.waiver import Waiver, Way
from capa_sync.register import month_figures
from capa_sync.store import Register, open_register
from capa_sync.store.judged_rows import disagreement_row
from capa_sync.web import RegisterPage, serve_register
from capa_sync.writeback import Target, plan_ticket
from tests.unit.store.fake_parser import PARSER, SOURCE, T0, FakeTicket, page
from tests.unit.writeback.harness import ON, finding

SECRET = "Zebrafish"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
FORMULA = '=HYPERLINK("http://evil.example","x")'
_HARMLESS = {
    "ticket_key", "ticket_url", "track", "grade", "origin", "occurred_at", "detected_at", "claimed_stage",
    "evidenced_stage", "source_status", "corrected_at", "caused_at", "rca_method", "cause_category", "actions_done",
    "actions_total", "due_at", "replans", "implemented_at", "effectiveness_due", "effectiveness_result",
    "reviewed_at", "closed_at", "reopens", "warnings_high", "warnings_medium", "warnings_low", "rules", "cannot_tell",
    "changed_at", "confidential", "open_from", "open_until", "late_from", "late_until", "row_hash",
    "history_gap",  # it names fields of the tracker, no text of the ticket
}  # fmt: skip
"""What a confidential ticket may show; repeated here, so that a mistake in the page's list is seen."""


def fill(register: Register) -> None:
    """Store four tickets in a register."""
    run = register.runs.start(SOURCE, "changes", T0)
    secret = FakeTicket("2", "CAPA-2", {"summary": f"{SECRET} summary"})
    secret.edit(T0 + timedelta(hours=1), by=f"{SECRET} person", summary=f"{SECRET} again")
    child = FakeTicket("5", "CAPA-5", {"summary": f"{SECRET} task"}, parent="2")
    child.edit(T0 + timedelta(hours=1), summary=f"{SECRET} task again")
    opened = FakeTicket("1", "CAPA-1", {"summary": "Access review missed"})
    opened.edit(T0 + timedelta(hours=1), by="bob", summary="Access review missed twice")
    tickets = [opened, secret, FakeTicket("3", "CAPA-3", {"summary": HOSTILE})]
    readings = [fake.reading() for fake in tickets] + [child.reading(Role.ACTION)]
    register.tickets.commit_page(SOURCE, page(*readings), T0, run, PARSER)
    register.runs.finish(run, T0 + timedelta(minutes=1), ok=True, as_of=T0)
    plain = {"ticket_url": "https://paper.example/x", "confidential": "no", "warnings_high": 1, "owner": "A. Lee"}
    first = {"ticket_key": "CAPA-1", "title": "Access review missed", "late_from": T0 - timedelta(days=1)}
    register.records.save_row(SOURCE, "1", plain | first)
    register.records.save_join(SOURCE, "1", SOURCE, "CAPA-3")
    texts = {name: f"{SECRET} {name}" for name in STORED if name not in _HARMLESS}
    harmless = {"ticket_key": "CAPA-2", "ticket_url": "https://paper.example/CAPA-2", "confidential": "yes"}
    register.records.save_row(SOURCE, "2", texts | harmless)
    bad = {"ticket_key": "CAPA-3", "title": HOSTILE, "owner": FORMULA, "ticket_url": "javascript:alert(1)"}
    register.records.save_row(SOURCE, "3", plain | bad | {"warnings_high": 0})
    for ticket, outcome in (("1", Outcome.BREACH), ("2", Outcome.OK), ("3", Outcome.CANNOT_TELL)):
        register.findings.save_verdicts(SOURCE, ticket, [Verdict("action-planned", outcome, Severity.HIGH)], T0)
    for ticket, text in (
        ("1", "Fill the cause"),
        ("2", f"{SECRET} finding"),
        ("3", FORMULA),
        ("9", f"{SECRET} lost"),
    ):
        number = replace(finding(), source=SOURCE, ticket_id=ticket, message=text, fix=text, title="Cause first")
        register.findings.save([replace(number, severity=Severity.HIGH)])
        register.records.save_actions(SOURCE, ticket, [_action(text)])
        asked = Waiver(SOURCE, ticket, "action-planned", T0.date(), text, text, T0, Way.COMMAND, text, text)
        register.waivers.add(asked, T0)
        differs = Disagreement("title", text, (SOURCE, f"CAPA-{ticket}"), (SOURCE, "CAPA-3"), text)
        row = disagreement_row(SOURCE, ticket, differs)
        register.records.replace_disagreements(SOURCE, {ticket: [row]})
    register.verdict_sets.activate("f00d", rule_set="f00d", at=T0, by="paper.admin", how=How.FIRST)
    register.erasures.erase([(SOURCE, "99")], Erasure(SECRET, "paper.admin"), T0)
    register.legal_holds.add(LegalHold(SOURCE, "2", "paper:CAPA-2", SECRET, "paper.admin", T0))
    register.sends.plan(DigestKind.OWNER, T0.date(), [f"person:{SECRET}"], T0)
    lives = [RecordDays(T0.toordinal(), None, None, None, None, None)]
    register.monthly.save(month_figures(lives, T0.date()), "UTC", f"{T0:%Y-%m}")
    target = Target(register.id, SOURCE, "2", "CAPA-2", read_at=T0)
    plan = plan_ticket(target, [finding(message=f"{SECRET} write")], [], now=T0, options=ON)
    register.outbox.put(replace(write, error=f"{SECRET} error") for write in plan.writes)


def _action(text: str) -> Action:
    value = Value(ValueState.FILLED, text, text)
    return Action("field:a", "", ActionOrigin.FIELD, ActionKind.CORRECTIVE, text=value, owner=value, due_at=EMPTY)


@pytest.fixture(scope="module")
def register_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a filled register."""
    path = tmp_path_factory.mktemp("web") / "register.db"
    with open_register(path, clock_now=T0) as register:
        fill(register)
    return path


@pytest.fixture(scope="module")
def site(register_file: Path) -> Iterator[RegisterPage]:
    """Serve the register page."""
    running = serve_register(register_file, "127.0.0.1:0")
    yield running
    running.stop()
