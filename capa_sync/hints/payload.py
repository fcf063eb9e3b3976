"""Reads the ids that a hint names and nothing else: other content may be stale, forged or out of order."""

from __future__ import annotations

import json

from capa_sync.kinds import HintFormat

MOST_IDS = 50
"""Largest number of ids taken from one hint."""


def ids_in(form: HintFormat, body: bytes) -> list[str]:
    """Return the immutable ids of tickets that a hint names, by the format of its kind; none if malformed."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(payload, dict):
        return []
    return list(dict.fromkeys(form.ids(payload)))[:MOST_IDS]
