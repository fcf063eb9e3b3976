"""Verdicts of rules, and findings: what a verdict means over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from capa_sync.model.light import light


class Severity(StrEnum):
    """How much a finding matters; not a nonconformity's grade."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


SEVERITY_ORDER: tuple[Severity, ...] = (Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH)


class Outcome(StrEnum):
    """The five verdicts (CONTRACT.md 2)."""

    OK = "ok"
    BREACH = "breach"
    HISTORICAL = "historical"
    NOT_APPLICABLE = "not_applicable"
    CANNOT_TELL = "cannot_tell"


class FindingState(StrEnum):
    """States of a finding (CONTRACT.md 2)."""

    OPEN = "open"
    HISTORICAL = "historical"
    WAIVED = "waived"
    CLEARED = "cleared"
    CANNOT_TELL = "cannot_tell"


class Mode(StrEnum):
    """What may happen with a rule's verdicts: tested only, register only, or written back."""

    DRAFT = "draft"
    QUIET = "quiet"
    WARN = "warn"


@light
class Evidence:
    """One fact a verdict rests on: a field's value or a history entry, for `explain`.

    Attributes:
        what: canonical field (or `stage`, `actions`, `comment`). text: the fact in words.
        at: instant of the history entry, None for a present value. by: canonical person. entry: its id.
        phrase: the rule line it was read for. truth: `true`, `false` or `cannot tell` of that line.
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
        outcome: one of five. severity: highest rung that holds; meaningful for breach and historical.
        message, fix: worded for the state that the record is in, with placeholders filled; no count of days.
        args: stable arguments (name, fact): what the words rest on, however they are worded.
        reason: for cannot_tell and not_applicable, why, in words.
        evidence: the facts behind it. next_due: instant at which anything of it may change by time alone, None never.
        hides: rule ids that this one hides when open. deadline_rule: counts for `overdue`.
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


@light
class Finding:
    """One episode of a rule on a ticket, as stored.

    Attributes:
        source, ticket_id: the ticket. rule: rule id. episode: 1, 2, … per (ticket, rule).
        state, severity: now. opened_at, cleared_at: instants of judgement. message, fix, title, clause: as last
            worded while open. args: stable arguments. rule_set: hash of the rule set it was judged by.
        inputs: JSON-able evidence, kept for the auditor. hidden_by: rule id of the open finding that hides this
            one on the ticket, "" none. mode: of the rule. waived_until: set while waived.
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
