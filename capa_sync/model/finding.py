"""Verdicts: what rules say of a record now. Findings: how a rule's verdicts develop over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from capa_sync.model.light import light


class Severity(StrEnum):
    """How much a finding matters; not the grade of a nonconformity."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


SEVERITY_ORDER: tuple[Severity, ...] = (Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH)


class Outcome(StrEnum):
    """The five verdicts (docs/contract.md 2)."""

    OK = "ok"
    BREACH = "breach"
    HISTORICAL = "historical"
    NOT_APPLICABLE = "not_applicable"
    CANNOT_TELL = "cannot_tell"


FINE = frozenset({Outcome.OK, Outcome.NOT_APPLICABLE})
"""The outcomes that say nothing against a record."""


class FindingState(StrEnum):
    """States of a finding (docs/contract.md 2)."""

    OPEN = "open"
    HISTORICAL = "historical"
    WAIVED = "waived"
    CLEARED = "cleared"
    CANNOT_TELL = "cannot_tell"


class Mode(StrEnum):
    """Where a rule's verdicts go: only to its tests, only to the register, or also to the ticket."""

    DRAFT = "draft"
    QUIET = "quiet"
    WARN = "warn"


@light
class Evidence:
    """One fact that a verdict is based on, for `explain`: a field's value or a history entry.

    Attributes:
        what: canonical field (or `stage`, `actions`, `comment`). text: the fact in words.
        at: instant of the history entry, None for a present value. by: canonical person. entry: id of the entry.
        phrase: the rule line that needed the fact. truth: result of that line: `true`, `false` or `cannot tell`.
    """

    what: str
    text: str
    at: datetime | None = None
    by: str | None = None
    entry: str = ""
    phrase: str = ""
    truth: str = ""


@light
class Verdict:
    """What one rule says of one record at one instant.

    Attributes:
        rule, clause, title, mode: from the rule file (clause of the active profile's standard).
        outcome: one of five. severity: of the highest rung that holds; has a meaning for breach and historical.
        message, fix: for the present state of the record, placeholders filled in; without a count of days.
        args: stable arguments (name, fact): the facts in the message, independent of its wording.
        reason: for cannot_tell and not_applicable, why, in words.
        evidence: the facts it is based on. next_due: next due instant, at which anything of the verdict may change
            by time alone; None never. hides: ids of rules that this one hides while it is open.
        on_ticket: language, title, message and fix in it; () where the ticket's text is in the English of the rule.
    """

    rule: str
    outcome: Outcome
    severity: Severity
    title: str = ""
    clause: str = ""
    mode: Mode = Mode.QUIET
    message: str = ""
    fix: str = ""
    args: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    next_due: datetime | None = None
    hides: tuple[str, ...] = ()
    number: int = 0
    on_ticket: tuple[str, ...] = ()


@light
class Finding:
    """One episode of a rule on a ticket, as stored.

    Attributes:
        source, ticket_id: the ticket. rule: rule id. episode: 1, 2, … per (ticket, rule).
        state, severity: now. opened_at, cleared_at: instants of evaluation. message, fix, title, clause: the last
            ones while it was open. args: stable arguments. rule_set: digest of the rule set that judged it.
        inputs: JSON-able evidence, kept for the auditor. hidden_by: id of the rule whose open finding hides this
            one on the ticket, "" none. mode: mode of the rule. waived_until: set while waived.
        on_ticket: as in `Verdict`.
    """

    source: str
    ticket_id: str
    rule: str
    episode: int
    state: FindingState
    severity: Severity
    opened_at: datetime
    rule_set: str
    cleared_at: datetime | None = None
    title: str = ""
    clause: str = ""
    message: str = ""
    fix: str = ""
    args: tuple[tuple[str, str], ...] = ()
    mode: Mode = Mode.QUIET
    hidden_by: str = ""
    waived_until: datetime | None = None
    waived_by: str = ""
    waived_reason: str = ""
    inputs: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    number: int = 0
    on_ticket: tuple[str, ...] = ()
