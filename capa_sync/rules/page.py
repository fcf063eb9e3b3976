"""Every wording of the rules on one page: each message and fix with the state in which it is used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from capa_sync.model.comment_texts import ENGLISH, CommentTexts
from capa_sync.rules.rule import Rule
from capa_sync.rules.states import StateWording, distinct, never_said, states_of
from capa_sync.rules.translating import translation_of, untranslated


def wording_of(rules: Iterable[Rule], texts: CommentTexts = ENGLISH) -> list[dict[str, Any]]:
    """Return the wording of each rule as JSON-able data: its texts, each with a state, and texts never used.

    `in_english`: the parts that are in English, because the language has none for this rule.
    """
    chosen = list(rules)
    lacking = untranslated(chosen, texts)
    found = []
    for rule in chosen:
        states = list(states_of(rule, texts))
        unused = never_said(rule, states)
        found.append(
            {
                "rule": rule.id,
                "title": translation_of(rule, texts).title or rule.title,
                "texts": [_text(wording) for wording in distinct(rule, states)],
                "never_said": [f"{key}: the text at {rule.file}:{variant.line}" for key, variant in unused],
                "in_english": list(lacking.get(rule.id, ())),
            }
        )
    return found


def _text(wording: StateWording) -> dict[str, str]:
    verdict = wording.verdict
    _, _, message, fix = verdict.on_ticket or ("", "", verdict.message, verdict.fix)
    return {
        "outcome": str(verdict.outcome),
        "severity": str(verdict.severity),
        "state": wording.state,
        "message": message,
        "fix": fix,
    }


def page_lines(wording: Iterable[dict[str, Any]], texts: CommentTexts = ENGLISH) -> list[str]:
    """Return the page as lines of Markdown."""
    lines: list[str] = []
    for rule in wording:
        lines += ["", f"## {rule['rule']}", "", f"{rule['title']}."]
        for number, text in enumerate(rule["texts"], 1):
            head = f"{text['outcome']}, {text['severity']}"
            lines += ["", f"{number}. {head}. State: {text['state']}.", "", f"   > {text['message']}"]
            lines += ["   >", f"   > {texts.sentences.do_this} {text['fix']}"] if text["fix"] else []
        lines += [f"\nNever said: {text}" for text in rule["never_said"]]
        lines += [f"\nIn English: {', '.join(rule['in_english'])}"] if rule["in_english"] else []
    return lines
