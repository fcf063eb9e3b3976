"""All that rules say, on one page: each message and fix with the state in which it is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capa_sync.rules.rule import Rule
from capa_sync.rules.states import StateWording, distinct, never_said


def wording_of(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return what each rule says as JSON-able data: its texts with a state, and those that are never said."""
    return [
        {
            "rule": rule.id,
            "title": rule.title,
            "texts": [_text(spoken) for spoken in distinct(rule)],
            "never_said": [f"{key}: the text at {rule.file}:{each.line}" for key, each in never_said(rule)],
        }
        for rule in rules
    ]


def _text(spoken: StateWording) -> dict[str, str]:
    verdict = spoken.verdict
    return {
        "outcome": str(verdict.outcome),
        "severity": str(verdict.severity),
        "state": spoken.state,
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
        lines += [f"\nNever said: {each}" for each in rule["never_said"]]
    return lines
