"""Reads which face (Jira Cloud, Data Center, ServiceNow) a file in the sandbox's format has (docs/contract.md 9)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from capa_sync.errors import Problem, UserError
from capa_sync.sandbox.lines import UNREADABLE, lines_of

FACES = ("cloud", "datacenter", "servicenow")
_HINT = 'the first line must be {"kind": "site", "face": "cloud|datacenter|servicenow", …}'


def face_of(file: Path) -> str:
    """Return the face that a file describes; its first line that is not blank, the site line, names it.

    Raises:
        UserError: the file cannot be read, or its first line is no site line with a known face.
    """
    number, line = _first_line(file)
    try:
        site: Any = json.loads(line)
    except UNREADABLE as error:
        raise UserError([Problem(str(file), number, f"not JSON: {error}"[:200], _HINT)]) from None
    if not isinstance(site, dict) or site.get("kind") != "site":
        raise UserError([Problem(str(file), number, "this is no site line", _HINT)])
    if str(site.get("face")) not in FACES:
        shown = repr(site.get("face"))[:80]
        raise UserError([Problem(str(file), number, f"there is no face {shown}", _HINT)])
    return str(site["face"])


def _first_line(file: Path) -> tuple[int, str]:
    for number, line in enumerate(lines_of(file), 1):
        if line.strip():
            return number, line
    raise UserError([Problem(str(file), 1, "the file is empty", _HINT)])
