"""A plugin of Datasette: it raises all errors except visitors' mistakes, so that the guard logs them."""

from __future__ import annotations

from datasette import hookimpl
from datasette.utils.asgi import Base400
from datasette.views.base import DatasetteError


@hookimpl(tryfirst=True)  # type: ignore[untyped-decorator]
def handle_exception(exception: Exception) -> None:
    """Raise an error that is no mistake of a visitor: Datasette would print its traceback and show its message."""
    if not isinstance(exception, Base400 | DatasetteError):
        raise exception
