"""The file of tokens for the page's sign-in: a line for each token, with its hash alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from capa_sync.errors import Problem, UserError
from capa_sync.model.near import did_you_mean
from capa_sync.model.page_access import PageToken, token_digest
from capa_sync.model.userfile import decoded, read_user_file
from capa_sync.model.visitor import AccessRole

LARGEST = 1_048_576
PREFIX = "capa_"
"""Begins every token, so that programs that search for leaked secrets can know one."""
_TOKEN_BYTES = 32
_NAME = re.compile(r"[\w.@+-]{1,100}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_FORM = "write NAME ROLE sha256:HASH, and a last day or nothing; `capa-sync token NAME --role ROLE` makes such a line"


def new_token(name: str, role: AccessRole, until: date | None) -> tuple[str, str]:
    """Return a new token and its line for the file. Raises UserError for a name that the file cannot hold."""
    if _NAME.fullmatch(name) is None:
        what = f"'{name[:40]}' cannot be a name here"
        raise UserError([Problem("", 0, what, "write letters, digits and . @ + - _, best the id of the people file")])
    token = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
    cells = (name, role.value, f"sha256:{token_digest(token)}", *((until.isoformat(),) if until else ()))
    return token, " ".join(cells)


def read_tokens(path: Path, shown: str) -> list[PageToken]:
    """Read a file of tokens. Raises UserError with a problem for each line that has a mistake."""
    found, problems = [], []
    for number, line in _lines(decoded(read_user_file(path, shown, LARGEST), shown)):
        try:
            found.append(_token(line.split()))
        except ValueError as error:
            what, _, hint = str(error).partition("; ")
            problems.append(Problem(shown, number, what, hint))
    if problems:
        raise UserError(problems)
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _token(cells: list[str]) -> PageToken:
    """Return the token of a line. Raises ValueError with what is wrong and the hint, never with the hash."""
    if len(cells) not in (3, 4) or _NAME.fullmatch(cells[0]) is None:
        raise ValueError(f"this is no token; {_FORM}")
    match = _HASH.fullmatch(cells[2])
    if match is None:
        raise ValueError(f"the third word is no sha256:HASH; {_FORM}")
    try:
        role = AccessRole(cells[1])
    except ValueError:
        roles = [known.value for known in AccessRole]
        hint = did_you_mean(cells[1], roles) or f"write one of {', '.join(roles)}"
        raise ValueError(f"there is no role '{cells[1][:40]}'; {hint}") from None
    try:
        until = date.fromisoformat(cells[3]) if len(cells) == 4 else None
    except ValueError:
        raise ValueError("the fourth word is no day; write a day such as 2026-06-15") from None
    return PageToken(cells[0], role, match[1], until)
