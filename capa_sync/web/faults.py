"""Errors of the page: which are visitors' mistakes, what the log may say of the others, and a plugin of Datasette."""

from __future__ import annotations

import logging
import sqlite3
from traceback import walk_tb

from datasette import hookimpl
from datasette.views.base import DatasetteError

from capa_sync.errors import CapaSyncError
from capa_sync.model.visible import one_line

_OF_THE_REQUEST = (
    "malformed JSON",  # a filter or facet by array items over a column of none
    "binding parameter",  # a list of objects
    "datatype mismatch",  # a place that is no number of SQLite
    "pattern too complex",
    "string or blob too big",
    "Expression tree is too large",
    "too many SQL variables",
    "integer overflow",
)
"""What SQLite says of a value that a visitor gave; everything else may be the register's fault."""


_OURS = __name__.partition(".")[0]


@hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
def handle_exception(exception: Exception) -> None:
    """Raise every error, so that the guard answers it: Datasette would print its traceback and show its message.

    Datasette's own handler is there or not by the order in which its modules are imported.
    """
    raise exception


def is_of_the_request(error: Exception) -> bool:
    """Return whether a page failed for its parameters: Datasette checks few of them before it uses them.

    What our own code raises is an error of ours, whatever the parameters were.
    """
    if isinstance(error, DatasetteError):
        return True
    if isinstance(error, sqlite3.Error):
        return any(words in str(error) for words in _OF_THE_REQUEST)
    return not isinstance(error, CapaSyncError | OSError) and not _is_ours(error)


def _is_ours(error: Exception) -> bool:
    """Return whether our code raised it, or called what did, and not Datasette's."""
    modules = (frame.f_globals.get("__name__", "") for frame, _line in walk_tb(error.__traceback__))
    packages = [name.partition(".")[0] for name in modules]
    return next((name for name in reversed(packages) if name in {_OURS, "datasette"}), "") == _OURS


def safe_message(error: Exception) -> str:
    """Return an error's message if it cannot contain a ticket's text, otherwise only its type."""
    is_safe = isinstance(error, sqlite3.Error | CapaSyncError)
    return f"{type(error).__name__}: {one_line(str(error))[:200]}" if is_safe else type(error).__name__


def log_error(path: str, kind: str) -> None:
    """Write the log line of an error; the path is from a closed list, `kind` has been made safe."""
    logging.getLogger("capa_sync.web").error("action=page_error path=%s error=%r", path, kind)
