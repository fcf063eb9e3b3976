"""The cells of a ServiceNow row: in one or both of the forms in which the Table API sends them."""

from __future__ import annotations

from typing import Any

from capa_sync.model.patterns import DATE_LIKE

Row = dict[str, Any]
_LONGEST_TABLE = 80


def value_of(row: Row, column: str) -> str:
    """Return a column's raw value, whichever display form was requested; "" when it is missing or a structure."""
    cell = row.get(column)
    if isinstance(cell, str):
        return cell
    if isinstance(cell, dict):
        cell = cell.get("value")
    return "" if cell is None or isinstance(cell, (dict, list)) else str(cell)


def is_text(cell: Any) -> bool:
    """Tell whether a cell is in one of the two forms that the API documents: a text, or an object around one.

    The platform sends every value as a text (docs/servicenow.md 1.2). What is anything else (a number, a truth
    value, a list, an object) was changed on its way or is no value of a column: its meaning is unknown.
    """
    if isinstance(cell, dict):
        cell = cell.get("value", 0)
    return cell is None or isinstance(cell, str)


def display_of(row: Row, column: str) -> str:
    """Return a column's display text, or its raw value when there is no other."""
    cell = row.get(column)
    if isinstance(cell, dict):
        return str(cell.get("display_value") or cell.get("value") or "")
    return "" if cell is None else str(cell)


def lean(row: Row) -> Row:
    """Keep a row's raw values, and display texts where they say more.

    Display texts of dates are left out: their zone and format depend on the reading account. Most columns of a wide
    table are empty; what remains of a page is a fifth of it.
    """
    try:
        return {
            column: ""
            if cell == ""
            else (value if value == (shown := cell["display_value"]) else _cell(value, shown))
            if (value := cell["value"]) and isinstance(value, str)
            else _any_cell(cell)
            for column, cell in row.items()
        }
    except (KeyError, TypeError):  # a cell that does not have both
        return {column: _any_cell(cell) for column, cell in row.items()}


def _any_cell(cell: Any) -> Any:
    """Return a cell of any shape as text; one that is no text keeps its value, so that the parser finds it."""
    if not isinstance(cell, dict):
        return cell or "" if is_text(cell) else {"value": cell}
    if not is_text(cell):
        return {name: cell[name] for name in ("value",) if name in cell}
    value, display = cell.get("value"), cell.get("display_value")
    return _cell(value, display if isinstance(display, str) else "") if value else ""


def _cell(value: Any, display: Any) -> Any:
    if not display or display == value or DATE_LIKE.fullmatch(value):
        return value
    return {"display_value": display, "value": value}


def is_table_name(name: str) -> bool:
    """Tell whether this can be the name of a table: it goes into addresses and queries."""
    return name.isascii() and name.replace("_", "a").isalnum() and len(name) <= _LONGEST_TABLE
