"""Rows of the public views as plain data, for evidence."""

from __future__ import annotations

from capa_sync.exports import Row
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.store import RegisterSnapshot

_COLUMNS = {view.name: tuple(column.name for column in view.columns) for view in PUBLIC_VIEWS}


def view_rows(snapshot: RegisterSnapshot, view: str) -> list[Row]:
    """Return the chosen rows of a public view by column name."""
    columns = _COLUMNS[view]
    return [dict(zip(columns, row, strict=True)) for row in snapshot.rows(view, columns)]
