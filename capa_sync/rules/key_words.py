"""What other tools and languages call the keys and words of a rule file, for hints."""

from __future__ import annotations

KEY_WORDS = {
    "assert": "require",
    "check": "require",
    "condition": "require",
    "conditions": "require",
    "description": "title",
    "enabled": "mode",
    "filter": "applies_to",
    "id": "rule",
    "if": "when",
    "klausel": "clause",
    "level": "severity",
    "match": "applies_to",
    "meldung": "message",
    "must": "require",
    "name": "title",
    "priority": "severity",
    "recommendation": "fix",
    "remediation": "fix",
    "schwere": "severity",
    "scope": "applies_to",
    "state": "mode",
    "status": "mode",
    "suppresses": "hides",
    "text": "message",
    "then": "require",
}
"""What other tools call a key of a rule -> the key."""
FORMS = {
    "rule": "`rule: ID`; the id is the name of the file",
    "title": "`title: …`, a sentence that is true when all is well",
    "clause": "`clause: {iso27001-2022: 10.2 b}`",
    "severity": "`severity: medium`, or a ladder",
    "require": "`require:` and below it the conditions, each with a dash",
    "message": "`message: …`, what is wrong",
    "fix": "`fix: …`, what the owner of the ticket should do",
    "tests": "`tests:` and below it a case that is ok and one that is a breach",
}
"""Key that a rule needs -> how to write it."""
SEVERITY_WORDS = {
    "blocker": "high",
    "critical": "high",
    "error": "high",
    "hoch": "high",
    "informational": "info",
    "information": "info",
    "major": "high",
    "minor": "low",
    "mittel": "medium",
    "moderate": "medium",
    "niedrig": "low",
    "note": "info",
    "warning": "medium",
}
MODE_WORDS = {
    "active": "warn",
    "disabled": "draft",
    "enabled": "warn",
    "enforced": "warn",
    "experimental": "draft",
    "false": "draft",
    "live": "warn",
    "off": "draft",
    "on": "warn",
    "silent": "quiet",
    "test": "draft",
    "true": "warn",
}
SAY_WORDS = {"text": "say", "message": "say", "then": "say", "if": "when", "condition": "when"}
RESULT_WORDS = {
    "compliant": "ok",
    "fail": "breach",
    "failed": "breach",
    "false": "breach",
    "n/a": "not applicable",
    "na": "not applicable",
    "noncompliant": "breach",
    "pass": "ok",
    "passed": "ok",
    "skip": "not applicable",
    "skipped": "not applicable",
    "true": "ok",
    "unknown": "cannot tell",
    "violation": "breach",
}
CASE_WORDS = {
    "expected": "expect",
    "given": "timeline",
    "name": "case",
    "steps": "timeline",
    "test": "case",
    "then": "expect",
    "title": "case",
}
EXPECT_WORDS = {"date": "day", "message": "says", "outcome": "result", "status": "result", "verdict": "result"}
ACTION_WORDS = {"assignee": "owner", "description": "text", "due": "due_at", "name": "text", "title": "text"}
ROW_WORDS = {"author": "by", "date": "day", "status": "source_status", "user": "by", "who": "by"}
