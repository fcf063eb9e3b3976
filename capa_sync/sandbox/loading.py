"""What a file of the sandbox's form (CONTRACT.md 9) is for: the face that its site line names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from capa_sync.errors import Problem, UserError

FACES = ("cloud", "datacenter", "servicenow")
_HINT = 'the first line must be {"kind": "site", "face": "cloud|datacenter|servicenow", …}'


def face_of(file: Path) -> str:
    """The face that a file describes, by its first line that is not blank.

    Raises:
        UserError: the file cannot be read, or its first line is no site line with a known face.
    """
    number, line = _first_line(file)
    try:
        site: Any = json.loads(line)
    except ValueError as error:
        raise UserError([Problem(str(file), number, f"not JSON: {error}", _HINT)]) from None
    if not isinstance(site, dict) or site.get("kind") != "site":
        raise UserError([Problem(str(file), number, "this is no site line", _HINT)])
    if site.get("face") not in FACES:
        raise UserError([Problem(str(file), number, f"there is no face {site.get('face')!r}", _HINT)])
    return str(site["face"])


def _first_line(file: Path) -> tuple[int, str]:
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    return number, line
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(
            [Problem(str(file), 0, f"cannot be read: {error}", "plain or .gz JSON lines in UTF-8")]
        ) from None
    raise UserError([Problem(str(file), 0, "the file is empty", _HINT)])
