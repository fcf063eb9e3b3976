"""What a preview compares: open findings, and rules that cannot tell, before another set judges and after."""

from __future__ import annotations

from dataclasses import replace

from capa_sync.model.finding import Finding, FindingState, Outcome, Severity, Verdict
from capa_sync.store import Register
from capa_sync.store.standings import Standing
from tests.unit.store.fake_parser import DAY, SOURCE, T0

RULE, OTHER = "extent-assessed", "grade-set"
NOTHING = Standing("", is_open=False, severity="", message="")
OPEN = Standing("breach", is_open=True, severity="high", message="Missing.")


def judge(register: Register, ticket: str, outcome: Outcome | None, **more: str) -> None:
    """Store what RULE says of a ticket, beside a rule that always passes; a breach has an open finding."""
    says = [Verdict(OTHER, Outcome.OK, Severity.LOW)]
    if outcome is not None:
        says.append(Verdict(RULE, outcome, Severity.HIGH, reason=more.get("reason", "")))
    register.findings.save_verdicts(SOURCE, ticket, says, T0)
    open_ = Finding(
        SOURCE, ticket, RULE, 1, FindingState.OPEN, Severity.HIGH, T0, "set", message=more.get("message", "Missing.")
    )
    if outcome is Outcome.BREACH:
        register.findings.save([replace(open_, hidden_by=more.get("hidden_by", ""))])
    elif register.findings.latest(SOURCE, ticket):
        register.findings.save([replace(open_, state=FindingState.CLEARED, cleared_at=T0 + DAY)])


def found(register: Register) -> dict[str, tuple[Standing, Standing, str]]:
    """Return what differs by ticket: before, after, and why it cannot be told."""
    return {change.ticket: (change.before, change.after, change.reason) for change in register.standings.changes()}


def test_what_opens_closes_and_can_no_longer_be_told_is_listed_and_nothing_else(register: Register) -> None:
    """Each way in which a verdict may differ; verdicts that pass before and after are no change."""
    for ticket in ("passes", "opens", "unknown"):
        judge(register, ticket, Outcome.OK)
    for ticket in ("stays", "reworded", "closes", "rule goes", "is hidden", "open and unknown"):
        judge(register, ticket, Outcome.BREACH)
    judge(register, "stays unknown", Outcome.CANNOT_TELL, reason="no grade")
    register.standings.keep()
    judge(register, "passes", Outcome.NOT_APPLICABLE)
    judge(register, "opens", Outcome.BREACH)
    judge(register, "unknown", Outcome.CANNOT_TELL, reason="no grade")
    judge(register, "stays", Outcome.BREACH)
    judge(register, "reworded", Outcome.BREACH, message="Still missing.")
    judge(register, "closes", Outcome.OK)
    judge(register, "rule goes", None)
    judge(register, "is hidden", Outcome.BREACH, hidden_by=OTHER)
    judge(register, "open and unknown", Outcome.CANNOT_TELL, reason="no field")
    judge(register, "stays unknown", Outcome.CANNOT_TELL, reason="no field")
    unknown = Standing("cannot_tell", is_open=False, severity="", message="")
    assert found(register) == {
        "opens": (NOTHING, OPEN, ""),
        "unknown": (NOTHING, unknown, "no grade"),
        "reworded": (OPEN, replace(OPEN, message="Still missing."), ""),
        "closes": (OPEN, replace(NOTHING, outcome="ok"), ""),
        "rule goes": (OPEN, NOTHING, ""),
        "is hidden": (OPEN, replace(NOTHING, outcome="breach"), ""),
        "open and unknown": (OPEN, unknown, "no field"),
    }


def test_a_quarantined_ticket_is_no_change_and_is_listed_apart(register: Register) -> None:
    """Its last verdicts say nothing of it, before or after."""
    judge(register, "breaks", Outcome.BREACH)
    judge(register, "broken", Outcome.OK)
    register.tickets.quarantine(SOURCE, "broken", ("no title",))
    register.standings.keep()
    judge(register, "broken", Outcome.BREACH)
    register.tickets.quarantine(SOURCE, "breaks", ("no date",))
    assert found(register) == {}
    assert [row["ticket"] for row in register.standings.newly_quarantined()] == ["breaks"]


def test_tickets_are_counted_that_each_rule_applies_to(register: Register) -> None:
    """Before: without quarantined tickets. Verdicts that tickets share count once for each ticket."""
    for ticket in ("1", "2", "3"):
        judge(register, ticket, Outcome.OK)
    judge(register, "4", Outcome.NOT_APPLICABLE, reason="closed")
    register.tickets.quarantine(SOURCE, "3", ("no title",))
    register.standings.keep()
    judge(register, "1", Outcome.NOT_APPLICABLE)
    judge(register, "2", None)
    judge(register, "4", Outcome.BREACH)
    assert register.standings.applied() == {RULE: (2, 2), OTHER: (3, 4)}
