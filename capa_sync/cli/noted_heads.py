"""Heads of the hash chain that were noted elsewhere: on the command line, or in a file such as a mail or a tag."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from capa_sync.errors import NotPublished, Problem, UserError
from capa_sync.model.chain import ChainHead
from capa_sync.model.light import light
from capa_sync.model.userfile import read_user_file
from capa_sync.publishing import read_time_stamp

_STANDARD_INPUT = "-"
_LARGEST = 16 * 1_048_576
"""Bytes of a file of heads, such as a mail, and of what proves its time stamp."""


def heads_of(text: str) -> list[ChainHead]:
    """Return a noted head, or all of a file, or of the standard input for `-`. Raises UserError."""
    try:
        return [ChainHead.parse(text)]
    except ValueError:
        pass
    try:
        content = (
            sys.stdin.read(_LARGEST)
            if text == _STANDARD_INPUT
            else read_user_file(Path(text), text, _LARGEST).decode()
        )
    except (OSError, UnicodeError, UserError):
        hint = (
            "give NUMBER:HASH as `capa-sync verify --head` prints it, or a file that has it, such as a mail or a tag"
        )
        raise UserError([Problem("", 0, f"'{text}' is no head and no file that can be read", hint)]) from None
    found = [head for number, line in enumerate(content.splitlines(), 1) for head in _heads_in(text, number, line)]
    if not found:
        hint = "it needs NUMBER:HASH, as `capa-sync verify --head` prints it"
        raise UserError([Problem(text, 0, "there is no head in it", hint)])
    return found


def _heads_in(file: str, number: int, line: str) -> list[ChainHead]:
    try:
        return ChainHead.all_in(line)
    except ValueError as error:
        hint = "a hash has 64 hexadecimal digits, as `capa-sync verify --head` prints it"
        raise UserError([Problem(file, number, str(error), hint)]) from None


@light
class StampedFile:
    """A file of heads with a time stamp beside it; `problem` says why that proves nothing, "" where it does."""

    file: str
    says: str
    problem: str = ""


def stamps_of(texts: Sequence[str], roots: Path | None) -> list[StampedFile]:
    """Return the files of heads that have a time stamp, checked if roots are given. Raises UserError."""
    files = [Path(text) for text in texts if Path(f"{text}.tsr").is_file()]
    trusted = read_user_file(roots, str(roots), _LARGEST) if roots is not None else None
    return [_stamped(file, trusted) for file in files]


def _stamped(file: Path, trusted: bytes | None) -> StampedFile:
    answer_file = file.with_name(f"{file.name}.tsr")
    answer = read_user_file(answer_file, str(answer_file), _LARGEST)
    if trusted is None:
        return StampedFile(str(file), "has a time stamp; --tsa-ca CA.pem proves since when it was there")
    try:
        stamp = read_time_stamp(answer, read_user_file(file, str(file), _LARGEST), trusted)
    except NotPublished as error:
        return StampedFile(str(file), str(error), str(error))
    says = f"was there on {stamp.at:%Y-%m-%dT%H:%M:%SZ}, by the time stamp of {stamp.authority}"
    return StampedFile(str(file), says)
