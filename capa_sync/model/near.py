"""Hints for a word that a user's file may not hold: the nearest word that it may, or the list of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches

NONE: Mapping[str, str] = {}
_LONGEST = 80
"""Characters of a word that are compared."""
MOST_LISTED = 16
"""Words that a hint lists; longer lists are of no help on one line."""

FIELD_WORDS: Mapping[str, str] = {
    "action_plan": "actions",
    "approver": "plan_approved_by",
    "assignee": "owner",
    "assigned_to": "owner",
    "cause": "root_cause",
    "classification": "grade",
    "closed": "closed_at",
    "closed_date": "closed_at",
    "containment": "correction",
    "created": "created_at",
    "created_on": "created_at",
    "deadline": "due_at",
    "detected": "detected_at",
    "due": "due_at",
    "due_date": "due_at",
    "duedate": "due_at",
    "five_whys": "why_chain",
    "opened_at": "created_at",
    "reporter": "raised_by",
    "responsible": "owner",
    "reviewer": "effectiveness_reviewer",
    "similar": "similar_refs",
    "site": "location",
    "state": "stage",
    "status": "stage",
    "summary": "title",
    "targetdate": "due_at",
    "verified_by": "effectiveness_reviewer",
    "verifier": "effectiveness_reviewer",
}
"""What trackers and other tools call a field -> our field."""

STAGE_WORDS: Mapping[str, str] = {
    "abgelehnt": "rejected",
    "abgeschlossen": "closed",
    "canceled": "cancelled",
    "complete": "closed",
    "completed": "closed",
    "done": "implemented",
    "geschlossen": "closed",
    "in_arbeit": "planned",
    "in_progress": "planned",
    "new": "identified",
    "offen": "identified",
    "open": "identified",
    "opened": "identified",
    "resolved": "implemented",
    "to_do": "identified",
    "umgesetzt": "implemented",
    "wirksam": "verified",
}
"""What trackers call a state, in English and German -> the stage that it most often means."""


def did_you_mean(word: str, known: Iterable[str], others: Mapping[str, str] = NONE) -> str:
    """Return `did you mean 'x'?` for the nearest known word, "" when no word is near.

    `others` gives what other tools or languages say for a known word. Capitals, spaces and hyphens count as nothing.
    """
    near = nearest(word, known, others)
    return f"did you mean '{near}'?" if near else ""


def nearest(word: str, known: Iterable[str], others: Mapping[str, str] = NONE) -> str:
    """Return the known word that is nearest to a word, "" when none is near."""
    plain = {_plain(candidate): candidate for candidate in known}
    word = word[:_LONGEST]
    meant = others.get(_plain(word), "")
    if meant in plain.values():
        return meant
    near = get_close_matches(_plain(word), list(plain), n=1, cutoff=0.6)
    return plain[near[0]] if near else ""


def _plain(word: str) -> str:
    return word.strip().casefold().replace(" ", "_").replace("-", "_")


def one_of(known: Iterable[str], see: str = "") -> str:
    """Return `write one of a, b`; of a long list `see`, which says where it stands."""
    words = list(known)
    if not words:
        return ""
    if len(words) > MOST_LISTED:
        return see
    return f"write {words[0]}" if len(words) == 1 else f"write one of {', '.join(words)}"


def near_or_all(word: str, known: Iterable[str], others: Mapping[str, str] = NONE, see: str = "") -> str:
    """Return `did you mean 'x'?`, or else the known words."""
    words = list(known)
    return did_you_mean(word, words, others) or one_of(words, see)


def day_hint(text: str, otherwise: str) -> str:
    """Return how to write a day that cannot be read: the same day where it is plain which one is meant."""
    day = day_meant(text)
    return otherwise if day is None else f"write {day}"


def day_meant(text: str) -> date | None:
    """Return the day of a text in another form, None where it is not plain which one is meant."""
    for form, order in _OTHER_DAYS:
        if found := form.match(text.strip()):
            day = dict(zip(order, map(int, found.groups()), strict=True))
            try:
                return date(day["y"], day["m"], day["d"])
            except ValueError:
                break
    return None


_OTHER_DAYS = (
    (re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$"), "ymd"),
    (re.compile(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})$"), "dmy"),
)
"""Other ways to write a day that have one meaning; 03/02/2026 has two."""
