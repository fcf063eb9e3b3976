"""Content of a whole SQLite file that is not what capa-sync writes, in one line that names where it was met."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capa_sync.errors import UnreadableContent, UnreadableValue

_GATEWAYS = frozenset({"unreadable.py", "columns.py", "database.py", "connections.py", "sqlite_errors.py"})
"""Modules through which all others read: they are not the place that a person who mends the register looks for."""


def unreadable(what: str, error: BaseException | None = None, path: Path | None = None) -> UnreadableContent:
    """Return the error for content that cannot be read; `error` is what the reading raised.

    `path` is that of the register where the file as a whole is wrong, None for a single value.

    The line names the type of that error and the place of the statement, as a fault of ours could look the same. It
    does not show the value: it may be the text of a ticket.
    """
    kind = "" if error is None else f", {type(error).__name__}"
    kind_of_error = UnreadableValue if path is None else UnreadableContent
    return kind_of_error(
        f"{path or 'the register'}: its content is not what capa-sync writes ({what}{kind} at {_place()}); put the "
        "file aside and restore the last backup (docs/operating.md, Restore)"
    )


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what a block raises that takes stored content apart, and does nothing else, into UnreadableContent."""
    try:
        yield
    except UnreadableContent:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise unreadable(what, error) from error


def _place() -> str:
    """Return `store/FILE:LINE` of the innermost code of the store that is no gateway."""
    here = Path(__file__).parent
    for frame in reversed(traceback.extract_stack()):
        file = Path(frame.filename)
        if file.parent == here and file.name not in _GATEWAYS:
            return f"store/{file.name}:{frame.lineno}"
    return "an unknown place"
