"""Every wording of the rules on one page: each message and fix with the state in which it is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capa_sync.rules.rule import Rule
from capa_sync.rules.states import StateWording, distinct, never_said


def wording_of(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return the wording of each rule as JSON-able data: its texts, each with a state, and texts never used."""
    return [
        {
            "rule": rule.id,
            "title": rule.title,
            "texts": [_text(wording) for wording in distinct(rule)],
            "never_said": [f"{key}: the text at {rule.file}:{variant.line}" for key, variant in never_said(rule)],
        }
        for rule in rules
    ]


def _text(wording: StateWording) -> dict[str, str]:
    verdict = wording.verdict
    return {
        "outcome": str(verdict.outcome),
        "severity": str(verdict.severity),
        "state": wording.state,
        "message": verdict.message,
        "fix": verdict.fix,
    }


def page_lines(wording: Iterable[dict[str, Any]]) -> list[str]:
    """Return the page as lines of Markdown."""
    lines: list[str] = []
    for rule in wording:
        lines += ["", f"## {rule['rule']}", "", f"{rule['title']}."]
        for number, text in enumerate(rule["texts"], 1):
            head = f"{text['outcome']}, {text['severity']}"
            lines += ["", f"{number}. {head}. State: {text['state']}.", "", f"   > {text['message']}"]
            lines += ["   >", f"   > Do this: {text['fix']}"] if text["fix"] else []
        lines += [f"\nNever said: {text}" for text in rule["never_said"]]
    return lines
