"""Which columns of the public views show text of a ticket, and the SQL that masks them by role in confidential ones.

What may quote a record's actions is masked also where one of these is a confidential ticket of its own. Every column
that is not declared harmless is masked: a column of a later version stays hidden until it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capa_sync.model.columns import RESTRICTED
from capa_sync.model.view_columns import PUBLIC_VIEWS
from capa_sync.model.visitor import AccessRole

REGISTER = "register"
"""The name of the one database that the page shows."""

HARMLESS: Mapping[str, frozenset[str]] = {
    view.name: frozenset(column.name for column in view.columns if not column.masked) for view in PUBLIC_VIEWS
}
"""Public view -> columns that contain no text of a ticket and no person."""

_QUOTING: Mapping[str, frozenset[str]] = {
    view.name: frozenset(column.name for column in view.columns if column.quotes_actions) for view in PUBLIC_VIEWS
}

_SCHEMA = "<file>"
_OPEN = "COALESCE({0}.confidential, '') IN ('', 'no')"
_ROW = f"SELECT 1 FROM {_SCHEMA}.v_register r WHERE r.source = x.source AND r.ticket_id = x.ticket_id AND "  # noqa: S608
_ACTIONS_ARE_CLEAR = f"""NOT EXISTS (SELECT 1 FROM {_SCHEMA}.v_actions a
    WHERE a.source = x.source AND a.ticket_id = x.ticket_id AND a.confidential = 'yes')"""  # noqa: S608
_IS_CLEAR: Mapping[str, str] = {
    "v_register": _OPEN.format("x"),
    # A ticket in the mirror that is not in the register may be confidential: nothing says that it is not.
    **dict.fromkeys(
        ("v_findings", "v_changes", "v_actions", "v_episodes", "v_waivers", "v_disagreements"),
        "x.confidential = 'no'",
    ),
    # Why a ticket is not in the register, or a write is stuck, must be visible; it quotes settings, not tickets.
    **dict.fromkeys(("v_writes", "v_today", "v_cannot_tell"), _OPEN.format("x")),
    "v_tickets": f"NOT EXISTS ({_ROW}NOT ({_OPEN.format('r')}))",
    "v_sources": "1",
    "v_joined": "1",
    "v_activations": "1",
    "v_months": "1",
    "v_rule_months": "1",
    # Nothing says any more whether an erased ticket was confidential; a hold may be about one that is.
    **dict.fromkeys(("v_erasures", "v_holds"), "0"),
    "v_digests": "0",  # who gets mail, and what a mail server answered
}


def view_for(role: AccessRole, view: str, columns: Sequence[str], schema: str) -> str:
    """Return the statement that creates a temporary view over the public view of the same name in `schema`.

    It shows what a role may see: whoever shows rows to somebody reads them through such views.
    """
    shown = ", ".join(_shown(view, column, role) for column in columns).replace(_SCHEMA, schema)
    return f"CREATE TEMP VIEW {view} AS SELECT {shown} FROM {schema}.{view} x"  # noqa: S608 - names of ours


def _shown(view: str, column: str, role: AccessRole) -> str:
    name = '"' + column.replace('"', '""') + '"'
    if column in HARMLESS[view] or not role.is_masked:
        return f"x.{name}"
    clear = _IS_CLEAR[view]
    if column in _QUOTING[view]:
        clear = f"({clear}) AND (x.{name} = '' OR {_ACTIONS_ARE_CLEAR})"
    return f"CASE WHEN {clear} THEN x.{name} ELSE '{RESTRICTED}' END AS {name}"
