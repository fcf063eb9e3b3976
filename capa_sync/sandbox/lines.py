"""Reads the lines of a sandbox file, plain or gzipped, within limits on their length and number."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from capa_sync.errors import Problem, UserError

LONGEST_LINE = 16 * 1_048_576
"""Most bytes of one line, which holds a ticket with its whole history; no real export exceeds this."""
MOST_LINES = 2_000_000
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""The exceptions that reading a line of the wrong shape can raise."""
_HINT = "plain or .gz JSON lines in UTF-8"


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a file.

    Raises:
        UserError: the path is no regular file, it cannot be read to its end, or it exceeds a limit.
    """
    number = 0
    try:
        with _opened(path) as file:
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE or number > MOST_LINES:
                    raise UserError(
                        [
                            Problem(
                                str(path),
                                number,
                                "this line is longer than any ticket, or the file than any site",
                                _HINT,
                            )
                        ]
                    )
                yield line.decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError) as error:
        what = f"cannot be read to its end: {error}"
        raise UserError([Problem(str(path), number + 1, what[:200], _HINT)]) from None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as raw:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError([Problem(str(path), 0, "this is no regular file", _HINT)])
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as plain:
            yield cast(BinaryIO, plain)
