"""A plugin of Datasette: it words the mistakes of visitors itself; all else is raised, for the door to tell."""

from __future__ import annotations

from datasette import hookimpl
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError


@hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
def handle_exception(exception: Exception) -> None:
    """Raise what is no mistake of a visitor: Datasette would print it with its traceback, and show its words."""
    if not isinstance(exception, Base400 | DatasetteError):
        raise exception
