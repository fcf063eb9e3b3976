"""Errors of the page: which are visitors' mistakes, what the log may say of the others, and a plugin of Datasette."""

from __future__ import annotations

import logging
import sqlite3

from datasette import hookimpl

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


@hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
def handle_exception(exception: Exception) -> None:
    """Raise every error, so that the guard answers it: Datasette would print its traceback and show its message.

    Datasette's own handler is there or not by the order in which its modules are imported.
    """
    raise exception


def is_of_the_request(error: Exception) -> bool:
    """Tell whether a page failed for its parameters: Datasette checks few of them before it uses them."""
    if isinstance(error, sqlite3.Error):
        return any(words in str(error) for words in _OF_THE_REQUEST)
    return not isinstance(error, CapaSyncError | OSError)


def safe_message(error: Exception) -> str:
    """Return an error's message if it cannot contain a ticket's text, otherwise only its type."""
    is_safe = isinstance(error, sqlite3.Error | CapaSyncError)
    return f"{type(error).__name__}: {one_line(str(error))[:200]}" if is_safe else type(error).__name__


def log_error(path: str, kind: str) -> None:
    """Write the log line of an error; the path is from a closed list, `kind` has been made safe."""
    logging.getLogger("capa_sync.web").error("action=page_error path=%s error=%r", path, kind)
